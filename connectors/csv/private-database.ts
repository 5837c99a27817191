/**
 * The private SQLite file in which the rows of imported files stand, and the history of the imports. Only this connector writes to it. Several processes may
 * (`erpfuser preview` beside the service): whoever holds its write lock imports, the others read what stands.
 */
import { createHash } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { FuserError } from "../../base/errors.ts";
import { databaseError } from "./errors.ts";
import { type CsvTable, changeColumn } from "./table.ts";

export interface PrivateDatabase extends Disposable {
  file: string;
  /** Takes the notes of the history; what files hold is written by a thread (writing-thread.ts). */
  writer: DatabaseSync;
  /** Sees what was committed alone: what an import has written so far may still be taken back. */
  reader: DatabaseSync;
}

/** Path of the private file of a folder: another folder is another database. @throws FuserError config without a state directory */
export function privateFile(stateDirectory: string | undefined, place: string): string {
  if (stateDirectory !== undefined)
    return join(stateDirectory, `csv-${createHash("sha256").update(place).digest("hex").slice(0, 12)}.db`);
  throw new FuserError("config", "A CSV folder needs the agent's state directory", {
    code: "erp-state-missing",
    operation: "open the CSV folder",
    place,
    hint: "Write the configuration by hand (config/examples/csv-folder.yaml) and run `erpfuser check`.",
  });
}

const housekeeping = `
  CREATE TABLE IF NOT EXISTS fuser_counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
  CREATE TABLE IF NOT EXISTS fuser_table (name TEXT PRIMARY KEY, definition TEXT NOT NULL, stands INTEGER NOT NULL, last_order TEXT, rows_in_full INTEGER);
  CREATE TABLE IF NOT EXISTS fuser_import (
    id INTEGER PRIMARY KEY AUTOINCREMENT, table_name TEXT NOT NULL, definition TEXT NOT NULL, kind TEXT NOT NULL, file TEXT NOT NULL, bytes INTEGER NOT NULL,
    modified INTEGER NOT NULL, sha256 TEXT NOT NULL, state TEXT NOT NULL, imported_at INTEGER NOT NULL, row_count INTEGER, changed INTEGER, removed INTEGER,
    reason TEXT, moved_as TEXT);
  CREATE INDEX IF NOT EXISTS fuser_import_file ON fuser_import (file, bytes);
  INSERT OR IGNORE INTO fuser_counter VALUES ('change', 0);`;

/** Opens the file, made where it is missing. Its tables stay as they are. */
export function openPrivate(file: string): PrivateDatabase {
  let writer: DatabaseSync | undefined;
  try {
    mkdirSync(join(file, ".."), { recursive: true, mode: 0o700 });
    writer = new DatabaseSync(file, { timeout: 0 });
    // A file is moved away once its import is committed: the commit must outlive a power cut.
    writer.exec("PRAGMA busy_timeout = 0; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0");
    // Another process may be in the middle of an import: nothing is written where nothing lacks.
    if (!writer.prepare("SELECT 1 FROM sqlite_master WHERE name = 'fuser_import_file'").get())
      writer.exec(`BEGIN IMMEDIATE; ${housekeeping} COMMIT`);
    const reader = new DatabaseSync(file, { readOnly: true, timeout: 0 });
    return {
      file,
      writer,
      reader,
      [Symbol.dispose]() {
        reader.close();
        writer?.close();
      },
    };
  } catch (error) {
    if (writer?.isTransaction) writer.exec("ROLLBACK");
    writer?.close();
    throw databaseError(error, "open the private database of the CSV folder", file);
  }
}

/** Whether the file has just these tables, made by the same rules. */
export function hasTables(database: DatabaseSync, tables: readonly CsvTable[]): boolean {
  const known = new Map(definitions(database));
  return known.size === tables.length && tables.every(({ name, definition }) => known.get(name) === definition);
}

const definitions = (database: DatabaseSync): [string, string][] =>
  database
    .prepare("SELECT name, definition FROM fuser_table")
    .all()
    .map(({ name, definition }) => [String(name), String(definition)]);

/**
 * The statements that make the tables of the settings. One whose definition has changed is made anew, since its rows were made by other rules, and stands once it is imported
 * again: from the archive, or by its next full export. Nobody may read them meanwhile.
 */
export function tableStatements(database: DatabaseSync, tables: readonly CsvTable[]): string {
  const known = new Map(definitions(database));
  // A table that is no longer named would be read with what it held when it was.
  const others = [...known.keys()].filter((name) => !tables.some((table) => table.name === name));
  const anew = tables.filter(({ name, definition }) => known.get(name) !== definition);
  const drop = (name: string): string => `DROP TABLE ${quoted(name)}; DELETE FROM fuser_table WHERE name = ${literal(name)};`;
  return ["BEGIN IMMEDIATE;", ...others.map(drop), ...anew.map(makeTable), "COMMIT"].join("\n");
}

export const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;

const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`;

function makeTable(table: CsvTable): string {
  const name = quoted(table.name);
  const key = table.key.map((index) => table.columns[index]?.name);
  const columns = table.columns.map(
    (column) => `${quoted(column.name)} ${column.declared}${key.includes(column.name) ? " NOT NULL" : ""}`,
  );
  const keyList = table.key.map((index) => quoted(table.columns[index]?.name as string)).join(", ");
  return `
    DROP TABLE IF EXISTS ${name};
    CREATE TABLE ${name} (${columns.join(", ")}, ${changeColumn} BIGINT NOT NULL, PRIMARY KEY (${keyList}));
    CREATE INDEX ${quoted(`fuser_change_${table.name}`)} ON ${name} (${changeColumn});
    INSERT INTO fuser_table VALUES (${literal(table.name)}, ${literal(table.definition)}, 0, NULL, NULL)
      ON CONFLICT (name) DO UPDATE SET definition = excluded.definition, stands = 0, last_order = NULL, rows_in_full = NULL;`;
}

/** Number of the last import: the position of this history. */
export function lastImport(database: DatabaseSync): number {
  return Number(database.prepare("SELECT COALESCE(MAX(id), 0) AS id FROM fuser_import").get()?.id);
}
