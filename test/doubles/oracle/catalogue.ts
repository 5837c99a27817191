// The dictionary of the double: CREATE TABLE as Oracle writes it makes a SQLite table that keeps Oracle's rules, and rows in ALL_TAB_COLUMNS and its kin,
// which the connector's own statements read.
import type { DatabaseSync } from "node:sqlite";
import { OracleError } from "../tns/database.ts";
import { type ColumnType, checksOf, columnType, keptAs } from "./column-types.ts";
import { addToVersions, dirtyTable, dropVersions, forgetVersions, keepVersions } from "./versions.ts";

export interface Column {
  name: string;
  type: ColumnType;
  nullable: boolean;
  identity: boolean;
}

export interface Tables {
  get(name: string): readonly Column[] | undefined;
}

const dictionary = `
CREATE TABLE DUAL (DUMMY TEXT);
INSERT INTO DUAL VALUES ('X');
CREATE TABLE ALL_OBJECTS (OWNER TEXT, OBJECT_NAME TEXT, OBJECT_TYPE TEXT, OBJECT_ID INTEGER, DATA_OBJECT_ID INTEGER, LAST_DDL_TIME TEXT);
CREATE TABLE ALL_TABLES (OWNER TEXT, TABLE_NAME TEXT, NUM_ROWS INTEGER, TEMPORARY TEXT DEFAULT 'N', CLUSTER_NAME TEXT);
CREATE TABLE ALL_EXTERNAL_TABLES (OWNER TEXT, TABLE_NAME TEXT);
CREATE TABLE ALL_TAB_COLUMNS (OWNER TEXT, TABLE_NAME TEXT, COLUMN_NAME TEXT, COLUMN_ID INTEGER, DATA_TYPE TEXT, CHAR_LENGTH INTEGER, DATA_LENGTH INTEGER,
  DATA_PRECISION INTEGER, DATA_SCALE INTEGER, NULLABLE TEXT, DEFAULT_LENGTH INTEGER, IDENTITY_COLUMN TEXT);
CREATE TABLE ALL_CONSTRAINTS (OWNER TEXT, TABLE_NAME TEXT, CONSTRAINT_NAME TEXT, CONSTRAINT_TYPE TEXT, R_OWNER TEXT, R_CONSTRAINT_NAME TEXT);
CREATE TABLE ALL_CONS_COLUMNS (OWNER TEXT, TABLE_NAME TEXT, CONSTRAINT_NAME TEXT, COLUMN_NAME TEXT, POSITION INTEGER);
CREATE TABLE ALL_INDEXES (OWNER TEXT, INDEX_NAME TEXT, TABLE_OWNER TEXT, TABLE_NAME TEXT, UNIQUENESS TEXT, INDEX_TYPE TEXT);
CREATE TABLE ALL_IND_COLUMNS (INDEX_OWNER TEXT, INDEX_NAME TEXT, TABLE_OWNER TEXT, TABLE_NAME TEXT, COLUMN_NAME TEXT, COLUMN_POSITION INTEGER);
CREATE TABLE ALL_TAB_COMMENTS (OWNER TEXT, TABLE_NAME TEXT, COMMENTS TEXT);
CREATE TABLE ALL_COL_COMMENTS (OWNER TEXT, TABLE_NAME TEXT, COLUMN_NAME TEXT, COMMENTS TEXT);
CREATE TABLE ALL_TRIGGERS (TABLE_OWNER TEXT, TABLE_NAME TEXT, TRIGGER_NAME TEXT);
CREATE TABLE ALL_USERS (USERNAME TEXT, CREATED TEXT);
CREATE TABLE USER_USERS (USERNAME TEXT, EXPIRY_DATE TEXT, ACCOUNT_STATUS TEXT);
CREATE TABLE SESSION_PRIVS (PRIVILEGE TEXT);
CREATE TABLE SESSION_ROLES (ROLE TEXT);
CREATE TABLE ALL_TAB_PRIVS (GRANTEE TEXT, TABLE_SCHEMA TEXT, TABLE_NAME TEXT, PRIVILEGE TEXT);
CREATE TABLE ALL_COL_PRIVS (GRANTEE TEXT, TABLE_SCHEMA TEXT, TABLE_NAME TEXT, COLUMN_NAME TEXT, PRIVILEGE TEXT);
CREATE TABLE USER_TAB_PRIVS_RECD (OWNER TEXT, TABLE_NAME TEXT, PRIVILEGE TEXT);
CREATE TABLE USER_COL_PRIVS_RECD (OWNER TEXT, TABLE_NAME TEXT, COLUMN_NAME TEXT, PRIVILEGE TEXT);
CREATE TABLE ALL_ARGUMENTS (OBJECT_ID INTEGER, SUBPROGRAM_ID INTEGER, ARGUMENT_NAME TEXT, POSITION INTEGER, SEQUENCE INTEGER, DATA_LEVEL INTEGER,
  DATA_TYPE TEXT, IN_OUT TEXT, DEFAULTED TEXT);
CREATE TABLE ALL_PROCEDURES (OWNER TEXT, OBJECT_NAME TEXT, PROCEDURE_NAME TEXT, OBJECT_TYPE TEXT, OBJECT_ID INTEGER, SUBPROGRAM_ID INTEGER);
CREATE TABLE ALL_SOURCE (OWNER TEXT, NAME TEXT, TYPE TEXT, LINE INTEGER, TEXT TEXT);
CREATE TABLE ALL_SYNONYMS (OWNER TEXT, SYNONYM_NAME TEXT, TABLE_OWNER TEXT, TABLE_NAME TEXT, DB_LINK TEXT);
CREATE TABLE fuser_blocks (name TEXT, block INTEGER, scn INTEGER, PRIMARY KEY (name, block)) WITHOUT ROWID;
${dirtyTable}
`;

