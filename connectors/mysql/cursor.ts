import { FuserError } from "../../base/errors.ts";
import type { AskedRows, CursorQuery, CursorRow } from "../connector.ts";
import { keyOf } from "../row-batch.ts";
import { selectAround } from "../source-select.ts";
import { bind, concat, join, type Statement, sql } from "../statement.ts";
import { type Decode, decoderOf, decodeSent } from "./decode.ts";
import type { Gathered } from "./gathered.ts";
import type { Link, ResultSet } from "./link.ts";
import { type PackedRows, RowPacker, type SentValue, sentValues, someRows } from "./packed-rows.ts";
import type { PreparedSource } from "./source.ts";
import { mysqlSyntax, withLiterals } from "./sql.ts";
import { readOn, type StreamContext } from "./stream.ts";
import { type Field, fieldType } from "./values.ts";

/** A cursor query whose columns the server has described. */
export interface PreparedCursor {
  query: CursorQuery;
  fields: readonly Field[];
  decoders: readonly Decode[];
  /** Rows of the last poll by their bytes: polls overlap, and nearly all rows of one were in the one before. */
  recent: Map<string, CursorRow>;
}

/** Whether the rows' own key is the signalled one, which then need not be read twice. */
const isOwnKey = ({ key, own }: CursorQuery): boolean =>
  key.length === own.length && key.every((column, index) => column === own[index]);

function selectCursor(
  query: CursorQuery,
  options: { conditions: readonly Statement[]; orderBy?: readonly string[]; limit?: number },
): Statement {
  const { quote } = mysqlSyntax;
  const list = [query.column, ...query.key, ...(isOwnKey(query) ? [] : query.own)].map(quote).join(", ");
  return concat(
    `SELECT ${list} FROM ${quote(query.table)} WHERE `,
    join(options.conditions, " AND "),
    options.orderBy ? ` ORDER BY ${options.orderBy.join(", ")}` : "",
    options.limit === undefined ? "" : ` LIMIT ${options.limit}`,
  );
}

/** @throws FuserError config for a missing table or column, or one that can't be a cursor of this kind */
export async function prepareCursor(link: Link, query: CursorQuery, signal: AbortSignal): Promise<PreparedCursor> {
  const operation = `describe the cursor column of ${query.table}`;
  const [result] = await link.query(
    withLiterals(selectCursor(query, { conditions: [sql("TRUE")], limit: 0 })),
    signal,
    operation,
  );
  const { fields } = result as ResultSet;
  const type = fieldType(fields[0] as Field);
  const wanted = query.kind === "sequence" ? ["integer"] : ["date", "datetime", "instant"];
  if (!wanted.includes(type)) {
    throw new FuserError("config", `The column ${query.column} does not hold what a ${query.kind} cursor needs`, {
      code: "erp-cursor-unusable",
      operation,
      place: query.table,
      hint: `Use a column of ${query.kind === "sequence" ? "whole numbers" : "type DATETIME or TIMESTAMP"}, or \`compare\`.`,
    });
  }
  return { query, fields, decoders: fields.map(decoderOf), recent: new Map() };
}

/**
 * Rows marked at or behind `from`, in order of the mark, by one short statement on a connection that is there already: what nearly every poll needs.
 * Undefined when there are more than `most`.
 * @throws FuserError transient when the server now types the columns in another way
 */
export async function fewChanges(
  polls: Gathered,
  cursor: PreparedCursor,
  { from, most, signal }: { from: string; most: number; signal: AbortSignal },
): Promise<CursorRow[] | undefined> {
  const { query } = cursor;
  const statement = selectCursor(query, {
    conditions: [since(query, from)],
    orderBy: [mysqlSyntax.quote(query.column)],
    limit: most + 1,
  });
  const { fields, rows } = await polls.ask(withLiterals(statement), signal, `look for changes of the table ${query.table}`);
  requireSameTypes(cursor, fields);
  if (rows.length > most) return undefined;
  const before = cursor.recent;
  cursor.recent = new Map();
  return rows.map((sent) => {
    const bytes = sent.map((value) => (value === null ? "-" : `${value.length}:${value.toString("latin1")}`)).join("");
    const row = before.get(bytes) ?? cursorRow(cursor, sent);
    cursor.recent.set(bytes, row);
    return row;
  });
}

/**
 * The same with the rows of a source, whose table and key are the cursor's: its changes, and the rows that belong to it.
 * @throws FuserError transient when the server now types a column in another way
 */
