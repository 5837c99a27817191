import { FuserError } from "../../base/errors.ts";
import type { AskedRows, CursorQuery, CursorRow } from "../connector.ts";
import type { RowDigest } from "../digest.ts";
import { type Decode, digested, keyOf } from "../row-batch.ts";
import { selectAround } from "../source-select.ts";
import { bind, concat, join, type Statement, sql } from "../statement.ts";
import type { Link, SentValue } from "./link.ts";
import { orderOf } from "./order.ts";
import type { PreparedSource } from "./source.ts";
import { postgresSyntax, withLiterals } from "./sql.ts";
import { type ContinuedSelect, readOn, type StreamContext } from "./stream.ts";
import { decoderOf, type Field, typeOf } from "./values.ts";

/** A cursor query whose columns the server has described. */
export interface PreparedCursor {
  query: CursorQuery;
  fields: readonly Field[];
  decoders: readonly Decode[];
  /** Many rows bear one mark: the row's own key tells them apart, so that a long read of them can be continued within. */
  order: ContinuedSelect["order"];
}

interface CursorSelect {
  conditions: readonly Statement[];
  orderBy?: readonly string[];
  limit?: number;
}

function selectCursor(query: CursorQuery, { conditions, orderBy, limit }: CursorSelect): Statement {
  const { quote } = postgresSyntax;
  const list = [query.column, ...query.key, ...query.own].map(quote).join(", ");
  return concat(
    `SELECT ${list} FROM ${quote(query.table)} WHERE `,
    join(conditions, " AND "),
    orderBy ? ` ORDER BY ${orderBy.join(", ")}` : "",
    limit === undefined ? "" : ` LIMIT ${limit}`,
  );
}

/** @throws FuserError config for a missing table or column, or one that can't be a cursor of this kind */
export async function prepareCursor(link: Link, query: CursorQuery, signal: AbortSignal): Promise<PreparedCursor> {
  const operation = `describe the cursor column of ${query.table}`;
  const text = withLiterals(selectCursor(query, { conditions: [sql("TRUE")], limit: 0 }));
  const { fields } = await link.select(text, signal, operation);
  const wanted = query.kind === "sequence" ? ["integer"] : ["date", "datetime", "instant"];
  if (!wanted.includes(columnType(fields))) {
    throw new FuserError("config", `The column ${query.column} does not hold what a ${query.kind} cursor needs`, {
      code: "erp-cursor-unusable",
      operation,
      place: query.table,
      hint: `Use a column of ${query.kind === "sequence" ? "whole numbers" : "type timestamp"}, or \`compare\`.`,
    });
  }
  const tie =
    query.own.length > 0 ? query.own.map((_, index) => 1 + query.key.length + index) : query.key.map((_, index) => 1 + index);
  const names = [query.column, ...query.key, ...query.own];
  const columns = [0, ...tie].map((position) => ({
    name: names[position] as string,
    position,
    field: fields[position] as Field,
  }));
  const [mark, ...rest] = await orderOf(link, columns, { inTable: true, operation, signal });
  const order = [
    { ...(mark as ContinuedSelect["order"][number]), expression: postgresSyntax.quote(query.column), filled: true },
    ...rest,
  ];
  return { query, fields, decoders: fields.map(decoderOf), order };
}

const columnType = (fields: readonly Field[]): string => typeOf((fields[0] as Field).oid);

/**
 * Rows marked at or behind `from`, in order of the mark, by one short statement: what nearly every poll needs. Undefined when there are more than `most`.
 * @throws FuserError transient when the server now types the columns in another way
 */
export async function fewChanges(
  link: Link,
  cursor: PreparedCursor,
  { from, most, signal }: { from: string; most: number; signal: AbortSignal },
): Promise<CursorRow[] | undefined> {
  const { query } = cursor;
  const orderBy = [postgresSyntax.quote(query.column)];
  const statement = selectCursor(query, { conditions: since(cursor, from), orderBy, limit: most + 1 });
  const { fields, rows } = await link.select(withLiterals(statement), signal, `look for changes of the table ${query.table}`);
  requireSameTypes(cursor, fields);
  return rows.length > most ? undefined : rows.map((row) => cursorRow(cursor, row));
}

/**
 * The same with the rows of a source, whose table and key are the cursor's: its changes, and the rows that belong to it.
 * @throws FuserError transient when the server now types a column in another way
 */
