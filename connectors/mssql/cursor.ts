import { FuserError } from "../../base/errors.ts";
import type { CursorQuery, CursorRow } from "../connector.ts";
import { type RawValue, RowDigest } from "../digest.ts";
import { digested, keyOf } from "../row-batch.ts";
import { bind, concat, join, type Statement, sql } from "../statement.ts";
import { keyBound } from "./bound.ts";
import { type DescribedColumn, describeResult } from "./described-result.ts";
import type { Link } from "./link.ts";
import { mssqlSyntax } from "./sql.ts";
import { type ContinuedSelect, readOn, type StreamContext } from "./stream.ts";
import { columnType, type NativeType, readingOf, readType } from "./types.ts";
import { decoderOf, type ResultColumn } from "./values.ts";

/** A cursor query whose columns the server has described. */
export interface PreparedCursor {
  query: CursorQuery;
  columns: readonly DescribedColumn[];
  /** The column is a ROWVERSION. */
  versioned: boolean;
}

const namesOf = ({ column, key, own }: CursorQuery): string[] => [column, ...key, ...own];

/** @throws FuserError config for a missing table or column, or one that can't be a cursor of this kind */
export async function prepareCursor(link: Link, query: CursorQuery, signal: AbortSignal): Promise<PreparedCursor> {
  const { quote } = mssqlSyntax;
  const operation = `describe the cursor column of ${query.table}`;
  const select = sql(`SELECT ${namesOf(query).map(quote).join(", ")} FROM ${quote(query.table)}`);
  const columns = await describeResult(link, select, { signal, operation });
  const { type } = columns[0] as DescribedColumn;
  const versioned = type.name === "timestamp";
  const kind = columnType(type);
  const usable =
    query.kind === "sequence"
      ? versioned || kind === "integer" || (kind === "decimal" && type.scale === 0)
      : ["date", "datetime", "instant"].includes(kind);
  if (usable) return { query, columns, versioned };
  throw new FuserError("config", `The column ${query.column} does not hold what a ${query.kind} cursor needs`, {
    code: "erp-cursor-unusable",
    operation,
    place: query.table,
    hint: `Use a column of ${query.kind === "sequence" ? "whole numbers, or a rowversion with `kind: rowversion`" : "type datetime or datetime2"}, or \`compare\`.`,
  });
}

/**
 * Asked in a statement of its own, before the rows: within theirs it would be asked when the row versions that they are read by are chosen already, and a
 * transaction that commits in between would count as ended and not be seen.
 */
const lowestOpen = "DECLARE @fuser_open binary(8) = MIN_ACTIVE_ROWVERSION(); ";

/**
 * What is read: from the mark on, inclusive. Of a ROWVERSION only what lies below every transaction that is still open: a row takes its version as it is
 * written and shows it only when it is committed, so that one behind a higher version that shows already would never be seen.
 */
function conditions({ query, columns, versioned }: PreparedCursor, from: string | undefined): Statement[] {
  const column = mssqlSyntax.quote(query.column);
  const since =
    from === undefined ? concat(column, " IS NOT NULL") : concat(column, " >= ", markBound(from, columns[0], versioned));
  return versioned ? [since, sql(`${column} < @fuser_open`)] : [since];
}

function markBound(from: string, described: DescribedColumn | undefined, versioned: boolean): Statement {
  const { type } = described as DescribedColumn;
  if (versioned) return bind(Buffer.from(BigInt(from).toString(16).padStart(16, "0"), "hex"));
  const bound = keyBound(
    columnType(type) === "decimal" || columnType(type) === "integer" ? from : earlier(from, type.name),
    type,
  );
  return bound ?? unfit(from, type);
}

/** The value of a row that was read, to the last digit: a page goes on behind it, and many rows may share it. */
function exactBound(raw: Exclude<RawValue, null>, described: DescribedColumn | undefined, versioned: boolean): Statement {
  const { type } = described as DescribedColumn;
  if (versioned) return bind(raw);
  return keyBound(String(raw), type) ?? unfit(String(raw), type);
}

function unfit(from: string, type: NativeType): never {
  throw new FuserError("config", `The mark ${from} is none of the type ${type.declared}`, {
    code: "erp-cursor-unusable",
    operation: "read changes by a cursor column",
    hint: "The column was given another type. Compare in full once: `erpfuser sync SOURCE --full`.",
  });
}

/** The moment in a form that the type can hold without rounding it up, which would skip rows: DATETIME counts 1/300 s, SMALLDATETIME minutes. */
function earlier(from: string, type: string): string {
  if (type === "date") return from.slice(0, 10);
  const text = from.includes("T") ? from : `${from}T00:00:00`;
  if (type === "smalldatetime") return `${text.slice(0, 16)}:00`;
  const [whole = "", fraction = ""] = text.replace(/Z$/, "").split(".");
  const digits = type === "datetime" ? 2 : 7;
  return `${whole}${fraction === "" ? "" : `.${fraction.slice(0, digits)}`}${type === "datetimeoffset" ? "Z" : ""}`;
}