export async function changedWhole(
  polls: Gathered,
  { cursor, prepared }: { cursor: PreparedCursor; prepared: PreparedSource },
  { from, most, signal }: AskedRows,
): Promise<{ changes: CursorRow[]; rows: PackedRows } | undefined> {
  const { query } = cursor;
  const { source, decoding } = prepared;
  const statement = selectAround(mysqlSyntax, source, {
    table: query.table,
    column: query.column,
    condition: since(query, from),
    orderBy: [mysqlSyntax.quote(query.column)],
    limit: most + 1,
  });
  const { fields, rows } = await polls.ask(withLiterals(statement), signal, `look for changes of the table ${query.table}`);
  prepared.select.verify(fields);
  requireSameTypes({ ...cursor, fields: cursor.fields.slice(0, 1) }, fields.slice(-1));
  if (rows.length > most) return undefined;
  const width = source.columns.length + source.flags.length;
  const packer = new RowPacker();
  for (const sent of rows) packer.addValues(sent.slice(0, width));
  const packed = packer.take();
  const belonging: number[] = [];
  const changes = rows.map((sent, index): CursorRow => {
    if (sent[width]?.[0] === 0x31) belonging.push(index);
    const key = decoding.keys.key(packed, index);
    return { mark: markOf(cursor, sent[width + 1] as SentValue), key, own: key };
  });
  return { changes, rows: someRows(packed, belonging) };
}

function requireSameTypes({ query, fields: known }: PreparedCursor, seen: readonly Field[]): void {
  if (known.every((field, index) => fieldType(field) === fieldType(seen[index] as Field))) return;
  throw new FuserError("transient", "The columns of the table were changed in the ERP meanwhile", {
    code: "erp-schema-changed",
    operation: `look for changes of the table ${query.table}`,
    place: query.table,
    hint: "It is described again and tried again by itself.",
  });
}

const since = (query: CursorQuery, from: string): Statement =>
  concat(mysqlSyntax.quote(query.column), " >= ", markLiteral(query, from));

/** The same, however many, as a stream. */
export async function* readChanges(cursor: PreparedCursor, from: string, context: StreamContext): AsyncGenerator<CursorRow[]> {
  const { query, fields } = cursor;
  const column = mysqlSyntax.quote(query.column);
  const begin = since(query, from);
  const select = {
    order: [{ expression: column, position: 0, field: fields[0] as Field }],
    statement: (options: { condition?: Statement; orderBy?: readonly string[] }): Statement =>
      selectCursor(query, {
        conditions: options.condition ? [begin, options.condition] : [begin],
        ...(options.orderBy ? { orderBy: options.orderBy } : {}),
      }),
    keys: undefined,
    verify: () => {},
  };
  for await (const { rows } of readOn(select, context))
    yield Array.from({ length: rows.length }, (_, index) => cursorRow(cursor, sentValues(rows, index)));
}

/** The row with the highest mark, if any. */
export async function lastChange(link: Link, cursor: PreparedCursor, signal: AbortSignal): Promise<CursorRow[]> {
  const column = mysqlSyntax.quote(cursor.query.column);
  const statement = selectCursor(cursor.query, {
    conditions: [sql(`${column} IS NOT NULL`)],
    orderBy: [`${column} DESC`],
    limit: 1,
  });
  const [result] = await link.query(withLiterals(statement), signal, `read the highest mark of ${cursor.query.table}`);
  return (result as ResultSet).rows.map((sent) => cursorRow(cursor, sent));
}

function cursorRow(cursor: PreparedCursor, sent: readonly SentValue[]): CursorRow {
  const { query, decoders } = cursor;
  const values = sent.map((value, index) => decodeSent(decoders[index] as Decode, value));
  const key = query.key.length === 0 ? undefined : keyOf(values.slice(1, 1 + query.key.length));
  const own = query.own.length === 0 ? undefined : isOwnKey(query) ? key : keyOf(values.slice(1 + query.key.length));
  return { mark: markOf(cursor, sent[0] as SentValue), key, own };
}

function markOf({ query, decoders }: PreparedCursor, sent: SentValue): string {
  // TIMESTAMP columns are read as instants; the session's zone is UTC.
  const mark = String(decodeSent(decoders[0] as Decode, sent)).replace(/Z$/, "");
  return query.kind === "timestamp" && !mark.includes("T") ? `${mark}T00:00:00` : mark;
}

function markLiteral(query: CursorQuery, mark: string): Statement {
  return query.kind === "sequence" ? sql(String(BigInt(mark))) : bind(mark.replace("T", " ").replace(/Z$/, ""));
}
