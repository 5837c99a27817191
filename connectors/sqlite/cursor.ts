import type { DatabaseSync } from "node:sqlite";
import { FuserError } from "../../base/errors.ts";
import type { CursorQuery, CursorRow } from "../connector.ts";
import { type RawValue, RowDigest } from "../digest.ts";
import { type DigestedRows, digested, keyOf } from "../row-batch.ts";
import { bind, concat, join, type Statement, sql, withMarks } from "../statement.ts";
import { all, prepare } from "./database.ts";
import { type ReadContext, readOn } from "./read.ts";
import { sqliteSyntax } from "./sql.ts";
import { type DeclaredType, declaredType, decoderOf, normalMoment, plainType } from "./values.ts";

/** Rows marked at or behind `from`, in order of the mark. The reader's own connection. */
export async function* readChanges(
  database: DatabaseSync,
  query: CursorQuery,
  from: string | undefined,
  context: ReadContext,
): AsyncGenerator<CursorRow[]> {
  const { quote } = sqliteSyntax;
  const column = quote(query.column);
  const list = [query.column, ...query.key, ...query.own].map(quote).join(", ");
  const since = from === undefined ? concat(column, " IS NOT NULL") : concat(column, " >= ", lowerBound(query, from));
  const statement = (options: { condition?: Statement; orderBy?: readonly string[]; limit?: number }): Statement =>
    concat(
      `SELECT ${list} FROM ${quote(query.table)} WHERE `,
      join([since, ...(options.condition ? [options.condition] : [])], " AND "),
      options.orderBy ? ` ORDER BY ${options.orderBy.join(", ")}` : "",
      options.limit === undefined ? "" : ` LIMIT ${options.limit}`,
    );
  const types = prepare(database, withMarks(statement({})))
    .columns()
    .map((described) => declaredType(described.type) ?? plainType("text"));
  const row = (raw: readonly RawValue[]): CursorRow => cursorRow(query, types, raw);
  if (from === undefined) {
    const last = all(database, statement({ orderBy: [`${column} DESC`], limit: 1 }));
    if (last.length > 0) yield last.map(row);
    return;
  }
  const digest = new RowDigest();
  const select = {
    order: [{ column, position: 0 }],
    statement,
    digested: (rows: readonly RawValue[][]): DigestedRows => digested(rows, digest),
  };
  for await (const batch of readOn(database, select, context)) {
    // The stored form may sort a little before `from` although it means the same or an earlier moment of that second.
    const rows = batch.rows.map(row).filter(({ mark }) => query.kind === "sequence" || reached(mark, from));
    if (rows.length > 0) yield rows;
  }
}

/** Highest mark of the table; undefined when it is empty. */
export function highestMark(database: DatabaseSync, query: CursorQuery): string | undefined {
  const { quote } = sqliteSyntax;
  const [row] = all(database, sql(`SELECT MAX(${quote(query.column)}) FROM ${quote(query.table)}`));
  const raw = row?.[0];
  return raw === null || raw === undefined ? undefined : markOf(query, raw);
}

function cursorRow(query: CursorQuery, types: readonly DeclaredType[], raw: readonly RawValue[]): CursorRow {
  const part = (begin: number, length: number): string | undefined =>
    length === 0
      ? undefined
      : keyOf(raw.slice(begin, begin + length).map((value, index) => decoderOf(types[begin + index] as DeclaredType)(value)));
  return {
    mark: markOf(query, raw[0] as RawValue),
    key: part(1, query.key.length),
    own: part(1 + query.key.length, query.own.length),
  };
}

function markOf(query: CursorQuery, raw: RawValue): string {
  const mark = query.kind === "sequence" ? sequenceMark(raw) : timestampMark(raw);
  if (mark !== undefined) return mark;
  throw new FuserError("config", `The column ${query.column} does not hold what a ${query.kind} cursor needs`, {
    code: "erp-cursor-unusable",
    operation: "read changes by a cursor column",
    place: query.table,
    hint: `Use a column of ${query.kind === "sequence" ? "whole numbers" : "text such as 2026-01-31 12:00:00"}, or \`compare\`.`,
  });
}

function sequenceMark(raw: RawValue): string | undefined {
  return typeof raw === "bigint" ? String(raw) : undefined;
}

/** Without zeros at the end of a fraction, so that marks compare as text. */
function timestampMark(raw: RawValue): string | undefined {
  const text = typeof raw === "string" ? normalMoment(raw) : undefined;
  return text?.includes(".") ? text.replace(/\.?0+(Z?)$/, "$1") : text;
}

/** The smallest stored text that may mean this mark: SQLite compares text, and a blank sorts before `T`. */
function lowerBound(query: CursorQuery, from: string): Statement {
  if (query.kind === "sequence") return bind(BigInt(from));
  const text = from.replace("T", " ").replace(/Z$/, "");
  return bind(text.endsWith(" 00:00:00") ? text.slice(0, -9) : text.replace(/:00$/, ""));
}

/** Whether a mark is at or behind `from`. */
function reached(mark: string, from: string): boolean {
  return mark.replace(/Z$/, "") >= from.replace(/Z$/, "");
}
