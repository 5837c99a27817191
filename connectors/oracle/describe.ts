import type { Table } from "../connector.ts";
import type { RawValue } from "../digest.ts";
import { bind, concat, join, type Statement, sql } from "../statement.ts";
import type { Link } from "./link.ts";
import { catalogueName, writtenName } from "./sql.ts";
import { synonymTarget } from "./synonyms.ts";
import { type OracleColumn, typeOf } from "./values.ts";

export interface OracleTable extends Table {
  columns: readonly OracleColumn[];
  /** Whose it is, and its name in the catalogue: of the table itself, where `name` is a synonym. */
  owner: string;
  object: string;
}

const operation = "describe the ERP's tables";

interface Wanted {
  owner: string;
  /** Undefined: all of the owner's. */
  names: readonly string[] | undefined;
}

/** Tables and views of the current schema; with `tables` only those, which may lie with another owner (`OWNER.NAME`) or behind a synonym. */
export async function describeTables(
  link: Link,
  tables: readonly string[] | undefined,
  signal: AbortSignal,
): Promise<OracleTable[]> {
  const schema = await currentSchema(link, signal);
  if (tables === undefined) return describeOwner(link, { owner: schema, names: undefined }, { schema, signal });
  const byOwner = new Map<string, Set<string>>();
  const qualified = new Set<string>();
  for (const table of tables) {
    const parts = [...table.matchAll(/"[^"]+"|[^."]+/g)].map(([part]) => catalogueName(part));
    const owner = parts.length > 1 ? (parts[0] as string) : schema;
    const name = parts.at(-1) as string;
    if (parts.length > 1) qualified.add(`${owner}.${name}`);
    byOwner.set(owner, (byOwner.get(owner) ?? new Set()).add(name));
  }
  const found: OracleTable[] = [];
  for (const [owner, names] of byOwner) {
    const own = await describeOwner(link, { owner, names: [...names] }, { schema, signal });
    found.push(...own);
    for (const name of names) {
      if (own.some(({ object }) => object === name)) continue;
      const target = await synonymTarget(link, { schema: owner, name, qualified: qualified.has(`${owner}.${name}`) }, signal);
      if (target === undefined) continue;
      const [behind] = await describeOwner(link, { owner: target.owner, names: [target.name] }, { schema, signal });
      if (behind !== undefined) found.push({ ...behind, name: nameOf({ owner, object: name }, schema) });
    }
  }
  return found;
}

/** As the configuration may write it. */
const nameOf = ({ owner, object }: Pick<OracleTable, "owner" | "object">, schema: string): string =>
  owner === schema ? writtenName(object) : `${writtenName(owner)}.${writtenName(object)}`;

export async function currentSchema(link: Link, signal: AbortSignal): Promise<string> {
  const asked = sql("SELECT SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA') AS NAME FROM DUAL");
  const { rows } = await link.execute(asked, signal, { operation });
  return String(rows[0]?.[0] ?? "");
}

