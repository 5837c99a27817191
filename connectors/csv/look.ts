/**
 * One look into the folder: what is whole is imported, table by table and each table's files in their order, and moved away. What can't be moved stays known: it
 * is never imported twice. A table waits behind a file of its that is not whole yet, or else a later one would come first.
 */
import type { DatabaseSync } from "node:sqlite";
import { describeError, FuserError } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import type { Clock } from "../../base/time.ts";
import type { Drop, DropFile, Shelf } from "./drop.ts";
import { inspect } from "./encoding.ts";
import { databaseError, folderError } from "./errors.ts";
import { FileFault } from "./fault.ts";
import { knownByContent, knownByTime, noteMoved, noteRejected, noteReplaced, oldArchived, standing } from "./history.ts";
import { importFile } from "./import.ts";
import { type FileOrder, orderOf } from "./order.ts";
import { rebuild } from "./rebuild.ts";
import { rejectionText } from "./rejection-text.ts";
import { createSettling } from "./settling.ts";
import type { CsvTable, FileKind } from "./table.ts";
import type { WritingThread } from "./writing-thread.ts";

/** Named moments of an import, where tests end the process. */
export type ImportMoment = "read" | "before-commit" | "commit" | "after-commit" | "after-move";

export interface LookParts {
  drop: Drop;
  tables: readonly CsvTable[];
  /** For the notes of the history, a line each. */
  writer(): DatabaseSync;
  /** For what files hold. */
  thread(): WritingThread;
  reader(): DatabaseSync;
  /** After an import: its pages are taken over from the log. */
  checkpoint(): Promise<void>;
  clock: Clock;
  log: Log;
  settleMs: number;
  archiveKeepMs: number;
  onMoment?: ((moment: ImportMoment) => Promise<void>) | undefined;
}

export interface Looked {
  /** Files that are not whole yet. */
  unsettled: number;
}

interface Candidate extends FileOrder {
  table: CsvTable;
  kind: FileKind;
  file: DropFile;
}

/** After a move has failed, or a file could not be read, and between two clean-ups of the archive. */
const retryMoveMs = 60_000;
const tidyMs = 3_600_000;
/** How long a file that was moved is looked after: its writer may have paused for longer than `settle`. */
const watchMs = 600_000;

interface Moved {
  id: number;
  file: DropFile;
  shelf: Shelf;
  name: string;
  until: number;
}

