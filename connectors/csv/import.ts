/**
 * One file into its table, in one transaction: all of it or nothing. Rows that stand there as the file says are left alone, so that FUSER_CHANGE tells what has
 * changed. Between two pieces of a file other work of the agent goes on; readers see the state before until the commit.
 */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { FuserError } from "../../base/errors.ts";
import type { StoredValue } from "./convert.ts";
import type { Inspected } from "./encoding.ts";
import { FileFault } from "./fault.ts";
import { quoted } from "./private-database.ts";
import { type FileRow, rowsOf } from "./records.ts";
import { RowidSet } from "./rowid-set.ts";
import { type CsvTable, changeColumn, type FileKind } from "./table.ts";

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
  now: number;
  signal: AbortSignal;
  moment: (name: "read" | "before-commit") => Promise<void>;
  /** Brings what was written so far to the disk. */
  flush: () => Promise<void>;
}

/** Rows looked at together for removal. */
const removalPage = 2_000;

/**
 * @returns undefined where the file was written on in between: nothing of it is taken
 * @throws FileFault where it is broken; nothing of it is taken
 */
export async function importFile(
  database: DatabaseSync,
  file: FileToImport,
  { now, signal, moment, flush }: ImportOptions,
): Promise<Imported | undefined> {
  const { table, kind } = file;
  database.exec("BEGIN IMMEDIATE");
  try {
    requireOrder(database, file);
    const counter = database.prepare("SELECT value FROM fuser_counter WHERE name = 'change'").get()?.value;
    const merge = createMerge(database, table, { kind, change: BigInt(counter as number) });
    let rows = 0;
    for await (const some of rowsOf(table, file, signal)) {
      for (const row of some) merge.take(row);
      rows += some.length;
    }
    if (kind === "full") requireSize(database, file, rows);
    const removed = kind === "full" ? await merge.removeOthers(signal) : merge.removed();
    await moment("read");
    if (!(await file.unchanged())) {
      database.exec("ROLLBACK");
      return undefined;
    }
    note(database, file, { rows, changed: merge.changed(), removed, now });
    database.prepare("UPDATE fuser_counter SET value = ? WHERE name = 'change'").run(merge.change());
    await flush();
    await moment("before-commit");
    signal.throwIfAborted();
    database.exec("COMMIT");
    return { rows, changed: merge.changed(), removed };
  } finally {
    if (database.isTransaction) database.exec("ROLLBACK");
  }
}

