// The versions of rows that a flashback version query tells, as Oracle's undo keeps them: by the number of the commit that made and ended each. What a transaction
// does to a row several times is one version, what is rolled back none. Nothing is kept across a change of the table's definition.
import type { DatabaseSync } from "node:sqlite";
import type { Column, Tables } from "./catalogue.ts";

const prefix = "fuser_versions_";

/** Rows that the open transaction wrote, `gone` where it deleted one; taken back with it. */
export const dirtyTable =
  "CREATE TABLE fuser_dirty (fuser_table TEXT, fuser_row INTEGER, fuser_gone INTEGER, PRIMARY KEY (fuser_table, fuser_row)) WITHOUT ROWID;";

/** The table that a table of versions is about. */
export const versionedTable = (name: string): string => (name.startsWith(prefix) ? name.slice(prefix.length) : name);

export function keepVersions(database: DatabaseSync, table: string, columns: readonly Column[]): void {
  // Without their type no index would find them: a rowid is a whole number.
  const own = [
    ...columns.map(({ name }) => quoted(name)),
    "fuser_rid INTEGER",
    "fuser_op",
    "fuser_start INTEGER",
    "fuser_end INTEGER",
  ];
  database.exec(
    `CREATE TABLE "${prefix}${table}" (${own.join(", ")}); CREATE INDEX "${prefix}i_${table}" ON "${prefix}${table}" (fuser_rid)`,
  );
  const mark = (row: string, gone: number): string =>
    `INSERT INTO fuser_dirty VALUES ('${table}', ${row}.rowid, ${gone}) ON CONFLICT DO UPDATE SET fuser_gone = max(fuser_gone, ${gone});`;
  const trigger = (event: string, body: string): void =>
    database.exec(`CREATE TRIGGER "fuser_dirty_${event}_${table}" AFTER ${event} ON "${table}" BEGIN ${body} END`);
  trigger("INSERT", mark("NEW", 0));
  trigger("UPDATE", mark("OLD", 0) + mark("NEW", 0));
  trigger("DELETE", mark("OLD", 1));
}

/** Within the transaction, right before it is committed. */
export function commitVersions(database: DatabaseSync, scn: bigint, tables: Tables): void {
  const dirty = database.prepare("SELECT DISTINCT fuser_table AS name FROM fuser_dirty").all() as { name: string }[];
  for (const { name } of dirty) {
    const list = (tables.get(name) ?? []).map((column) => quoted(column.name)).join(", ");
    const versions = `"${prefix}${name}"`;
    const into = `INSERT INTO ${versions} (${list}, fuser_rid, fuser_op, fuser_start)`;
    const rows = `fuser_rid IN (SELECT fuser_row FROM fuser_dirty WHERE fuser_table = '${name}')`;
    const gone = `fuser_rid IN (SELECT fuser_row FROM fuser_dirty WHERE fuser_table = '${name}' AND fuser_gone = 1) OR NOT EXISTS (SELECT 1 FROM "${name}" t WHERE t.rowid = fuser_rid)`;
    const before = `SELECT 1 FROM ${versions} v WHERE v.fuser_rid = t.rowid AND v.fuser_end = ${scn}`;
    database.exec(`UPDATE ${versions} SET fuser_end = ${scn} WHERE fuser_end IS NULL AND fuser_op <> 'D' AND ${rows};
      ${into} SELECT ${list}, fuser_rid, 'D', ${scn} FROM ${versions} WHERE fuser_end = ${scn} AND ${rows} AND (${gone});
      ${into} SELECT ${list}, t.rowid, CASE WHEN d.fuser_gone = 0 AND EXISTS (${before}) THEN 'U' ELSE 'I' END, ${scn}
        FROM fuser_dirty d JOIN "${name}" t ON t.rowid = d.fuser_row WHERE d.fuser_table = '${name}'`);
  }
  if (dirty.length > 0) database.exec("DELETE FROM fuser_dirty");
}

/** A new definition: what was before it can't be told any more. The rows that are left are there, made before whatever is asked for. */
export function forgetVersions(database: DatabaseSync, table: string, columns: readonly Column[]): void {
  const list = columns.map(({ name }) => quoted(name)).join(", ");
  database.exec(`DELETE FROM "${prefix}${table}"; DELETE FROM fuser_dirty WHERE fuser_table = '${table}';
    INSERT INTO "${prefix}${table}" (${list}, fuser_rid, fuser_op, fuser_start) SELECT ${list}, rowid, 'I', 0 FROM "${table}"`);
}

export function addToVersions(database: DatabaseSync, table: string, column: string): void {
  database.exec(`ALTER TABLE "${prefix}${table}" ADD COLUMN ${quoted(column)}`);
}

export function dropVersions(database: DatabaseSync, table: string): void {
  database.exec(`DROP TABLE "${prefix}${table}"; DELETE FROM fuser_dirty WHERE fuser_table = '${table}'`);
}

/**
 * What stands behind FROM for `table VERSIONS BETWEEN SCN from AND to`: whatever existed in between, both ends included. What was made before has neither a beginning nor an
 * operation, what is ended later no end (docs.oracle.com, "Version Query Pseudocolumns").
 */
export function versionsBetween(table: string, from: string, to: string): string {
  const within = `CASE fuser_op WHEN 'D' THEN fuser_start >= ${from} ELSE fuser_end IS NULL OR fuser_end > ${from} END`;
  return `(SELECT *, CASE WHEN fuser_start >= ${from} THEN fuser_start END AS VERSIONS_STARTSCN, CASE WHEN fuser_end <= ${to} THEN fuser_end END AS VERSIONS_ENDSCN,
    CASE WHEN fuser_start >= ${from} THEN fuser_op END AS VERSIONS_OPERATION FROM "${prefix}${table}" WHERE fuser_start <= ${to} AND ${within}) "${table}"`;
}

const quoted = (name: string): string => `"${name}"`;