export function createDictionary(database: DatabaseSync): void {
  database.exec(dictionary);
}

/** Rows that share a block, and so an ORA_ROWSCN. */
export const rowsPerBlock = 4;
/** What a block holds until its transaction is committed. */
export const openScn = -1;

interface Created {
  table: string;
  columns: Column[];
}

/** Carries out `CREATE TABLE name (columns, PRIMARY KEY (…))`. */
export function createTable(database: DatabaseSync, owner: string, text: string): Created {
  const match = /^CREATE TABLE "?(\w+)"? \((.*)\)$/is.exec(text.trim());
  if (!match) throw new OracleError(900, `the double does not know this DDL: ${text}`);
  const table = (match[1] as string).toUpperCase();
  const parts = splitList(match[2] as string);
  const columns: Column[] = [];
  const keys: string[][] = [];
  const unique: string[][] = [];
  const extra: string[] = [];
  const definitions: string[] = [];
  for (const part of parts) {
    const key = /^PRIMARY KEY \((.*)\)$/i.exec(part);
    const foreign = /^FOREIGN KEY \((.*?)\) REFERENCES (\w+) \((.*?)\)$/i.exec(part);
    if (key) keys.push(namesOf(key[1] as string));
    else if (foreign) extra.push(`FOREIGN KEY (${namesOf(foreign[1] as string)}) REFERENCES ${foreign[2]} (${foreign[3]})`);
    else {
      const column = columnOf(part);
      columns.push(column.column);
      if (column.key) keys.push([column.column.name]);
      if (column.unique) unique.push([column.column.name]);
      definitions.push(column.definition);
    }
  }
  const [primary] = keys;
  for (const column of columns) if (primary?.includes(column.name)) column.nullable = false;
  const identity = columns.find((column) => column.identity);
  const body = definitions.map((definition, index) => {
    const column = columns[index] as Column;
    if (column.identity) return `"${column.name}" INTEGER PRIMARY KEY AUTOINCREMENT`;
    return column.nullable || / NOT NULL/.test(definition) ? definition : `${definition} NOT NULL`;
  });
  if (primary && !identity) body.push(`PRIMARY KEY (${primary.map((name) => `"${name}"`).join(", ")})`);
  for (const names of unique) body.push(`UNIQUE (${names.map((name) => `"${name}"`).join(", ")})`);
  database.exec(`CREATE TABLE "${table}" (${[...body, ...extra].join(", ")})`);
  addTriggers(database, table, columns);
  keepVersions(database, table, columns);
  register(database, { owner, table, columns, primary, unique });
  return { table, columns };
}

