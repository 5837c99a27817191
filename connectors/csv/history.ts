import type { DatabaseSync } from "node:sqlite";
import type { DropFile } from "./drop.ts";
import type { CsvTable, FileKind } from "./table.ts";

/** What the history of imports knows of a file that lies in the folder. */
export interface KnownFile {
  id: number;
  state: "imported" | "rejected";
}

/**
 * The newest entry of a file with this name, size and time: found without reading the file. A rejected one counts only as long as it could not be moved away: one
 * that a person has put back is tried again.
 */
export function knownByTime(database: DatabaseSync, table: CsvTable, file: DropFile): KnownFile | undefined {
  return database
    .prepare(
      "SELECT id, state FROM fuser_import WHERE file = ? AND bytes = ? AND modified = ? AND table_name = ? AND definition = ? AND (state = 'imported' OR moved_as IS NULL) ORDER BY id DESC LIMIT 1",
    )
    .get(file.name, file.bytes, file.modifiedMs, table.name, table.definition) as unknown as KnownFile | undefined;
}

/**
 * The same by content: copied back, touched or uploaded again. A name that says its place in the order means one file for ever; under any other name the same
 * content may come back after another (`A`, `B`, `A`), so there only the last import of the table counts.
 */
export function knownByContent(
  database: DatabaseSync,
  table: CsvTable,
  file: DropFile & { sha256: string; ordered: boolean },
): KnownFile | undefined {
  const entry = database
    .prepare(
      "SELECT id, state FROM fuser_import WHERE file = ? AND bytes = ? AND sha256 = ? AND table_name = ? AND definition = ? AND state = 'imported' ORDER BY id DESC LIMIT 1",
    )
    .get(file.name, file.bytes, file.sha256, table.name, table.definition) as unknown as KnownFile | undefined;
  if (entry === undefined || file.ordered) return entry;
  const last = database
    .prepare("SELECT MAX(id) AS id FROM fuser_import WHERE table_name = ? AND state = 'imported'")
    .get(table.name)?.id;
  return entry.id === last ? entry : undefined;
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

/** Imported files in the archive that are older than the time given. */
export function oldArchived(database: DatabaseSync, before: number): { id: number; name: string }[] {
  return database
    .prepare(
      "SELECT id, moved_as AS name FROM fuser_import WHERE state = 'imported' AND moved_as <> '' AND imported_at < ? LIMIT 200",
    )
    .all(before) as unknown as { id: number; name: string }[];
}

export interface ArchivedImport {
  kind: FileKind;
  file: string;
  bytes: number;
  modified: number;
  sha256: string;
  movedAs: string;
}

/** The archived files that made a table what it was: its last full export and the deltas after it, in the order of their imports. */
export function archivedOf(database: DatabaseSync, table: string): ArchivedImport[] {
  return database
    .prepare(
      `SELECT kind, file, bytes, modified, sha256, moved_as AS movedAs FROM fuser_import WHERE table_name = $table AND state = 'imported' AND moved_as <> ''
       AND id >= COALESCE((SELECT MAX(id) FROM fuser_import WHERE table_name = $table AND state = 'imported' AND kind = 'full'), 0) ORDER BY id`,
    )
    .all({ $table: table }) as unknown as ArchivedImport[];
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

/** Tables whose rows may be read. */
export function standing(database: DatabaseSync): Set<string> {
  return new Set(
    database
      .prepare("SELECT name FROM fuser_table WHERE stands = 1")
      .all()
      .map(({ name }) => String(name)),
  );
}
