/**
 * Keys of rows as the binlog holds them, in the very form that a read of the row gives: each value is written as the server would send it, and decoded by
 * the same rules. What can't be written so for certain is not guessed: then the table counts as changed in an unknown way.
 */
import { encodeKey } from "../../base/key.ts";
import type { FeedTable } from "../feed.ts";
import { keyPart } from "../row-batch.ts";
import { type Decode, decoderOf, decodeSent } from "./decode.ts";
import type { Link, ResultSet } from "./link.ts";
import { mysqlSyntax } from "./sql.ts";
import { type Field, fieldType, isBits } from "./values.ts";

/** A row of the binlog by the names of its columns. */
export type LoggedRow = Readonly<Record<string, unknown>>;

/** One of the tables asked for, as the server has it. */
export interface FedTable {
  /** Its index among the tables asked for. */
  index: number;
  /** As stored by the server. */
  schema: string;
  name: string;
  key: readonly KeyColumn[];
  own: readonly KeyColumn[];
}

interface KeyColumn {
  name: string;
  /** The key's part; null for NULL, undefined where it can't be told. */
  part(value: unknown): string | null | undefined;
}

/** Part of a result column that only some results have (Protocol::ColumnDefinition). */
interface Origin {
  schema: string;
  orgTable: string;
  orgName: string;
}

/** Asks the server for the types of a table's key columns. @throws FuserError config where the table or a column is missing */
export async function fedTable(link: Link, index: number, table: FeedTable, signal: AbortSignal): Promise<FedTable> {
  const { quote } = mysqlSyntax;
  const columns = [...new Set([...table.key, ...table.own])];
  const list = columns.length === 0 ? "*" : columns.map(quote).join(", ");
  const operation = `describe the key of ${table.table}`;
  const [result] = await link.query(`SELECT ${list} FROM ${quote(table.table)} LIMIT 0`, signal, operation);
  const { fields } = result as ResultSet;
  const [first] = fields as unknown as Origin[];
  const column = (name: string): KeyColumn => keyColumn(fields[columns.indexOf(name)] as Field);
  return {
    index,
    schema: first?.schema ?? "",
    name: first?.orgTable ?? "",
    key: table.key.map(column),
    own: table.own.map(column),
  };
}

/** The key of a row; undefined where a part is null. `untold` where a part can't be told. */
export function loggedKey(columns: readonly KeyColumn[], row: LoggedRow): string | undefined | "untold" {
  const parts: string[] = [];
  let empty = columns.length === 0;
  for (const { name, part } of columns) {
    const text = Object.hasOwn(row, name) ? part(row[name]) : undefined;
    if (text === undefined) return "untold";
    if (text === null) empty = true;
    else parts.push(text);
  }
  return empty ? undefined : encodeKey(parts);
}

function keyColumn(field: Field): KeyColumn {
  const { orgName } = field as unknown as Origin;
  const sent = sentBy(field);
  const decode = decoderOf(field);
  return {
    name: orgName,
    part(value) {
      if (value === null) return null;
      const bytes = sent(value);
      return bytes === undefined ? undefined : partOf(decode, bytes);
    },
  };
}

function partOf(decode: Decode, bytes: Buffer): string {
  return keyPart(decodeSent(decode, bytes) as Exclude<ReturnType<typeof decodeSent>, null>);
}

const zeroFilled = 64;
/** A DECIMAL or float without a fixed fraction reports this many decimals. */
const floating = 31;
/** What a text holds where its bytes are none of its character set. */
const unreadable = "\uFFFD";

/** How the server sends a column's value, from what the binlog's reader made of it; undefined for a value that the column can't have. */
function sentBy(field: Field): (value: unknown) => Buffer | undefined {
  const type = fieldType(field);
  if (type === "bytes" || isBits(field)) return (value) => (Buffer.isBuffer(value) ? value : undefined);
  const text = textBy(field);
  return (value) => {
    const sent = text(value);
    return sent === undefined ? undefined : Buffer.from(sent, "utf8");
  };
}

function textBy(field: Field): (value: unknown) => string | undefined {
  switch (fieldType(field)) {
    case "integer":
      return (value) => (isYear(field) && value === 1_900 ? "0" : wholeNumber(value));
    case "float":
      return (value) => (typeof value === "number" ? floatText(value, field) : undefined);
    case "decimal":
      // Zero-filled decimals are sent with their zeros.
      return (value) =>
        typeof value !== "string"
          ? undefined
          : (field.flags & zeroFilled) !== 0
            ? value.padStart(field.columnLength, "0")
            : value;
    case "text":
      if (isUuid(field)) return (value) => (Buffer.isBuffer(value) ? uuidText(value) : undefined);
      // An ENUM's empty value of errors has no name.
      return (value) => (value === undefined ? "" : typeof value === "string" && !value.includes(unreadable) ? value : undefined);
    case "time":
      return (value) => (typeof value === "string" ? carried(value) : undefined);
    default:
      return (value) => (typeof value === "string" ? value : undefined);
  }
}

/** The binlog's reader forgets to carry in negative times: `-12:29:64` is `-12:30:00`, the fields having six bits. */
function carried(time: string): string {
  const match = /^-(\d+):(\d\d):64(.*)$/.exec(time);
  if (!match) return time;
  const [, hours = "", minutes = "", fraction = ""] = match;
  const whole = Number(hours) * 64 + Number(minutes) + 1;
  const two = (number: number): string => String(number).padStart(2, "0");
  return `-${two(Math.floor(whole / 64))}:${two(whole % 64)}:00${fraction}`;
}

/** MariaDB's UUID is binary in its binlog, and told as such by nothing but the column's description. */
const isUuid = (field: Field): boolean => (field as { extendedTypeName?: string }).extendedTypeName === "uuid";

function uuidText(bytes: Buffer): string {
  const hex = bytes.toString("hex").padEnd(32, "0");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

const yearType = 13;
const isYear = (field: Field): boolean => field.columnType === yearType;

function wholeNumber(value: unknown): string | undefined {
  if (typeof value === "number") return Number.isSafeInteger(value) ? String(value) : undefined;
  return typeof value === "string" && /^-?\d+$/.test(value) ? value : undefined;
}

const floatType = 4;
/** A FLOAT is sent with so many digits. */
const floatDigits = 6;

function floatText(value: number, field: Field): string {
  if (field.decimals < floating) return value.toFixed(field.decimals);
  return field.columnType === floatType ? String(Number(value.toPrecision(floatDigits))) : String(value);
}