function columnOf(part: string): { column: Column; definition: string; key: boolean; unique: boolean } {
  const match = /^"?(\w+)"?\s+(\w+(?:\s*\([^)]*\))?(?:\s+WITH(?:\s+LOCAL)?\s+TIME\s+ZONE)?)(.*)$/is.exec(part);
  if (!match) throw new OracleError(900, `the double does not know this column: ${part}`);
  const name = (match[1] as string).toUpperCase();
  const rest = match[3] as string;
  const identity = /GENERATED .* AS IDENTITY/i.test(rest);
  const type = columnType(match[2] as string);
  const nullable = !/NOT NULL/i.test(rest) && !identity;
  const checks = checksOf(name, type).map(
    ([error, condition]) => ` CONSTRAINT "ORA${error}" CHECK ("${name}" IS NULL OR ${condition})`,
  );
  const collation = type.wire === "CHAR" ? " COLLATE RTRIM" : "";
  const definition = `"${name}"${collation}${nullable ? "" : " NOT NULL"}${checks.join("")}`;
  return { column: { name, type, nullable, identity }, definition, key: /PRIMARY KEY/i.test(rest), unique: /UNIQUE/i.test(rest) };
}

/** Brings what was written into the form that the type keeps, and marks the block that it lies in. */
function addTriggers(database: DatabaseSync, table: string, columns: readonly Column[]): void {
  const kept = columns.flatMap(({ name, type, identity }) => {
    const expression = identity ? undefined : keptAs(name, type);
    if (expression === undefined) return [];
    // A whole number is kept as it came, without a call.
    const whole = type.wire === "NUMBER" ? `typeof(NEW."${name}") <> 'integer' AND ` : "";
    const differs = `(${whole}NEW."${name}" COLLATE BINARY IS NOT ${expression})`;
    return [{ assignment: `"${name}" = ${expression}`, differs }];
  });
  const mark = (row: string): string =>
    `INSERT INTO fuser_blocks VALUES ('${table}', ${row}.rowid / ${rowsPerBlock}, ${openScn}) ON CONFLICT DO UPDATE SET scn = ${openScn};`;
  for (const event of ["INSERT", "UPDATE"]) {
    database.exec(`CREATE TRIGGER "fuser_block_${event}_${table}" AFTER ${event} ON "${table}" BEGIN ${mark("NEW")} END`);
    if (kept.length === 0) continue;
    const differs = kept.map((one) => one.differs).join(" OR ");
    const set = kept.map((one) => one.assignment).join(", ");
    database.exec(
      `CREATE TRIGGER "fuser_kept_${event}_${table}" AFTER ${event} ON "${table}" WHEN ${differs} BEGIN UPDATE "${table}" SET ${set} WHERE rowid = NEW.rowid; END`,
    );
  }
}

interface Registered {
  owner: string;
  table: string;
  columns: readonly Column[];
  primary: readonly string[] | undefined;
  unique: readonly (readonly string[])[];
}

function register(database: DatabaseSync, { owner, table, columns, primary, unique }: Registered): void {
  const insert = (name: string, values: readonly (string | number | null)[]): void => {
    database.prepare(`INSERT INTO ${name} VALUES (${values.map(() => "?").join(", ")})`).run(...values);
  };
  insert("ALL_OBJECTS", [owner, table, "TABLE", null, null, null]);
  insert("ALL_TABLES", [owner, table, null, "N", null]);
  for (const [index, { name, type, nullable, identity }] of columns.entries()) {
    const { dataType, length, precision, scale } = type;
    const text = /^(N?VARCHAR2|CHAR)$/.test(dataType);
    insert("ALL_TAB_COLUMNS", [
      ...[owner, table, name, index + 1, dataType],
      ...[text ? (length ?? null) : null, length ?? 0, precision ?? null, scale ?? null],
      ...[nullable ? "Y" : "N", null, identity ? "YES" : "NO"],
    ]);
  }
  const constraints = [...(primary ? [{ kind: "P", names: primary }] : []), ...unique.map((names) => ({ kind: "U", names }))];
  for (const [index, { kind, names }] of constraints.entries()) {
    const name = `${table}_${kind}${index}`;
    insert("ALL_CONSTRAINTS", [owner, table, name, kind, null, null]);
    for (const [position, column] of names.entries()) insert("ALL_CONS_COLUMNS", [owner, table, name, column, position + 1]);
    registerIndex(database, { owner, table, name, columns: names, unique: true });
  }
}

interface Index {
  owner: string;
  table: string;
  name: string;
  columns: readonly string[];
  unique: boolean;
}