function select(cursor: PreparedCursor, from: string | undefined): ContinuedSelect {
  const { query, columns } = cursor;
  const { quote } = mssqlSyntax;
  const list = namesOf(query).map((name, index) => readingOf(quote(name), (columns[index] as DescribedColumn).type));
  const expected = columns.map(({ type }) => readType(type));
  const digest = new RowDigest();
  return {
    order: [
      {
        column: quote(query.column),
        position: 0,
        bound: (raw) => exactBound(raw, columns[0], cursor.versioned),
      },
    ],
    unique: false,
    statement: ({ condition, orderBy, limit }) => {
      const where = join([...conditions(cursor, from), ...(condition ? [condition] : [])], " AND ");
      const rest = concat(
        ` FROM ${quote(query.table)} WHERE `,
        where,
        orderBy && orderBy.length > 0 ? ` ORDER BY ${orderBy.join(", ")}` : "",
      );
      const read =
        limit === undefined ? concat("SELECT ", list.join(", "), rest) : mssqlSyntax.limited(sql(list.join(", ")), rest, limit);
      return cursor.versioned ? concat(lowestOpen, read) : read;
    },
    verify: (seen) => requireSame(query, expected, seen),
    digested: (rows) => digested(rows, digest),
  };
}

function requireSame(query: CursorQuery, expected: readonly string[], seen: readonly ResultColumn[]): void {
  if (expected.every((type, index) => seen[index]?.type === type)) return;
  throw new FuserError("transient", "The columns of the table were changed in the ERP meanwhile", {
    code: "erp-schema-changed",
    operation: `read changes of the table ${query.table}`,
    place: query.table,
    hint: "It is described again and tried again by itself.",
  });
}

/** Rows marked at or behind `from`, in order of the mark, in bounded batches. */
export async function* readChanges(cursor: PreparedCursor, from: string, context: StreamContext): AsyncGenerator<CursorRow[]> {
  for await (const batch of readOn(select(cursor, from), context)) {
    // A bound that was made earlier than the mark brings rows that were not asked for.
    const rows = batch.rows.map((raw) => cursorRow(cursor, raw)).filter(({ mark }) => reached(cursor, mark, from));
    if (rows.length > 0) yield rows;
  }
}

function reached({ query }: PreparedCursor, mark: string, from: string): boolean {
  return query.kind === "sequence" || mark.replace(/Z$/, "") >= from.replace(/Z$/, "").replace(/T00:00:00$/, "");
}

/** The row with the highest mark, if there is one. */
export async function lastChange(link: Link, cursor: PreparedCursor, signal: AbortSignal): Promise<CursorRow[]> {
  const { query } = cursor;
  const statement = select(cursor, undefined).statement({ orderBy: [`${mssqlSyntax.quote(query.column)} DESC`], limit: 1 });
  const [result] = await link.query(statement, { signal, operation: `look for the last change of the table ${query.table}` });
  return (result?.rows ?? []).map((raw) => cursorRow(cursor, raw));
}

function cursorRow(cursor: PreparedCursor, raw: readonly RawValue[]): CursorRow {
  const { query, columns } = cursor;
  const part = (begin: number, length: number): string | undefined =>
    length === 0
      ? undefined
      : keyOf(
          raw
            .slice(begin, begin + length)
            .map((value, index) => decoderOf(columnType((columns[begin + index] as DescribedColumn).type))(value)),
        );
  return {
    mark: markOf(cursor, raw[0] as Exclude<RawValue, null>),
    key: part(1, query.key.length),
    own: part(1 + query.key.length, query.own.length),
  };
}

/** A ROWVERSION is told as the number that its eight bytes are. */
function markOf({ columns }: PreparedCursor, raw: Exclude<RawValue, null>): string {
  if (raw instanceof Uint8Array) return String(Buffer.from(raw).readBigUInt64BE());
  const type = columnType((columns[0] as DescribedColumn).type);
  return type === "date" ? `${String(raw)}T00:00:00` : String(raw);
}

export function versionOnReplica({ query }: PreparedCursor): FuserError {
  return new FuserError("config", `The rowversion ${query.column} can't be followed where the database can only be read`, {
    code: "erp-cursor-unusable",
    operation: `read changes of the table ${query.table}`,
    place: query.table,
    hint: "A replica does not know which transactions are open on the primary. Name the primary under `erp: server:`, or use `compare`.",
  });
}
