import type { DatabaseSync } from "node:sqlite";
import type { DropFile } from "./drop.ts";
import type { CsvTable, FileKind } from "./table.ts";

/** What the history of imports knows of a file that lies in the folder. */
export interface KnownFile {
  id: number;
  state: "imported" | "rejected";
}

/**
 * The entry of a file with this name, size and time, where no other of its name came after it: found without reading the file. A rejected one counts only as long as
 * it could not be moved away: one that a person has put back is tried again.
 */
export function knownByTime(database: DatabaseSync, table: CsvTable, file: DropFile): KnownFile | undefined {
  const last = database
    .prepare(
      "SELECT id, state, bytes, modified, definition FROM fuser_import WHERE file = ? AND table_name = ? AND (state = 'imported' OR state = 'rejected' AND moved_as IS NULL) ORDER BY id DESC LIMIT 1",
    )
    .get(file.name, table.name) as unknown as (KnownFile & { bytes: number; modified: number; definition: string }) | undefined;
  const same = last?.bytes === file.bytes && last.modified === file.modifiedMs && last.definition === table.definition;
  return same ? last : undefined;
}

/**
 * The same by content: copied back, touched or uploaded again. The same content may come back after another (`A`, `B`, `A`), also under one name where the name tells the
 * day alone: what counts is the last import of that name, and of the whole table where names tell no order.
 */
export function knownByContent(
  database: DatabaseSync,
  table: CsvTable,
  file: DropFile & { sha256: string; ordered: boolean },
): KnownFile | undefined {
  const last = database
    .prepare(
      "SELECT id, state, file, sha256, definition FROM fuser_import WHERE table_name = $table AND state = 'imported' AND (file = $file OR NOT $ordered) ORDER BY id DESC LIMIT 1",
    )
    .get({ $table: table.name, $file: file.name, $ordered: file.ordered ? 1 : 0 }) as unknown as
    | (KnownFile & { file: string; sha256: string; definition: string })
    | undefined;
  return last?.file === file.name && last.sha256 === file.sha256 && last.definition === table.definition ? last : undefined;
}

/** Notes a file that was refused, so that it is not read again where it can't be moved away. */
export function noteRejected(
  database: DatabaseSync,
  {
    table,
    kind,
    file,
    reason,
    now,
  }: { table: CsvTable; kind: FileKind; file: DropFile & { sha256: string }; reason: string; now: number },
): number {
  const { lastInsertRowid } = database
    .prepare(
      "INSERT INTO fuser_import (table_name, definition, kind, file, bytes, modified, sha256, state, imported_at, reason) VALUES (?, ?, ?, ?, ?, ?, ?, 'rejected', ?, ?)",
    )
    .run(table.name, table.definition, kind, file.name, file.bytes, file.modifiedMs, file.sha256, now, reason);
  return Number(lastInsertRowid);
}

/** Rejected files that could not be moved away are tried again by other settings: called once at each start. */
export function forgetStuckRejections(database: DatabaseSync): void {
  database.exec("UPDATE fuser_import SET moved_as = '' WHERE state = 'rejected' AND moved_as IS NULL");
}

export function noteMoved(database: DatabaseSync, id: number, name: string): void {
  database.prepare("UPDATE fuser_import SET moved_as = ? WHERE id = ?").run(name, id);
}

/** A file that was not whole when it was imported or rejected: the whole one follows. */
export function noteReplaced(database: DatabaseSync, id: number): void {
  database.prepare("UPDATE fuser_import SET state = 'replaced' WHERE id = ?").run(id);
}

/** Imported files in the archive that are older than the time given. */
export function oldArchived(database: DatabaseSync, before: number): { id: number; name: string }[] {
  return database
    .prepare(
      "SELECT id, moved_as AS name FROM fuser_import WHERE state = 'imported' AND moved_as <> '' AND imported_at < ? LIMIT 200",
    )
    .all(before) as unknown as { id: number; name: string }[];
}

export interface ArchivedImport {
  id: number;
  kind: FileKind;
  file: string;
  bytes: number;
  modified: number;
  sha256: string;
  /** Name in the archive; null or empty where it is not there. */
  movedAs: string | null;
}

/** The files that made a table what it was: its last full export and the deltas after it, in the order of their imports. */
export function importsOf(database: DatabaseSync, table: string): ArchivedImport[] {
  return database
    .prepare(
      `SELECT id, kind, file, bytes, modified, sha256, moved_as AS movedAs FROM fuser_import WHERE table_name = $table AND state = 'imported'
       AND id >= COALESCE((SELECT MAX(id) FROM fuser_import WHERE table_name = $table AND state = 'imported' AND kind = 'full'), 0) ORDER BY id`,
    )
    .all({ $table: table }) as unknown as ArchivedImport[];
}

/** A table could not be made from them: each is a new file again once it is put back into the folder. */
export function forgetImports(database: DatabaseSync, table: string, files: readonly ArchivedImport[]): void {
  database.prepare("UPDATE fuser_table SET last_order = NULL, rows_in_full = NULL WHERE name = ?").run(table);
  const forget = database.prepare("UPDATE fuser_import SET definition = '' WHERE id = ?");
  for (const { id } of files) forget.run(id);
}

export interface LastImport {
  table: string;
  file: string;
  at: number;
  rows: number;
}

/** The last import of each table. */
export function lastImports(database: DatabaseSync): LastImport[] {
  return database
    .prepare(
      "SELECT table_name AS 'table', file, imported_at AS at, row_count AS rows, MAX(id) FROM fuser_import WHERE state = 'imported' GROUP BY table_name ORDER BY table_name",
    )
    .all() as unknown as LastImport[];
}

/** Tables whose rows may be read: whole, and made by the rules of these settings. */
export function standing(database: DatabaseSync, tables: readonly CsvTable[]): Set<string> {
  const whole = new Set(
    database
      .prepare("SELECT name, definition FROM fuser_table WHERE stands = 1")
      .all()
      .map(({ name, definition }) => `${name}\n${definition}`),
  );
  return new Set(tables.filter(({ name, definition }) => whole.has(`${name}\n${definition}`)).map(({ name }) => name));
}