function note(database: DatabaseSync, file: FileToImport, { rows, changed, removed, now }: Imported & { now: number }): void {
  const { table, kind, again } = file;
  const stands = nowStands(database, file);
  if (again) database.prepare("UPDATE fuser_import SET definition = ? WHERE id = ?").run(table.definition, again.id);
  else {
    database
      .prepare(
        "INSERT INTO fuser_import (table_name, definition, kind, file, bytes, modified, sha256, state, imported_at, row_count, changed, removed) VALUES (?, ?, ?, ?, ?, ?, ?, 'imported', ?, ?, ?, ?)",
      )
      .run(
        table.name,
        table.definition,
        kind,
        file.name,
        file.bytes,
        file.modifiedMs,
        file.inspected.sha256,
        now,
        rows,
        changed,
        removed,
      );
  }
  database
    .prepare(
      "UPDATE fuser_table SET stands = MAX(stands, ?), last_order = MAX(?, COALESCE(last_order, '')), rows_in_full = COALESCE(?, rows_in_full) WHERE name = ?",
    )
    .run(stands ? 1 : 0, file.order, kind === "full" ? rows : null, table.name);
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

interface Merge {
  take(row: FileRow): void;
  /** Removes the rows that were not among those taken. */
  removeOthers(signal: AbortSignal): Promise<number>;
  changed(): number;
  removed(): number;
  /** Last number given. */
  change(): bigint;
}

function createMerge(database: DatabaseSync, table: CsvTable, from: { kind: FileKind; change: bigint }): Merge {
  const statements = prepareMerge(database, table);
  const seen = new RowidSet();
  let { change } = from;
  let changed = 0;
  let removed = 0;
  const keyOf = (values: readonly StoredValue[]): StoredValue[] => table.key.map((index) => values[index] as StoredValue);
  return {
    take(row) {
      const values = valuesOf(table, row);
      if (table.removed && from.kind === "delta" && table.removed.is.has(row.texts[table.removed.column] as string)) {
        removed += Number(statements.remove.run(...keyOf(values)).changes);
        return;
      }
      const written = statements.put.get(...values, change + 1n) as unknown as [bigint] | undefined;
      if (written) {
        change += 1n;
        changed += 1;
      }
      if (from.kind === "delta") return;
      const [rowid] = written ?? (statements.find.get(...keyOf(values)) as unknown as [bigint]);
      if (seen.add(Number(rowid))) return;
      throw new FileFault({
        line: row.line,
        message: `Line ${row.line} has the key of an earlier line`,
        remedy: "Correct `key` in the configuration, or the export: a full export has each row once.",
      });
    },
    async removeOthers(signal) {
      let last = 0n;
      for (;;) {
        const page = statements.page.all(last) as unknown as [bigint][];
        if (page.length === 0) return removed;
        for (const [rowid] of page) if (!seen.has(Number(rowid))) removed += Number(statements.removeAt.run(rowid).changes);
        last = page.at(-1)?.[0] as bigint;
        await new Promise((resolve) => setImmediate(resolve));
        signal.throwIfAborted();
      }
    },
    changed: () => changed,
    removed: () => removed,
    change: () => change,
  };
}

function prepareMerge(
  database: DatabaseSync,
  table: CsvTable,
): Record<"put" | "find" | "remove" | "page" | "removeAt", StatementSync> {
  const name = quoted(table.name);
  const columns = table.columns.map((column) => quoted(column.name));
  const key = table.key.map((index) => columns[index] as string);
  const rest = columns.filter((column) => !key.includes(column));
  const set = [...rest, changeColumn].map((column) => `${column} = excluded.${column}`).join(", ");
  // A number of another form (12.50 for 12.5) is the same value and no change; a text of other letters is one.
  const differs = rest.length === 0 ? "0" : rest.map((column) => `${name}.${column} IS NOT excluded.${column}`).join(" OR ");
  const prepare = (text: string): StatementSync => {
    const statement = database.prepare(text);
    statement.setReturnArrays(true);
    statement.setReadBigInts(true);
    return statement;
  };
  const matches = key.map((column) => `${column} = ?`).join(" AND ");
  return {
    put: prepare(
      `INSERT INTO ${name} (${columns.join(", ")}, ${changeColumn}) VALUES (${columns.map(() => "?").join(", ")}, ?) ON CONFLICT (${key.join(", ")}) DO UPDATE SET ${set} WHERE ${differs} RETURNING rowid`,
    ),
    find: prepare(`SELECT rowid FROM ${name} WHERE ${matches}`),
    remove: prepare(`DELETE FROM ${name} WHERE ${matches}`),
    page: prepare(`SELECT rowid FROM ${name} WHERE rowid > ? ORDER BY rowid LIMIT ${removalPage}`),
    removeAt: prepare(`DELETE FROM ${name} WHERE rowid = ?`),
  };
}

function valuesOf({ columns, key, writing }: CsvTable, { texts, line }: FileRow): StoredValue[] {
  const values = columns.map(({ convert }, index): StoredValue => {
    const text = texts[index] as string;
    return writing.nulls.has(text) ? null : convert(text);
  });
  for (const index of key) {
    const column = columns[index] as CsvTable["columns"][number];
    if (values[index] === null) {
      throw new FileFault({
        line,
        column: column.name,
        message: `Line ${line} has no value in the key column ${column.name}`,
        remedy: "Correct the export, or `key` in the configuration.",
      });
    }
    if (values[index] instanceof Uint8Array && column.type !== "bytes") {
      throw new FileFault({
        line,
        column: column.name,
        message: `Line ${line} has a number in the key column ${column.name} that is too long for its type`,
        remedy: `Give the column the type text.`,
      });
    }
  }
  return values;
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