export function createLook(parts: LookParts): (signal: AbortSignal) => Promise<Looked> {
  const { drop, tables, clock, log } = parts;
  const settling = createSettling(clock, parts.settleMs);
  /** When a file that could not be moved is tried again. */
  const stuck = new Map<string, number>();
  /** When it is said again that a file can't be read, or waits. */
  const sayAgain = new Map<string, number>();
  let moved: Moved[] = [];
  let tidyAt = 0;
  /** Tables that were looked for in the archive, once. */
  const rebuilt = new Set<string>();

  async function look(signal: AbortSignal): Promise<Looked> {
    await takeBack();
    const files = await drop.list(signal);
    const settled = settling.look(files);
    const free = new Set(files);
    let unsettled = 0;
    for (const table of tables) {
      await restore(table, signal);
      const candidates = candidatesOf(table, [...free]);
      // A file is one table's: the first whose name fits.
      for (const { file } of candidates) free.delete(file);
      const lastFull = candidates.findLastIndex(({ kind }) => kind === "full");
      for (const [index, candidate] of candidates.entries()) {
        if (index > lastFull && waitsForFull(candidate)) break;
        if (settled.has(candidate.file.name) && (await take(candidate, signal))) continue;
        unsettled += 1;
        break;
      }
    }
    if (clock.monotonic() >= tidyAt) await tidy();
    return { unsettled };
  }

  /** Deltas change a whole table: before there is one they wait, or the full export that they follow would be older than they are. */
  function waitsForFull(candidate: Candidate): boolean {
    const { table } = candidate;
    if (table.names.full === undefined) return false;
    if (standing(parts.writer(), [table]).has(table.name)) return false;
    say(candidate, "A delta waits for a full export of its table", "erp-export-awaited");
    return true;
  }

  /** Once an hour and file. */
  function say({ table, file }: Candidate, message: string, code: string): void {
    const now = clock.monotonic();
    if (now < (sayAgain.get(file.name) ?? 0)) return;
    for (const [name, until] of sayAgain) if (until <= now) sayAgain.delete(name);
    sayAgain.set(file.name, now + tidyMs);
    log.warn(message, { table: table.name, file: file.name, code });
  }

  /** A file on which somebody went on writing after it was moved was not whole: it goes back, and is read again once it stands still. */
  async function takeBack(): Promise<void> {
    const now = clock.monotonic();
    moved = moved.filter(({ until }) => now < until);
    for (const one of [...moved]) {
      const state = await drop.takeBack(one.file, one.shelf, one.name);
      if (state === "as-it-was") continue;
      moved = moved.filter((other) => other !== one);
      if (state === "gone") continue;
      noteReplaced(parts.writer(), one.id);
      log.warn("A file was written on after it was moved: it went back into the folder, and is read again once it stands still", {
        file: one.file.name,
        code: "erp-file-grown",
      });
    }
  }

  async function restore(table: CsvTable, signal: AbortSignal): Promise<void> {
    if (rebuilt.has(table.name)) return;
    try {
      await rebuild({ drop, writer: parts.writer(), thread: parts.thread(), log, now: clock.now() }, table, signal);
      rebuilt.add(table.name);
    } catch (error) {
      throw databaseError(error, "import a file from the archive", drop.place);
    }
  }

  /** False where the file must wait. */
  async function take(candidate: Candidate, signal: AbortSignal): Promise<boolean> {
    const { table, file, ordered } = candidate;
    const writer = parts.writer();
    const known = knownByTime(writer, table, file);
    if (known) {
      await putAway(file, known.id, known.state === "imported" ? "archive" : "reject");
      return true;
    }
    let importing = false;
    try {
      await using fetched = await drop.fetch(file, signal);
      const inspected = await inspect(fetched.path, signal);
      if (inspected.bytes !== file.bytes || !(await fetched.unchanged())) return wait(file);
      const same = knownByContent(writer, table, { ...file, sha256: inspected.sha256, ordered });
      if (same) {
        await putAway(file, same.id, "archive");
        return true;
      }
      importing = true;
      return await importIt(candidate, { path: fetched.path, inspected, unchanged: fetched.unchanged }, signal);
    } catch (error) {
      if (importing) throw error;
      return waitFor(candidate, error);
    }
  }

  /** One file that can't be read holds up its own table alone. @throws what has nothing to do with this file */
  function waitFor(candidate: Candidate, error: unknown): false {
    const { code = "" } = error as NodeJS.ErrnoException;
    if (["EACCES", "EPERM", "erp-folder-rights"].includes(code)) {
      say(candidate, "A file can't be read: its table waits for it", "erp-file-unreadable");
      return wait(candidate.file);
    }
    // Gone, or locked by its writer.
    if (["ENOENT", "EBUSY", "erp-folder-missing"].includes(code)) return wait(candidate.file);
    throw folderError(error, "read a file", drop.place);
  }

  function wait(file: DropFile): false {
    settling.unsettle(file.name);
    return false;
  }

  type Opened = Pick<Parameters<typeof importFile>[0], "path" | "inspected" | "unchanged">;

  async function importIt(candidate: Candidate, opened: Opened, signal: AbortSignal): Promise<boolean> {
    const { table, kind, file, order, accepted } = candidate;
    const writer = parts.writer();
    const now = clock.now();
    try {
      const begun = clock.monotonic();
      const imported = await importFile(
        { table, kind, name: file.name, bytes: file.bytes, modifiedMs: file.modifiedMs, order, accepted, ...opened },
        { reader: parts.reader(), thread: parts.thread(), now, signal, moment: async (name) => parts.onMoment?.(name) },
      );
      if (imported === undefined) return wait(file);
      log.info("A file was imported", {
        table: table.name,
        file: file.name,
        kind,
        ...imported,
        ms: Math.round(clock.monotonic() - begun),
      });
    } catch (error) {
      if (!(error instanceof FileFault)) throw databaseError(error, "import a file", drop.place);
      const { message, line } = error.details;
      log.warn(`A file was rejected: ${message}`, {
        table: table.name,
        file: file.name,
        code: "erp-file-rejected",
        ...(line === undefined ? {} : { line }),
      });
      const id = noteRejected(writer, { table, kind, file: { ...file, sha256: opened.inspected.sha256 }, reason: message, now });
      await putAway(file, id, "reject", rejectionText(table, file.name, error.details, now));
      return true;
    }
    await parts.onMoment?.("after-commit");
    await parts.checkpoint();
    const entry = knownByTime(writer, table, file);
    if (entry) await putAway(file, entry.id, "archive");
    await parts.onMoment?.("after-move");
    return true;
  }

  /** Moves a file that is dealt with. Where it can't be moved it stays, and is tried again later. */
  async function putAway(file: DropFile, id: number, shelf: Shelf, text?: string): Promise<void> {
    const now = clock.monotonic();
    if (now < (stuck.get(file.name) ?? 0)) return;
    try {
      const name = await shelve(file, id, shelf);
      if (name === undefined) return;
      stuck.delete(file.name);
      moved.push({ id, file, shelf, name, until: now + watchMs });
      if (text !== undefined) await drop.explain(name, text);
    } catch (error) {
      if (!(error instanceof FuserError)) throw error;
      stuck.set(file.name, now + retryMoveMs);
      log.warn("A file stays where it is: it can't be moved, and is not imported again", {
        file: file.name,
        code: "erp-file-not-moved",
        reason: describeError(error),
      });
    }
  }

  /** The note is certain before the file is moved: another process may be importing. */
  async function shelve(file: DropFile, id: number, shelf: Shelf): Promise<string | undefined> {
    const writer = parts.writer();
    writer.exec("BEGIN IMMEDIATE");
    try {
      const name = await drop.shelve(file, shelf);
      if (name !== undefined) noteMoved(writer, id, name);
      writer.exec("COMMIT");
      return name;
    } finally {
      if (writer.isTransaction) writer.exec("ROLLBACK");
    }
  }

  async function tidy(): Promise<void> {
    tidyAt = clock.monotonic() + tidyMs;
    const writer = parts.writer();
    try {
      for (;;) {
        const old = oldArchived(writer, clock.now() - parts.archiveKeepMs);
        if (old.length === 0) return;
        await drop.discard(old.map(({ name }) => name));
        for (const { id } of old) noteMoved(writer, id, "");
      }
    } catch (error) {
      if (!(error instanceof FuserError)) throw databaseError(error, "remove old files", drop.place);
      log.warn("Old files stay in the archive", { code: "erp-file-not-moved", reason: describeError(error) });
    }
  }

  return look;
}

/** A table's files in the order in which they are imported. */
function candidatesOf(table: CsvTable, files: readonly DropFile[]): Candidate[] {
  const found = files.flatMap((file): Candidate[] => {
    // A name that fits both is read as the one that removes nothing.
    for (const kind of ["delta", "full"] as const) {
      const order = orderOf(table, kind, file);
      if (order !== undefined) return [{ table, kind, file, ...order }];
    }
    return [];
  });
  const rank = ({ order, kind, file }: Candidate): string =>
    `${order}\n${kind === "full" ? 0 : 1}\n${String(file.modifiedMs).padStart(16, "0")}\n${file.name}`;
  return found.toSorted((one, other) => (rank(one) < rank(other) ? -1 : 1));
}
