import type { DatabaseSync } from "node:sqlite";
import type { Column, Table } from "../connector.ts";
import type { RawValue } from "../digest.ts";
import { bind, concat, type Statement, sql } from "../statement.ts";
import { all, prepare } from "./database.ts";
import { sqliteSyntax } from "./sql.ts";
import { declaredType, plainType } from "./values.ts";

/** Tables and views; with `names` only those, whatever their case. */
export function describeTables(database: DatabaseSync, names: readonly string[] | undefined): Table[] {
  const wanted = names && new Set(names.map((name) => name.replace(/^main\./i, "").toLowerCase()));
  const estimates = rowEstimates(database);
  return all(
    database,
    sql("SELECT name, type, wr FROM pragma_table_list WHERE schema = 'main' AND type IN ('table', 'view') ORDER BY name"),
  )
    .filter(([name]) => !String(name).startsWith("sqlite_") && (!wanted || wanted.has(String(name).toLowerCase())))
    .map(([name, type, withoutRowid]) => {
      const table = String(name);
      const columns = columnsOf(database, table, withoutRowid === 1n);
      const indexes = type === "table" ? indexesOf(database, table) : [];
      const primaryKey = columns.filter(({ rank }) => rank > 0).sort((a, b) => a.rank - b.rank);
      const key = primaryKey.map(({ column }) => column.name);
      return {
        name: table,
        kind: type === "view" ? ("view" as const) : ("table" as const),
        columns: columns.map(({ column }) => column),
        primaryKey: key,
        uniqueIndexes: distinct([
          ...(key.length > 0 ? [key] : []),
          ...indexes.filter((index) => index.unique).map((index) => index.columns),
        ]),
        foreignKeys: foreignKeysOf(database, table),
        indexedColumns: [...new Set([...key.slice(0, 1), ...indexes.flatMap((index) => index.columns.slice(0, 1))])],
        rows: type === "view" ? undefined : (estimates.get(table) ?? highestRowid(database, table, withoutRowid === 1n)),
        transactional: true,
      };
    });
}

function pragma(database: DatabaseSync, columns: string, name: string, argument: string): RawValue[][] {
  const statement: Statement = concat(`SELECT ${columns} FROM pragma_${name}(`, bind(argument), ")");
  return all(database, statement);
}

function columnsOf(database: DatabaseSync, table: string, withoutRowid: boolean): { column: Column; rank: number }[] {
  const rows = pragma(database, `name, type, "notnull", dflt_value, pk, hidden`, "table_xinfo", table).filter(
    ([, , , , , hidden]) => hidden !== 1n,
  );
  const keyColumns = rows.filter(([, , , , pk]) => pk !== 0n).length;
  return rows.map(([name, declared, notNull, fallback, pk, hidden]) => {
    const rowid = keyColumns === 1 && pk !== 0n && !withoutRowid && String(declared).toUpperCase() === "INTEGER";
    const type = declaredType(String(declared)) ?? plainType("text");
    const column: Column = {
      name: String(name),
      type: type.type,
      nullable: notNull === 0n && !rowid && !(withoutRowid && pk !== 0n),
      length: type.length,
      hasDefault: fallback !== null || hidden !== 0n,
      autoIncrement: rowid,
      ...(type.precision === undefined ? {} : { precision: type.precision }),
      ...(type.scale === undefined ? {} : { scale: type.scale }),
    };
    return { column, rank: Number(pk) };
  });
}

/** Whole indexes over bare columns; partial ones and expressions don't count, for they promise nothing for every row. */
function indexesOf(database: DatabaseSync, table: string): { columns: string[]; unique: boolean }[] {
  return pragma(database, `name, "unique", partial`, "index_list", table).flatMap(([name, unique, partial]) => {
    const columns = pragma(database, "name", "index_info", String(name)).map(([column]) => column);
    if (partial !== 0n || columns.some((column) => column === null)) return [];
    return [{ columns: columns.map(String), unique: unique === 1n }];
  });
}

function foreignKeysOf(database: DatabaseSync, table: string): Table["foreignKeys"] {
  const byId = new Map<RawValue, { columns: string[]; table: string; references: string[] }>();
  for (const [id, target, from, to] of pragma(database, `id, "table", "from", "to"`, "foreign_key_list", table)) {
    const key = byId.get(id as RawValue) ?? { columns: [], table: String(target), references: [] };
    key.columns.push(String(from));
    if (to !== null) key.references.push(String(to));
    byId.set(id as RawValue, key);
  }
  return [...byId.values()];
}

/** Row counts as ANALYZE left them. */
function rowEstimates(database: DatabaseSync): Map<string, number> {
  const analyzed = all(database, sql("SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_stat1'")).length > 0;
  if (!analyzed) return new Map();
  return new Map(
    all(database, sql("SELECT tbl, MAX(CAST(stat AS INTEGER)) FROM sqlite_stat1 GROUP BY tbl")).map(([table, rows]) => [
      String(table),
      Number(rows),
    ]),
  );
}

/** The highest row id is read from the end of the table at once, where a count would read all of it. */
function highestRowid(database: DatabaseSync, table: string, withoutRowid: boolean): number | undefined {
  if (withoutRowid) return undefined;
  const row = prepare(database, `SELECT MAX(rowid) FROM ${sqliteSyntax.quote(table)}`).get() as unknown as RawValue[];
  return Number(row[0] ?? 0n);
}

function distinct(indexes: readonly (readonly string[])[]): string[][] {
  return [...new Map(indexes.map((columns) => [columns.join("\n"), [...columns]])).values()];
}