async function describeOwner(
  link: Link,
  wanted: Wanted,
  { schema, signal }: { schema: string; signal: AbortSignal },
): Promise<OracleTable[]> {
  const ask = async (text: string, named: string, order = ""): Promise<RawValue[][]> => {
    const statement = concat(text, among(named, wanted), order);
    return (await link.execute(statement, signal, { operation })).rows;
  };
  const objects = await ask(
    `SELECT o.OBJECT_NAME, o.OBJECT_TYPE, t.NUM_ROWS, c.COMMENTS FROM ALL_OBJECTS o
 LEFT JOIN ALL_TABLES t ON t.OWNER = o.OWNER AND t.TABLE_NAME = o.OBJECT_NAME
 LEFT JOIN ALL_TAB_COMMENTS c ON c.OWNER = o.OWNER AND c.TABLE_NAME = o.OBJECT_NAME
 WHERE o.OBJECT_TYPE IN ('TABLE', 'VIEW') AND o.OBJECT_NAME NOT LIKE 'BIN$%'`,
    "o.OWNER, o.OBJECT_NAME",
    " ORDER BY o.OBJECT_NAME",
  );
  // Version 11 has no identity columns, and no column that would tell of them.
  const identity = /^(9|10|11)\./.test(link.version) ? "'NO'" : "a.IDENTITY_COLUMN";
  const columns = await ask(
    `SELECT a.TABLE_NAME, a.COLUMN_NAME, a.DATA_TYPE, a.CHAR_LENGTH, a.DATA_LENGTH, a.DATA_PRECISION, a.DATA_SCALE, a.NULLABLE, a.DEFAULT_LENGTH,
 ${identity} AS IDENTITY_COLUMN, m.COMMENTS FROM ALL_TAB_COLUMNS a
 LEFT JOIN ALL_COL_COMMENTS m ON m.OWNER = a.OWNER AND m.TABLE_NAME = a.TABLE_NAME AND m.COLUMN_NAME = a.COLUMN_NAME WHERE 1 = 1`,
    "a.OWNER, a.TABLE_NAME",
    " ORDER BY a.TABLE_NAME, a.COLUMN_ID",
  );
  const constraints = await ask(
    `SELECT k.TABLE_NAME, k.CONSTRAINT_NAME, k.CONSTRAINT_TYPE, c.COLUMN_NAME, r.TABLE_NAME AS R_TABLE, rc.COLUMN_NAME AS R_COLUMN FROM ALL_CONSTRAINTS k
 JOIN ALL_CONS_COLUMNS c ON c.OWNER = k.OWNER AND c.CONSTRAINT_NAME = k.CONSTRAINT_NAME
 LEFT JOIN ALL_CONSTRAINTS r ON r.OWNER = k.R_OWNER AND r.CONSTRAINT_NAME = k.R_CONSTRAINT_NAME
 LEFT JOIN ALL_CONS_COLUMNS rc ON rc.OWNER = r.OWNER AND rc.CONSTRAINT_NAME = r.CONSTRAINT_NAME AND rc.POSITION = c.POSITION
 WHERE k.CONSTRAINT_TYPE IN ('P', 'R')`,
    "k.OWNER, k.TABLE_NAME",
    " ORDER BY k.TABLE_NAME, k.CONSTRAINT_NAME, c.POSITION",
  );
  const indexes = await ask(
    `SELECT i.TABLE_NAME, i.INDEX_NAME, i.UNIQUENESS, c.COLUMN_NAME FROM ALL_INDEXES i
 JOIN ALL_IND_COLUMNS c ON c.INDEX_OWNER = i.OWNER AND c.INDEX_NAME = i.INDEX_NAME WHERE 1 = 1`,
    "i.TABLE_OWNER, i.TABLE_NAME",
    " ORDER BY i.TABLE_NAME, i.INDEX_NAME, c.COLUMN_POSITION",
  );
  const of = (rows: RawValue[][], name: RawValue): RawValue[][] => rows.filter(([table]) => table === name);
  return objects.map(([name, type, rows, comment]) => {
    const own = of(constraints, name as RawValue);
    const indexed = of(indexes, name as RawValue);
    const place = { owner: wanted.owner, object: String(name) };
    return {
      ...place,
      name: nameOf(place, schema),
      kind: type === "VIEW" ? ("view" as const) : ("table" as const),
      columns: of(columns, name as RawValue).map(columnOf),
      primaryKey: own.filter(([, , kind]) => kind === "P").map(([, , , column]) => writtenName(String(column))),
      uniqueIndexes: uniqueIndexes(indexed),
      foreignKeys: foreignKeys(own),
      indexedColumns: [...new Set(grouped(indexed, 1).map((index) => writtenName(String(index[0]?.[3]))))],
      rows: rows === null || rows === undefined ? undefined : Number(rows),
      transactional: true,
      ...(comment ? { comment: String(comment) } : {}),
    };
  });
}

function among(columns: string, { owner, names }: Wanted): Statement {
  const [ofOwner = "", ofName = ""] = columns.split(", ");
  const owned = concat(` AND ${ofOwner} = `, bind(owner));
  return names === undefined ? owned : concat(owned, ` AND ${ofName} IN (`, join(names.map(bind), ", "), ")");
}

function columnOf([
  ,
  name,
  dataType,
  characters,
  bytes,
  precision,
  scale,
  nullable,
  fallback,
  identity,
  comment,
]: RawValue[]): OracleColumn {
  const number = (value: RawValue | undefined): number | undefined =>
    value === null || value === undefined ? undefined : Number(value);
  const declared = { type: String(dataType), precision: number(precision), scale: number(scale) };
  const { native, type } = typeOf(declared);
  const length = ["text", "ntext", "char"].includes(native) ? number(characters) : native === "bytes" ? number(bytes) : undefined;
  return {
    name: writtenName(String(name)),
    type,
    native,
    nullable: nullable === "Y",
    length: length || undefined,
    hasDefault: number(fallback) !== undefined,
    autoIncrement: identity === "YES",
    ...(native === "number" && declared.precision !== undefined ? { precision: declared.precision } : {}),
    ...(declared.scale === undefined ? {} : { scale: declared.scale }),
    ...(comment ? { comment: String(comment) } : {}),
  };
}

/** Rows that belong together, in their order. */
function grouped(rows: readonly RawValue[][], by: number): RawValue[][][] {
  const groups = new Map<RawValue, RawValue[][]>();
  for (const row of rows) groups.set(row[by] as RawValue, [...(groups.get(row[by] as RawValue) ?? []), row]);
  return [...groups.values()];
}

function uniqueIndexes(rows: readonly RawValue[][]): string[][] {
  return grouped(rows, 1)
    .filter((index) => index[0]?.[2] === "UNIQUE")
    .map((index) => index.map(([, , , column]) => writtenName(String(column))));
}

function foreignKeys(rows: readonly RawValue[][]): Table["foreignKeys"] {
  return grouped(rows, 1)
    .filter((key) => key[0]?.[2] === "R")
    .map((key) => ({
      columns: key.map(([, , , column]) => writtenName(String(column))),
      table: writtenName(String(key[0]?.[4])),
      references: key.map(([, , , , , column]) => writtenName(String(column))),
    }));
}
