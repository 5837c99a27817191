/**
 * One file into its table, in one transaction: all of it or nothing. Rows that stand there as the file says are left alone, so that FUSER_CHANGE tells what has
 * changed. The file is parsed here, piece by piece, between which other work of the agent goes on; a thread writes. Readers see the state before until the commit.
 */
import type { DatabaseSync } from "node:sqlite";
import { FuserError } from "../../base/errors.ts";
import type { Inspected } from "./encoding.ts";
import { FileFault } from "./fault.ts";
import { createMerge, type Merge } from "./merge.ts";
import { type FileRow, rowsOf } from "./records.ts";
import type { CsvTable, FileKind } from "./table.ts";
import type { WritingThread } from "./writing-thread.ts";

export interface FileToImport {
  table: CsvTable;
  kind: FileKind;
  /** Name in the folder. */
  name: string;
  /** Local path of its bytes. */
  path: string;
  bytes: number;
  modifiedMs: number;
  order: string;
  accepted: boolean;
  inspected: Inspected;
  /** Whether it still is what it was; asked before the commit. */
  unchanged(): Promise<boolean>;
  /** Imported once more, from the archive: its entry in the history, and whether it is the last one that its table is made of. */
  again?: { id: number; last: boolean };
}

export interface Imported {
  rows: number;
  changed: number;
  removed: number;
}

export interface ImportOptions {
  /** Sees what is committed; nobody else commits while the thread has begun. */
  reader: DatabaseSync;
  /** Writes all of it. */
  thread: WritingThread;
  now: number;
  signal: AbortSignal;
  moment: (name: "read" | "before-commit" | "commit") => Promise<void>;
}

/**
 * @returns undefined where the file was written on in between: nothing of it is taken
 * @throws FileFault where it is broken; nothing of it is taken
 */
export async function importFile(
  file: FileToImport,
  { reader, thread, now, signal, moment }: ImportOptions,
): Promise<Imported | undefined> {
  const { table, kind } = file;
  await thread.exec("BEGIN IMMEDIATE");
  let committed = false;
  try {
    requireOrder(reader, file);
    const counter = reader.prepare("SELECT value FROM fuser_counter WHERE name = 'change'").get()?.value;
    const merge = createMerge(thread, table, { kind, change: BigInt(counter as number) });
    const rows = await takeAll(merge, rowsOf(table, file, signal));
    if (kind === "full") requireSize(reader, file, rows);
    const removed = kind === "full" ? await merge.removeOthers(signal) : merge.removed();
    await moment("read");
    if (!(await file.unchanged())) return undefined;
    await note({ reader, thread }, file, { rows, changed: merge.changed(), removed, now });
    await thread.each("UPDATE fuser_counter SET value = ? WHERE name = 'change'", [[merge.change()]]);
    await moment("before-commit");
    signal.throwIfAborted();
    const commit = thread.exec("COMMIT");
    await Promise.all([commit, moment("commit")]);
    committed = true;
    return { rows, changed: merge.changed(), removed };
  } finally {
    // A thread that has ended took its transaction with it.
    if (!committed) await thread.rollback().catch(() => {});
  }
}

/** While the thread writes one batch the next one is parsed. */
async function takeAll(merge: Merge, batches: AsyncIterable<FileRow[]>): Promise<number> {
  let rows = 0;
  let taking = Promise.resolve();
  try {
    for await (const batch of batches) {
      await taking;
      taking = merge.take(batch);
      // Its fault is told by the next wait for it.
      taking.catch(() => {});
      rows += batch.length;
    }
  } finally {
    await taking;
  }
  return rows;
}

async function note(
  { reader, thread }: Pick<ImportOptions, "reader" | "thread">,
  file: FileToImport,
  { rows, changed, removed, now }: Imported & { now: number },
): Promise<void> {
  const { table, kind, again } = file;
  const { definition } = table;
  const stands = nowStands(reader, file);
  if (again) await thread.each("UPDATE fuser_import SET definition = ? WHERE id = ?", [[definition, again.id]]);
  else {
    const { sha256 } = file.inspected;
    await thread.each(
      "INSERT INTO fuser_import (table_name, definition, kind, file, bytes, modified, sha256, state, imported_at, row_count, changed, removed) VALUES (?, ?, ?, ?, ?, ?, ?, 'imported', ?, ?, ?, ?)",
      [[table.name, definition, kind, file.name, file.bytes, file.modifiedMs, sha256, now, rows, changed, removed]],
    );
  }
  await thread.each(
    "UPDATE fuser_table SET stands = MAX(stands, ?), last_order = MAX(?, COALESCE(last_order, '')), rows_in_full = COALESCE(?, rows_in_full) WHERE name = ?",
    [[stands ? 1 : 0, file.order, kind === "full" ? rows : null, table.name]],
  );
}

/**
 * Whether the table is whole with this file. One that is told by deltas alone is with its very first one: later, when it was made anew and some of its deltas are gone,
 * a person must say so (`.accepted`), else all other rows would seem to be gone.
 */
function nowStands(database: DatabaseSync, { table, kind, accepted, again }: FileToImport): boolean {
  if (again) return again.last;
  if (kind === "full") return true;
  if (table.names.full !== undefined) return false;
  const earlier = database.prepare("SELECT 1 FROM fuser_import WHERE table_name = ? AND state = 'imported' LIMIT 1");
  return accepted || earlier.get(table.name) === undefined;
}

/** What is older than what stands would take it back. */
function requireOrder(database: DatabaseSync, { table, order, accepted, name }: FileToImport): void {
  const known = database.prepare("SELECT last_order FROM fuser_table WHERE name = ?").get(table.name)?.last_order;
  if (accepted || typeof known !== "string" || order >= known) return;
  throw new FileFault({
    message: "A newer file of this table was imported before this one: it would take back what that one has changed",
    remedy: `Nothing, where the newer one holds all of it. Else let the ERP write a full export, or rename this file to ${name}.accepted and put it into the folder again.`,
  });
}

/** An export that broke off looks like a company that has lost its tenants. */
function requireSize(database: DatabaseSync, { table, accepted, name }: FileToImport, rows: number): void {
  if (accepted) return;
  const remedy = `If that is right, rename the file to ${name}.accepted and put it into the folder again; else let the ERP write it anew.`;
  if (rows < table.minimumRows)
    throw new FileFault({ message: `The full export has ${rows} rows; at least ${table.minimumRows} are expected`, remedy });
  const before = database.prepare("SELECT rows_in_full FROM fuser_table WHERE name = ?").get(table.name)?.rows_in_full;
  if (typeof before !== "number" || rows * 2 >= before) return;
  throw new FileFault({ message: `The full export has ${rows} rows, the one before had ${before}: less than half`, remedy });
}

/** Why a read can't be answered: nothing was imported of the table yet, and no rows would mean that all are gone. */
export function exportAwaited(table: string, folder: string): FuserError {
  return new FuserError("transient", `No whole file of the table ${table} was imported yet`, {
    code: "erp-export-awaited",
    operation: "read a CSV table",
    place: folder,
    hint: "Let the ERP write a full export. When the state directory is new, put the last full export and all deltas after it from the archive folder back. For a table of deltas alone: once all of them are there again, rename the last one to NAME.accepted.",
  });
}