export async function changedWhole(
  link: Link,
  { cursor, prepared }: { cursor: PreparedCursor; prepared: PreparedSource },
  { from, most, signal }: AskedRows,
): Promise<{ changes: CursorRow[]; rows: SentValue[][] } | undefined> {
  const { query } = cursor;
  const { source, layout, select } = prepared;
  const statement = selectAround(postgresSyntax, source, {
    table: query.table,
    column: query.column,
    condition: join(since(cursor, from), " AND "),
    orderBy: [postgresSyntax.quote(query.column)],
    limit: most + 1,
  });
  const { fields, rows } = await link.select(withLiterals(statement), signal, `look for changes of the table ${query.table}`);
  select.verify(fields);
  requireSameTypes({ ...cursor, fields: cursor.fields.slice(0, 1) }, fields.slice(-1));
  if (rows.length > most) return undefined;
  const width = source.columns.length + source.flags.length;
  const changes = rows.map((sent): CursorRow => {
    const key = keyOf(layout.key.map((position) => (layout.columns[position] as Decode)(sent[position] ?? null)));
    return { mark: markOf(cursor, sent[width + 1] ?? null), key, own: key };
  });
  return { changes, rows: rows.filter((sent) => sent[width] === "1").map((sent) => sent.slice(0, width)) };
}

/** The same as `fewChanges`, however many, as a stream. */
export async function* readChanges(
  cursor: PreparedCursor,
  from: string,
  { digest, ...context }: StreamContext & { digest: RowDigest },
): AsyncGenerator<CursorRow[]> {
  const { query } = cursor;
  const begin = since(cursor, from);
  const select = {
    order: cursor.order,
    statement: (options: { condition?: Statement; orderBy?: readonly string[] }): Statement =>
      selectCursor(query, {
        conditions: options.condition ? [...begin, options.condition] : begin,
        ...(options.orderBy ? { orderBy: options.orderBy } : {}),
      }),
    digested: (rows: readonly SentValue[][]) => digested(rows, digest),
    verify: (fields: readonly Field[]) => requireSameTypes(cursor, fields),
  };
  for await (const { rows } of readOn(select, context)) yield rows.map((row) => cursorRow(cursor, row as SentValue[]));
}

function requireSameTypes({ query, fields: known }: PreparedCursor, seen: readonly Field[]): void {
  if (known.every(({ oid }, index) => oid === seen[index]?.oid)) return;
  throw new FuserError("transient", "The columns of the table were changed in the ERP meanwhile", {
    code: "erp-schema-changed",
    operation: `look for changes of the table ${query.table}`,
    place: query.table,
    hint: "It is described again and tried again by itself.",
  });
}

/** The row with the highest mark, if any. */
export async function lastChange(link: Link, cursor: PreparedCursor, signal: AbortSignal): Promise<CursorRow[]> {
  const { query } = cursor;
  const column = postgresSyntax.quote(query.column);
  const conditions = [sql(`${column} IS NOT NULL`), ...ending(cursor)];
  const statement = selectCursor(query, { conditions, orderBy: [`${column} DESC`], limit: 1 });
  const { rows } = await link.select(withLiterals(statement), signal, `read the highest mark of ${query.table}`);
  return rows.map((row) => cursorRow(cursor, row));
}

function since(cursor: PreparedCursor, from: string): Statement[] {
  const { query, fields } = cursor;
  const column = postgresSyntax.quote(query.column);
  if (query.kind === "sequence") return [concat(column, " >= ", sql(String(BigInt(from))))];
  // Compared as moments, a date is midnight of its day. UTC is the session's zone; it is said all the same.
  const zoned = columnType(fields) === "instant";
  const mark = zoned
    ? concat(bind(`${from.replace(/Z$/, "")}Z`), "::timestamptz")
    : concat(bind(from.replace(/Z$/, "")), "::timestamp");
  return [concat(column, " >= ", mark), ...ending(cursor)];
}

/** `infinity` would be the highest mark for good. */
function ending({ query }: PreparedCursor): Statement[] {
  return query.kind === "sequence" ? [] : [sql(`isfinite(${postgresSyntax.quote(query.column)})`)];
}

function markOf({ query, decoders }: PreparedCursor, sent: SentValue): string {
  const text = String((decoders[0] as Decode)(sent)).replace(/Z$/, "");
  return query.kind === "timestamp" && !text.includes("T") ? `${text}T00:00:00` : text;
}

function cursorRow(cursor: PreparedCursor, sent: readonly SentValue[]): CursorRow {
  const { query, decoders } = cursor;
  const values = sent.slice(1).map((value, index) => (decoders[index + 1] as Decode)(value));
  return {
    key: query.key.length === 0 ? undefined : keyOf(values.slice(0, query.key.length)),
    own: query.own.length === 0 ? undefined : keyOf(values.slice(query.key.length)),
    mark: markOf(cursor, sent[0] ?? null),
  };
}
