import { FuserError } from "../../base/errors.ts";
import type { CursorQuery, CursorRow } from "../connector.ts";
import { type RawValue, RowDigest } from "../digest.ts";
import { type DigestedRows, digested, keyOf } from "../row-batch.ts";
import { concat, join, type Statement, sql } from "../statement.ts";
import type { PagedSelect } from "./pages.ts";
import { columnOf, orderOf, type Reading } from "./source.ts";
import { oracleSyntax } from "./sql.ts";
import { boundFor, decoderOf, type OracleColumn, readable } from "./values.ts";

/** A cursor column described, with the columns of the keys. */
export interface PreparedCursor {
  query: CursorQuery;
  /** The mark, the key's columns, the table's own. */
  columns: readonly OracleColumn[];
}

export async function prepareCursor({ link, signal }: Reading, query: CursorQuery): Promise<PreparedCursor> {
  const names = [query.column, ...query.key, ...query.own];
  const operation = `read changes of the table ${query.table}`;
  const list = names.map((name, index) => `${oracleSyntax.quote(name)} AS C${index}`).join(", ");
  const fields = await link.describe(sql(`SELECT ${list} FROM ${oracleSyntax.quote(query.table)}`), signal, operation);
  const columns = names.map((name, index) => columnOf(fields[index] as (typeof fields)[number], name));
  const mark = columns[0] as OracleColumn;
  const fits = query.kind === "sequence" ? mark.native === "number" : ["date", "timestamp", "instant"].includes(mark.native);
  if (!fits) throw unusable(query);
  return { query, columns };
}

/**
 * Rows marked at or behind `from`, in order of the mark. `ORA_ROWSCN` is the number of the commit that last changed the row, or any row of its block: too many
 * rows, never too few. A read sees every commit up to its own snapshot and none behind it; what commits later gets a higher number than any that was seen, however
 * long its transaction was open. So nothing is passed over, other than with a stamp that a transaction wrote before its commit.
 */
export function changesSince(cursor: PreparedCursor, from: string): PagedSelect {
  const { query, columns } = cursor;
  const mark = columns[0] as OracleColumn;
  const bound = boundFor(from, mark.native);
  if (bound === undefined) throw unusable(query);
  const digest = new RowDigest();
  const since = concat(`${oracleSyntax.quote(mark.name)} >= `, bound);
  return {
    // A row without a mark is not among them.
    order: [orderOf({ ...mark, nullable: false }, 0)],
    unique: false,
    statement: ({ condition, orderBy, limit }) => {
      const where = join(condition ? [since, condition] : [since], " AND ");
      const order = orderBy ? ` ORDER BY ${orderBy.join(", ")}` : "";
      const rest = concat(` FROM ${oracleSyntax.quote(query.table)} WHERE `, where, order);
      const list = sql(listOf(columns));
      return limit === undefined ? concat("SELECT ", list, rest) : oracleSyntax.limited(list, rest, limit);
    },
    digested: (rows): DigestedRows => digested(rows, digest),
  };
}

const listOf = (columns: readonly OracleColumn[]): string =>
  columns.map(({ name, native }, index) => `${readable(oracleSyntax.quote(name), native)} AS C${index}`).join(", ");

/** The row with the highest mark, if any. */
export function lastChange({ query, columns }: PreparedCursor): Statement {
  const column = oracleSyntax.quote(query.column);
  const rest = sql(` FROM ${oracleSyntax.quote(query.table)} WHERE ${column} IS NOT NULL ORDER BY ${column} DESC`);
  return oracleSyntax.limited(sql(listOf(columns)), rest, 1);
}

export function cursorRow({ query, columns }: PreparedCursor, raw: readonly RawValue[]): CursorRow {
  const part = (begin: number, length: number): string | undefined =>
    length === 0
      ? undefined
      : keyOf(raw.slice(begin, begin + length).map((value, index) => decoderOf(columns[begin + index] as OracleColumn)(value)));
  return {
    mark: markOf(query, decoderOf(columns[0] as OracleColumn)(raw[0] as RawValue)),
    key: part(1, query.key.length),
    own: part(1 + query.key.length, query.own.length),
  };
}

function markOf(query: CursorQuery, value: unknown): string {
  const text = String(value);
  if (query.kind === "sequence" && !/^-?\d+$/.test(text)) throw unusable(query);
  return text;
}

function unusable({ column, kind, table }: CursorQuery): FuserError {
  return new FuserError("config", `The column ${column} does not hold what a ${kind} cursor needs`, {
    code: "erp-cursor-unusable",
    operation: "read changes by a cursor column",
    place: table,
    hint: `Use a column of ${kind === "sequence" ? "whole numbers (or ORA_ROWSCN)" : "type DATE or TIMESTAMP"}, or \`compare\`.`,
  });
}
