import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";
import { pathToFileURL } from "node:url";
import type { RawValue } from "../digest.ts";
import { type Statement, withMarks } from "../statement.ts";
import { requireFile, sqliteError } from "./errors.ts";
import { toStored } from "./values.ts";

/**
 * One connection to the file. Reads are opened read-only and with `query_only`, so that no text of the configuration can write.
 * Nothing waits inside SQLite (busy time-out 0): that would stop the event loop.
 * @throws FuserError config when the file is missing or no database
 */
export function openDatabase(file: string, mode: "read" | "write"): DatabaseSync {
  requireFile(file);
  let database: DatabaseSync | undefined;
  try {
    const url = pathToFileURL(file);
    url.searchParams.set("mode", mode === "read" ? "ro" : "rw");
    database = new DatabaseSync(url, { readOnly: mode === "read", timeout: 0, enableForeignKeyConstraints: true });
    database.exec(mode === "read" ? "PRAGMA query_only = ON" : "PRAGMA foreign_keys = ON");
    // The file itself is touched only now: a wrong file shows itself here.
    database.prepare("SELECT COUNT(*) FROM sqlite_schema").get();
    return database;
  } catch (error) {
    database?.close();
    throw sqliteError(error, "open the ERP's database", file);
  }
}

/** Prepares a statement whose rows come as arrays with whole integers. */
export function prepare(database: DatabaseSync, text: string): StatementSync {
  const prepared = database.prepare(text);
  prepared.setReturnArrays(true);
  prepared.setReadBigInts(true);
  return prepared;
}

export function inputs(statement: Statement): SQLInputValue[] {
  return statement.values.map(toStored);
}

/** All rows of a statement. */
export function all(database: DatabaseSync, statement: Statement): RawValue[][] {
  return prepare(database, withMarks(statement)).all(...inputs(statement)) as unknown as RawValue[][];
}

/** Whether readers and writers keep out of each other's way (write-ahead log); without it an open read makes every writer wait. */
export function isWal(database: DatabaseSync): boolean {
  return (prepare(database, "PRAGMA journal_mode").get() as unknown as RawValue[])[0] === "wal";
}
