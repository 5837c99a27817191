/** Torn files: copies of an SQLite store whose write-ahead log ends somewhere, as a disk leaves it that lied about what it had written. */
import { cpSync, existsSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import type { Random } from "../../base/time.ts";
import { between } from "./erp/random.ts";

/** A copy of store and log, to be torn again and again. */
export interface Copy {
  /** Bytes of the log, and of a page of the store. */
  readonly bytes: number;
  readonly page: number;
  /**
   * Nothing before this length can be torn off: a checkpoint has folded it into the store, page by page and only pages that were not changed again behind it. The
   * log was durable before that, so only a disk that keeps no order at all would lose it, and SQLite promises nothing on such a one.
   */
  readonly foldedBytes: number;
  /** Puts it in place with the log cut at this length. */
  putBack(walBytes: number): void;
}

const headerBytes = 32;
const frameHeadBytes = 24;
/** Word of the log's index. */
const foldedAt = 32;

/** From now on nothing is folded back into the store, until this is disposed of: all that is committed lies in the log and can be torn off. */
export function holdLog(file: string): Disposable {
  const reader = new DatabaseSync(file, { readOnly: true });
  reader.exec("BEGIN");
  reader.prepare("SELECT count(*) FROM sqlite_schema").get();
  return { [Symbol.dispose]: () => reader.close() };
}

/** Of a store in which nobody writes. */
export function copyWithLog(file: string): Copy {
  const copy = `${file}.untorn`;
  cpSync(file, copy);
  cpSync(`${file}-wal`, `${copy}-wal`);
  // https://www.sqlite.org/fileformat2.html#the_write_ahead_log
  const page = readFileSync(`${copy}-wal`).readUInt32BE(8);
  // https://www.sqlite.org/walformat.html#the_wal_index_file_format: frames that a checkpoint has folded back, or was about to, in the machine's order
  const folded = new Uint32Array(new Uint8Array(readFileSync(`${file}-shm`)).buffer)[foldedAt] as number;
  return {
    bytes: statSync(`${copy}-wal`).size,
    page,
    foldedBytes: headerBytes + folded * (frameHeadBytes + page),
    putBack(walBytes) {
      rmSync(`${file}-shm`, { force: true });
      cpSync(copy, file);
      cpSync(`${copy}-wal`, `${file}-wal`);
      truncateSync(`${file}-wal`, walBytes);
    },
  };
}

/** Where to tear: all that can be, nothing, around the ends of frames, anywhere, and above all among the last commits. */
export function tears(copy: Copy, { count, random }: { count: number; random: Random }): number[] {
  const { frame, frames } = framesOf(copy);
  const some = (share: number, place: () => number): number[] => Array.from({ length: Math.round(count * share) }, place);
  const last = some(0.4, () => lastCommits(copy, random));
  const ends = some(0.3, () => headerBytes + between(random, 0, frames) * frame + between(random, -1, 1));
  const all = some(0.3, () => anywhere(copy, random));
  return [copy.foldedBytes, copy.bytes, ...last, ...ends, ...all].map((at) =>
    Math.min(Math.max(copy.foldedBytes, at), copy.bytes),
  );
}

export const anywhere = ({ foldedBytes, bytes }: Copy, random: Random): number => between(random, foldedBytes, bytes);

/** At the end of one of the last frames: a commit of the agent's writes some three. */
export function lastCommits(copy: Copy, random: Random): number {
  const { frame, frames } = framesOf(copy);
  return Math.max(copy.foldedBytes, headerBytes + (frames - between(random, 1, 40)) * frame);
}

function framesOf({ bytes, page }: Copy): { frame: number; frames: number } {
  const frame = frameHeadBytes + page;
  return { frame, frames: Math.floor((bytes - headerBytes) / frame) };
}

const sector = 512;

/** Spoils some bytes of the last part of the log, as half-written sectors are. */
export function spoil(file: string, { from, random }: { from: number; random: Random }): void {
  if (!existsSync(file)) return;
  const bytes = readFileSync(file);
  for (let at = from; at < bytes.length; at += sector) {
    if (random() < 0.5) bytes.fill(between(random, 0, 255), at, Math.min(at + sector, bytes.length));
  }
  writeFileSync(file, bytes);
}

/** `ok`, or what SQLite says is wrong with it. */
export function integrity(file: string): string {
  const database = new DatabaseSync(file);
  try {
    return String(database.prepare("PRAGMA integrity_check").get()?.integrity_check);
  } finally {
    database.close();
  }
}
