// Named imports of this CommonJS package are not all seen by Node itself.
import mysql from "mysql2";
import type { Column, ColumnType, Value } from "../connector.ts";
import { bind, type Statement, sql } from "../statement.ts";
import type { SentValue } from "./packed-rows.ts";
import { bytesLiteral, textLiteral } from "./sql.ts";

/**
 * The text protocol sends every value as the text that the server prints: nothing is rounded or shifted on the way. CHAR padding is undone by
 * the server (PAD_CHAR_TO_FULL_LENGTH is off). TINYINT(1) stays an integer, for nothing tells a flag from a small number; BIT(1) is a boolean,
 * a longer BIT an integer. TIMESTAMP is an instant: the session's zone is UTC. TIME may be negative or beyond 24 h.
 */

/** Taken once: each look at `mysql.Types` asks the module loader anew. */
const { Types, Charsets } = mysql;

/** What the protocol says of a result's column (dev.mysql.com, "Protocol::ColumnDefinition"). */
export interface Field {
  name: string;
  columnType: number;
  characterSet: number;
  columnLength: number;
  decimals: number;
  flags: number;
}

const flag = { notNull: 1, enumeration: 256, set: 2048 } as const;
/** A DECIMAL or float without fixed fraction reports this many decimals. */
const floating = 31;

export function fieldType(field: Field): ColumnType {
  switch (field.columnType) {
    case Types.TINY:
    case Types.SHORT:
    case Types.LONG:
    case Types.INT24:
    case Types.LONGLONG:
    case Types.YEAR:
      return "integer";
    case Types.DECIMAL:
    case Types.NEWDECIMAL:
      return "decimal";
    case Types.FLOAT:
    case Types.DOUBLE:
      return "float";
    case Types.DATE:
    case Types.NEWDATE:
      return "date";
    case Types.TIME:
      return "time";
    case Types.DATETIME:
      return "datetime";
    case Types.TIMESTAMP:
      return "instant";
    case Types.BIT:
      return field.columnLength === 1 ? "boolean" : "integer";
    case Types.GEOMETRY:
      return "bytes";
    case Types.JSON:
      return "text";
    default:
      return field.characterSet === Charsets.BINARY && field.columnType !== Types.NULL ? "bytes" : "text";
  }
}

/** BIT columns, whose values alone come as bytes that are no text. */
export function isBits(field: Field): boolean {
  return field.columnType === Types.BIT;
}

export function bitsOf(bytes: Buffer): bigint {
  return BigInt(`0x${bytes.toString("hex") || "0"}`);
}

/** ENUM and SET sort by their number and compare by their text: no order can be continued by their bare value. */
export function sortsByNumber(field: Field): boolean {
  return (field.flags & (flag.enumeration | flag.set)) !== 0;
}

/** A result column as the contract describes it. */
export function columnOfField(field: Field): Column {
  const type = fieldType(field);
  const fixed = type === "decimal" && field.decimals < floating;
  return {
    name: field.name,
    type,
    nullable: (field.flags & flag.notNull) === 0,
    // The length counts bytes of the connection's character set, four for a character.
    length: type === "text" ? Math.floor(field.columnLength / 4) : type === "bytes" ? field.columnLength : undefined,
    hasDefault: false,
    autoIncrement: false,
    ...(fixed ? { precision: field.columnLength - (field.decimals > 0 ? 2 : 1), scale: field.decimals } : {}),
  };
}

/** A value of a row as a literal that means the same to the server: to continue behind it, or to bind it in a child query. */
export function sentLiteral(value: SentValue, field: Field): Statement {
  if (value === null) return sql("NULL");
  const type = fieldType(field);
  if (type === "bytes") return sql(bytesLiteral(value));
  if (isBits(field)) return sql(String(bitsOf(value)));
  if (type === "integer" || type === "decimal" || type === "float") return sql(value.toString("latin1"));
  return sql(textLiteral(value.toString("utf8")));
}

const wholeNumber = /^-?\d{1,30}$/;
const decimalNumber = /^-?\d{1,65}(\.\d{1,38})?$/;

/** A key's part as a literal of its column's type, so that an index serves; undefined when no row can have it. */
export function keyLiteral(part: string, type: ColumnType): Statement | undefined {
  switch (type) {
    case "integer":
      return wholeNumber.test(part) ? sql(part) : undefined;
    case "decimal":
      return decimalNumber.test(part) ? sql(part) : undefined;
    case "float":
      return Number.isFinite(Number(part)) && part !== "" ? sql(String(Number(part))) : undefined;
    case "boolean":
      return part === "true" ? sql("1") : part === "false" ? sql("0") : undefined;
    case "bytes":
      return /^([0-9a-f]{2})*$/.test(part) ? sql(bytesLiteral(Buffer.from(part, "hex"))) : undefined;
    case "datetime":
    case "instant":
      return bind(part.replace("T", " ").replace(/Z$/, ""));
    default:
      return bind(part);
  }
}

/** A value as it is written into a column of this type. Numbers as text stay exact: the server converts them by the column's own type. */
export function boundFor(value: Value, type: ColumnType): Statement {
  if (typeof value !== "string" || (type !== "datetime" && type !== "instant")) return bind(value);
  return bind(value.replace(/^(\d{4}-\d\d-\d\d)T/, "$1 ").replace(/Z$/, ""));
}
