import type { Column, ColumnType, Table } from "../connector.ts";
import { bind, concat, join, type Statement } from "../statement.ts";
import type { Link } from "./link.ts";
import { withLiterals } from "./sql.ts";

/** A result's rows as text by column name in lower case. */
type Described = Record<string, string | null>;

/** Asks the server in words; for the few rows of its own tables. */
export async function askServer(
  link: Link,
  statement: Statement | string,
  signal: AbortSignal,
  operation: string,
): Promise<Described[]> {
  const [result] = await link.query(typeof statement === "string" ? statement : withLiterals(statement), signal, operation);
  const names = result?.fields.map((field) => field.name.toLowerCase()) ?? [];
  return (result?.rows ?? []).map((row) =>
    Object.fromEntries(
      names.map((name, index) => [name, row[index] === null ? null : Buffer.from(row[index] as Uint8Array).toString("utf8")]),
    ),
  );
}

const operation = "describe the ERP's tables";

/** Tables and views the account can see; with `names` only those (`schema.table` for another schema). */
export async function describeTables(link: Link, names: readonly string[] | undefined, signal: AbortSignal): Promise<Table[]> {
  const [server] = await askServer(link, "SELECT DATABASE() AS db, @@lower_case_table_names AS lower_names", signal, operation);
  const current = server?.db ?? "";
  const fold = (text: string): string => (server?.lower_names === "0" ? text : text.toLowerCase());
  const wanted = names && new Set(names.map((name) => fold(name.includes(".") ? name : `${current}.${name}`)));
  const schemas = [
    ...new Set(names ? names.map((name) => (name.includes(".") ? (name.split(".", 1)[0] as string) : current)) : [current]),
  ];
  if (schemas.length === 0) return [];
  const tables = names && [...new Set(names.map((name) => name.split(".").at(-1) as string))];
  const scope = (alias = ""): Statement =>
    concat(
      `${alias}TABLE_SCHEMA IN (`,
      join(schemas.map(bind), ", "),
      ")",
      tables ? concat(` AND ${alias}TABLE_NAME IN (`, join(tables.map(bind), ", "), ")") : "",
    );
  const ask = (sql: string, rest = ""): Promise<Described[]> =>
    askServer(link, concat(sql, " WHERE ", scope(), rest), signal, operation);
  const found = await ask(
    "SELECT TABLE_SCHEMA, TABLE_NAME, TABLE_TYPE, ENGINE, TABLE_ROWS, TABLE_COMMENT, (SELECT TRANSACTIONS FROM information_schema.ENGINES e WHERE e.ENGINE = t.ENGINE) AS TRANSACTIONAL FROM information_schema.TABLES t",
    " AND TABLE_TYPE IN ('BASE TABLE', 'VIEW', 'SYSTEM VERSIONED') ORDER BY TABLE_SCHEMA, TABLE_NAME",
  );
  const columns = await ask("SELECT * FROM information_schema.COLUMNS", " ORDER BY ORDINAL_POSITION");
  const indexes = await ask(
    "SELECT TABLE_SCHEMA, TABLE_NAME, INDEX_NAME, NON_UNIQUE, COLUMN_NAME, SUB_PART FROM information_schema.STATISTICS",
    " ORDER BY INDEX_NAME = 'PRIMARY' DESC, INDEX_NAME, SEQ_IN_INDEX",
  );
  const references = await ask(
    "SELECT TABLE_SCHEMA, TABLE_NAME, CONSTRAINT_NAME, COLUMN_NAME, REFERENCED_TABLE_NAME, REFERENCED_COLUMN_NAME FROM information_schema.KEY_COLUMN_USAGE",
    " AND REFERENCED_TABLE_NAME IS NOT NULL ORDER BY CONSTRAINT_NAME, ORDINAL_POSITION",
  );
  return found
    .filter((table) => !wanted || wanted.has(fold(`${table.table_schema}.${table.table_name}`)))
    .map((table) => {
      const own = (row: Described): boolean => row.table_schema === table.table_schema && row.table_name === table.table_name;
      return tableOf(table, {
        current,
        columns: columns.filter(own),
        indexes: indexes.filter(own),
        references: references.filter(own),
      });
    });
}

function tableOf(
  table: Described,
  parts: { current: string; columns: Described[]; indexes: Described[]; references: Described[] },
): Table {
  const byIndex = Map.groupBy(parts.indexes, (row) => row.index_name as string);
  const unique = [...byIndex.values()].filter((rows) =>
    rows.every((row) => row.non_unique === "0" && row.sub_part === null && row.column_name !== null),
  );
  const view = table.table_type === "VIEW";
  const comment = table.table_comment && !view ? { comment: table.table_comment } : {};
  return {
    name: table.table_schema === parts.current ? (table.table_name as string) : `${table.table_schema}.${table.table_name}`,
    kind: view ? "view" : "table",
    columns: parts.columns.map(columnOf),
    primaryKey: (byIndex.get("PRIMARY") ?? []).map((row) => row.column_name as string),
    uniqueIndexes: unique.map((rows) => rows.map((row) => row.column_name as string)),
    foreignKeys: [...Map.groupBy(parts.references, (row) => row.constraint_name).values()].map((rows) => ({
      columns: rows.map((row) => row.column_name as string),
      table: rows[0]?.referenced_table_name as string,
      references: rows.map((row) => row.referenced_column_name as string),
    })),
    indexedColumns: [...new Set([...byIndex.values()].map((rows) => rows[0]?.column_name as string))],
    rows: view || table.table_rows === null ? undefined : Number(table.table_rows),
    transactional: view || table.transactional === "YES",
    ...comment,
  };
}

function columnOf(row: Described): Column {
  const declared = (row.column_type ?? "").toLowerCase();
  const type = declaredType((row.data_type ?? "").toLowerCase(), declared);
  const generated = /GENERATED/i.test(row.extra ?? "") && (row.generation_expression ?? "") !== "";
  const sized = type === "text" || type === "bytes";
  return {
    name: row.column_name as string,
    type,
    nullable: row.is_nullable === "YES",
    length: sized && row.character_maximum_length !== null ? Number(row.character_maximum_length) : undefined,
    hasDefault: row.column_default !== null || generated,
    autoIncrement: /auto_increment/i.test(row.extra ?? ""),
    ...(type === "decimal" ? { precision: Number(row.numeric_precision), scale: Number(row.numeric_scale) } : {}),
    ...(row.column_comment ? { comment: row.column_comment } : {}),
  };
}

/** From information_schema's DATA_TYPE and the whole type as declared, both in lower case. */
export function declaredType(data: string, declared: string): ColumnType {
  switch (data) {
    case "tinyint":
    case "smallint":
    case "mediumint":
    case "int":
    case "bigint":
    case "year":
      return "integer";
    case "bit":
      return declared === "bit(1)" ? "boolean" : "integer";
    case "decimal":
      return "decimal";
    case "float":
    case "double":
      return "float";
    case "date":
    case "time":
    case "datetime":
      return data;
    case "timestamp":
      return "instant";
    case "binary":
    case "varbinary":
    case "tinyblob":
    case "blob":
    case "mediumblob":
    case "longblob":
    case "geometry":
    case "point":
    case "linestring":
    case "polygon":
      return "bytes";
    default:
      return "text";
  }
}
