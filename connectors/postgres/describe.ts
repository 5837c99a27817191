import type { Column, Table } from "../connector.ts";
import { bind, concat, join, type Statement, sql } from "../statement.ts";
import type { Link, SentValue } from "./link.ts";
import { withLiterals } from "./sql.ts";
import { sizeOfType } from "./values.ts";

/** A result's rows by column name. */
type Described = Record<string, SentValue>;

/** Asks the server in words; for the few rows of its own tables. */
export async function askServer(
  link: Link,
  statement: Statement | string,
  signal: AbortSignal,
  operation: string,
): Promise<Described[]> {
  const text = typeof statement === "string" ? statement : withLiterals(statement);
  const { fields, rows } = await link.select(text, signal, operation);
  return rows.map((row) => Object.fromEntries(fields.map(({ name }, index) => [name, row[index] ?? null])));
}

const operation = "describe the ERP's tables";
/** Type by its id in pg_type, of each column that `describeTables` gave. */
const typeIds = new WeakMap<Column, number>();

/** What a column's type is to the server. @param column of `describeTables` */
export function typeIdOf(column: Column): number {
  return typeIds.get(column) ?? 25;
}

/**
 * Tables and views the account can see; with `names` only those, rights or not. A name without its schema is the first of the search path's tables, as in
 * every statement; tables of other schemas are called `schema.table`.
 */
export async function describeTables(link: Link, names: readonly string[] | undefined, signal: AbortSignal): Promise<Table[]> {
  if (names?.length === 0) return [];
  const wanted = names === undefined ? sql(visible) : concat("c.oid IN (", join(names.map(tableId), ", "), ")");
  const tables = await askServer(
    link,
    concat(
      "SELECT c.oid, CASE WHEN pg_table_is_visible(c.oid) THEN c.relname ELSE n.nspname || '.' || c.relname END AS name, c.relkind AS kind, c.reltuples AS rows, obj_description(c.oid, 'pg_class') AS comment FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p', 'f', 'v', 'm') AND ",
      wanted,
      " ORDER BY name",
    ),
    signal,
    operation,
  );
  if (tables.length === 0) return [];
  const among = tables.map(({ oid }) => oid).join(", ");
  const columns = await askServer(link, columnsOf(among), signal, operation);
  const indexes = await askServer(link, indexesOf(among), signal, operation);
  const references = await askServer(link, referencesOf(among), signal, operation);
  return tables.map((table) => {
    const own = (row: Described): boolean => row.oid === table.oid;
    return tableOf(table, { columns: columns.filter(own), indexes: indexes.filter(own), references: references.filter(own) });
  });
}

/** Of the schemas that the account looks in, what it may read at least a column of. */
const visible =
  "n.nspname = ANY(current_schemas(false)) AND NOT c.relispartition AND (has_table_privilege(c.oid, 'SELECT') OR has_any_column_privilege(c.oid, 'SELECT'))";

/** The table's id; NULL where there is none. */
function tableId(name: string): Statement {
  const quoted = name
    .split(".")
    .map((part) => `"${part.replaceAll('"', '""')}"`)
    .join(".");
  return concat("to_regclass(", bind(quoted), ")");
}

/** A domain counts as the type below it, with its length. */
const columnsOf = (among: string): string => `
  SELECT a.attrelid AS oid, a.attname AS name, a.attnotnull OR (t.typtype = 'd' AND t.typnotnull) AS filled,
    CASE WHEN t.typtype = 'd' THEN coalesce(nullif(t.typbasetype, 0), t.oid) ELSE t.oid END AS type,
    CASE WHEN t.typtype = 'd' THEN t.typtypmod ELSE a.atttypmod END AS modifier,
    a.atthasdef OR a.attidentity <> '' OR t.typdefault IS NOT NULL AS defaulted,
    a.attidentity <> '' OR coalesce(pg_get_expr(d.adbin, d.adrelid) LIKE 'nextval(%', false) AS counted,
    col_description(a.attrelid, a.attnum) AS comment
  FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
  WHERE a.attrelid IN (${among}) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attrelid, a.attnum`;

/** Key columns only; NULL for an expression. */
const indexesOf = (among: string): string => `
  SELECT i.indrelid AS oid, i.indexrelid AS index, i.indisprimary AS primary,
    i.indisunique AND i.indpred IS NULL AND i.indimmediate AS unique, a.attname AS name
  FROM pg_index i CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY k (attnum, nr)
    LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum AND k.attnum > 0
  WHERE i.indrelid IN (${among}) AND i.indisvalid AND k.nr <= i.indnkeyatts ORDER BY NOT i.indisprimary, i.indexrelid, k.nr`;

const referencesOf = (among: string): string => `
  SELECT c.conrelid AS oid, c.oid AS constraint, a.attname AS name, r.attname AS referenced,
    CASE WHEN pg_table_is_visible(t.oid) THEN t.relname ELSE n.nspname || '.' || t.relname END AS table
  FROM pg_constraint c JOIN pg_class t ON t.oid = c.confrelid JOIN pg_namespace n ON n.oid = t.relnamespace
    CROSS JOIN LATERAL unnest(c.conkey, c.confkey) WITH ORDINALITY k (own, other, nr)
    JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.own JOIN pg_attribute r ON r.attrelid = c.confrelid AND r.attnum = k.other
  WHERE c.contype = 'f' AND c.conrelid IN (${among}) ORDER BY c.conname, k.nr`;

function tableOf(table: Described, parts: { columns: Described[]; indexes: Described[]; references: Described[] }): Table {
  const indexes = [...Map.groupBy(parts.indexes, (row) => row.index).values()];
  const namesOf = (rows: Described[]): string[] => rows.flatMap(({ name }) => (name === null ? [] : [name as string]));
  const unique = indexes.filter((rows) => rows[0]?.unique === "t" && rows.every(({ name }) => name !== null));
  const primary = indexes.find((rows) => rows[0]?.primary === "t");
  const rows = Number(table.rows);
  return {
    name: table.name as string,
    kind: table.kind === "v" || table.kind === "m" ? "view" : "table",
    columns: parts.columns.map(columnOf),
    primaryKey: primary === undefined ? [] : namesOf(primary),
    uniqueIndexes: unique.map(namesOf),
    foreignKeys: [...Map.groupBy(parts.references, (row) => row.constraint).values()].map((all) => ({
      columns: namesOf(all),
      table: all[0]?.table as string,
      references: all.map((row) => row.referenced as string),
    })),
    indexedColumns: [...new Set(indexes.flatMap((all) => namesOf(all.slice(0, 1))))],
    // -1: never counted; a view holds none.
    rows: rows < 0 || table.kind === "v" ? undefined : rows,
    // What another server keeps is not written in our transaction.
    transactional: table.kind !== "f",
    ...(table.comment === null ? {} : { comment: table.comment as string }),
  };
}

function columnOf(row: Described): Column {
  const type = Number(row.type);
  const column: Column = {
    name: row.name as string,
    nullable: row.filled !== "t",
    hasDefault: row.defaulted === "t",
    autoIncrement: row.counted === "t",
    ...sizeOfType(type, Number(row.modifier)),
    ...(row.comment === null ? {} : { comment: row.comment as string }),
  };
  typeIds.set(column, type);
  return column;
}
