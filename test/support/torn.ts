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
  /** Puts it in place with the log cut at this length. */
  putBack(walBytes: number): void;
}

/** Of a store that nobody has open. */
export function copyWithLog(file: string): Copy {
  const copy = `${file}.untorn`;
  cpSync(file, copy);
  cpSync(`${file}-wal`, `${copy}-wal`);
  return {
    bytes: statSync(`${copy}-wal`).size,
    // https://www.sqlite.org/fileformat2.html#the_write_ahead_log
    page: readFileSync(`${copy}-wal`).readUInt32BE(8),
    putBack(walBytes) {
      rmSync(`${file}-shm`, { force: true });
      cpSync(copy, file);
      cpSync(`${copy}-wal`, `${file}-wal`);
      truncateSync(`${file}-wal`, walBytes);
    },
  };
}

/** Where to tear: nothing, everything, around the ends of frames, anywhere, and above all among the last commits. */
export function tears(copy: Copy, { count, random }: { count: number; random: Random }): number[] {
  const { header, frame, frames } = framesOf(copy);
  const some = (share: number, place: () => number): number[] => Array.from({ length: Math.round(count * share) }, place);
  const last = some(0.4, () => lastCommits(copy, random));
  const ends = some(0.3, () => header + between(random, 0, frames) * frame + between(random, -1, 1));
  const anywhere = some(0.3, () => between(random, 0, copy.bytes));
  return [0, header, copy.bytes, ...last, ...ends, ...anywhere].map((at) => Math.min(Math.max(0, at), copy.bytes));
}

/** At the end of one of the last frames: a commit of the agent's writes some three. */
export function lastCommits(copy: Copy, random: Random): number {
  const { header, frame, frames } = framesOf(copy);
  return header + Math.max(0, frames - between(random, 1, 40)) * frame;
}

function framesOf({ bytes, page }: Copy): { header: number; frame: number; frames: number } {
  const [header, frame] = [32, 24 + page];
  return { header, frame, frames: Math.floor((bytes - header) / frame) };
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
