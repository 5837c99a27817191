import type { Column } from "../connector.ts";
import { columnOf } from "../plan-parts.ts";
import { concat, join, type Statement } from "../statement.ts";
import type { InsertedRow } from "../write-session.ts";
import { nativeOf } from "./describe.ts";
import { mssqlSyntax } from "./sql.ts";
import { type NativeType, readingOf } from "./types.ts";

/**
 * Inserts a row and reads it back by its key, in one text. The key comes by OUTPUT INTO, since the ERP's tables have triggers: a bare OUTPUT is refused
 * then, and what it tells is from before they ran.
 */
export function insertedRow({ table, columns, values, returning }: InsertedRow): Statement {
  const { quote } = mssqlSyntax;
  const key = keyOf({ table, columns, values, returning });
  const declared = key.map((column, index) => `k${index} ${declaration(nativeOf(column))}`).join(", ");
  const inserted = key.map((column) => `INSERTED.${quote(column.name)}`).join(", ");
  const list = returning.map((column) => readingOf(`t.${quote(column.name)}`, nativeOf(column))).join(", ");
  const same = key.map((column, index) => `t.${quote(column.name)} = n.k${index}`).join(" AND ");
  return concat(
    `DECLARE @fuser_new TABLE (${declared}); INSERT INTO ${quote(table.name)} (${columns.map(({ name }) => quote(name)).join(", ")}) OUTPUT ${inserted} INTO @fuser_new VALUES (`,
    join(values, ", "),
    `); SELECT ${list} FROM ${quote(table.name)} AS t JOIN @fuser_new AS n ON ${same}`,
  );
}

/** The columns that tell the new row from every other: its key, else a unique index whose columns are filled, else its counted column, else all returned. */
function keyOf({ table, returning }: InsertedRow): readonly Column[] {
  const named = (names: readonly string[]): Column[] => names.map((name) => columnOf(table, name));
  if (table.primaryKey.length > 0) return named(table.primaryKey);
  const unique = table.uniqueIndexes.map(named).find((index) => index.every(({ nullable }) => !nullable));
  if (unique) return unique;
  const counted = table.columns.filter(({ autoIncrement }) => autoIncrement);
  return counted.length > 0 ? counted : returning;
}

/** A column of a table variable: without its collation a text would take the database's own and lose characters. */
function declaration({ declared, collation }: NativeType): string {
  return collation === undefined ? declared : `${declared} COLLATE ${collation}`;
}