function registerIndex(database: DatabaseSync, { owner, table, name, columns, unique }: Index): void {
  const uniqueness = unique ? "UNIQUE" : "NONUNIQUE";
  database.prepare("INSERT INTO ALL_INDEXES VALUES (?, ?, ?, ?, ?, 'NORMAL')").run(owner, name, owner, table, uniqueness);
  const column = database.prepare("INSERT INTO ALL_IND_COLUMNS VALUES (?, ?, ?, ?, ?, ?)");
  for (const [position, of] of columns.entries()) column.run(owner, name, owner, table, of, position + 1);
}

/** Carries out `CREATE [UNIQUE] INDEX name ON table (columns)`. */
export function createIndex(database: DatabaseSync, owner: string, text: string): void {
  const match = /^CREATE (UNIQUE )?INDEX (\w+) ON "?(\w+)"? \((.*)\)$/i.exec(text.trim());
  if (!match) throw new OracleError(900, `the double does not know this DDL: ${text}`);
  const [, unique = "", name = "", table = "", list = ""] = match;
  const columns = namesOf(list);
  database.exec(
    `CREATE ${unique}INDEX "${name.toUpperCase()}" ON "${table.toUpperCase()}" (${columns.map((of) => `"${of}"`).join(", ")})`,
  );
  registerIndex(database, { owner, table: table.toUpperCase(), name: name.toUpperCase(), columns, unique: unique !== "" });
}

/** Carries out `ALTER TABLE name ADD column type`. @returns the table with its columns */
export function addColumn(database: DatabaseSync, tables: Tables, text: string): Created {
  const [, name = "", part = ""] = /^ALTER TABLE "?(\w+)"? ADD \(?(.*?)\)?$/is.exec(text.trim()) ?? [];
  const table = name.toUpperCase();
  const before = tables.get(table);
  if (before === undefined) throw new OracleError(942, "table or view does not exist");
  const { column, definition } = columnOf(part);
  database.exec(`ALTER TABLE "${table}" ADD COLUMN ${definition}`);
  addToVersions(database, table, column.name);
  const columns = [...before, column];
  forgetVersions(database, table, columns);
  return { table, columns };
}

/** Notes a change of a table's definition, with a new segment for its rows where they were thrown away. */
export function noteDdl(database: DatabaseSync, { table, at, segment }: { table: string; at: string; segment: boolean }): void {
  const [row] = database.prepare("SELECT coalesce(max(DATA_OBJECT_ID), 70000) + 1 AS id FROM ALL_OBJECTS").all() as {
    id: number;
  }[];
  const id = row?.id as number;
  database
    .prepare(
      "UPDATE ALL_OBJECTS SET LAST_DDL_TIME = ?, OBJECT_ID = coalesce(OBJECT_ID, ?), DATA_OBJECT_ID = CASE WHEN ? OR DATA_OBJECT_ID IS NULL THEN ? ELSE DATA_OBJECT_ID END WHERE OBJECT_NAME = ?",
    )
    .run(at, id, segment ? 1 : 0, id, table);
}

export function dropTable(database: DatabaseSync, table: string): void {
  try {
    database.exec(`DROP TABLE "${table}"`);
  } catch (cause) {
    throw Object.assign(new OracleError(942, "table or view does not exist"), { cause });
  }
  dropVersions(database, table);
  for (const name of ["ALL_TABLES", "ALL_TAB_COLUMNS", "ALL_CONSTRAINTS", "ALL_CONS_COLUMNS", "ALL_INDEXES", "ALL_IND_COLUMNS"]) {
    database.prepare(`DELETE FROM ${name} WHERE TABLE_NAME = ?`).run(table);
  }
  database.prepare("DELETE FROM ALL_OBJECTS WHERE OBJECT_NAME = ?").run(table);
  database.prepare("DELETE FROM fuser_blocks WHERE name = ?").run(table);
}

const namesOf = (list: string): string[] => list.split(",").map((name) => name.trim().replaceAll('"', "").toUpperCase());

/** Parts of a list, cut at the commas that no bracket holds. */
export function splitList(text: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let from = 0;
  for (let at = 0; at < text.length; at++) {
    if (text[at] === "(") depth += 1;
    else if (text[at] === ")") depth -= 1;
    else if (text[at] === "," && depth === 0) {
      parts.push(text.slice(from, at).trim());
      from = at + 1;
    }
  }
  return [...parts, text.slice(from).trim()];
}
