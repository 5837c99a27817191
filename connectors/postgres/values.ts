import type { Column, ColumnType, Value } from "../connector.ts";
import type { RawValue } from "../digest.ts";
import { type Decode, keyPart } from "../row-batch.ts";
import { bind, type Statement, sql } from "../statement.ts";
import { instantOf } from "./instant.ts";

/**
 * The simple protocol sends every value as the text that the server prints (session.ts pins how): nothing is rounded or shifted on the way. What has no
 * calendar (infinity, years before Christ), NaN, and every type that is not named here arrive as the text they are; domains as their base type.
 */

/** What the protocol says of a result's column (PostgreSQL manual, "Message Formats", RowDescription). */
export interface Field {
  readonly name: string;
  readonly oid: number;
  /** Type modifier; -1 for none. */
  readonly modifier: number;
  /** Table and column it comes from; 0 for an expression. */
  readonly table: number;
  readonly column: number;
}

/** Types of the system by their fixed ids (pg_type.dat). */
const oids = {
  bool: 16,
  bytea: 17,
  char: 18,
  name: 19,
  int8: 20,
  int2: 21,
  int4: 23,
  text: 25,
  oid: 26,
  float4: 700,
  float8: 701,
  bpchar: 1042,
  varchar: 1043,
  date: 1082,
  time: 1083,
  timestamp: 1114,
  timestamptz: 1184,
  interval: 1186,
  timetz: 1266,
  numeric: 1700,
  uuid: 2950,
} as const;

const typesByOid: ReadonlyMap<number, ColumnType> = new Map([
  [oids.bool, "boolean"],
  [oids.bytea, "bytes"],
  [oids.int8, "integer"],
  [oids.int2, "integer"],
  [oids.int4, "integer"],
  [oids.oid, "integer"],
  [oids.float4, "float"],
  [oids.float8, "float"],
  [oids.numeric, "decimal"],
  [oids.date, "date"],
  [oids.time, "time"],
  [oids.timestamp, "datetime"],
  [oids.timestamptz, "instant"],
]);

export function typeOf(oid: number): ColumnType {
  return typesByOid.get(oid) ?? "text";
}

/** Texts that any other text can be compared with, by their index. */
const plainTexts: ReadonlySet<number> = new Set([oids.char, oids.name, oids.text, oids.bpchar, oids.varchar]);

/** Types whose own comparison is used, in an order as in a search: all others are compared as the text they are. */
const compared: ReadonlySet<number> = new Set([...typesByOid.keys(), ...plainTexts, oids.uuid, oids.interval, oids.timetz]);

/** How a column is named where its values are put in order or continued behind one. @param ownOrder types that have an order besides the known ones */
export function orderExpression(quoted: string, oid: number, ownOrder: ReadonlySet<number>): string {
  return compared.has(oid) || ownOrder.has(oid) ? quoted : `${quoted}::text`;
}

/** How a column is named where a key is looked for: a text that its type would not take must find nothing, and be no error. */
export function matchExpression(quoted: string, oid: number): string {
  return typesByOid.has(oid) || plainTexts.has(oid) || oid === oids.uuid ? quoted : `${quoted}::text`;
}

/** How values of a column are decoded. */
export function decoderOf({ oid }: Pick<Field, "oid">): Decode {
  switch (oid) {
    case oids.int2:
    case oids.int4:
    case oids.oid:
      return (raw) => (raw === null ? null : Number(raw));
    case oids.int8:
      return (raw) => (raw === null ? null : integerOf(String(raw)));
    case oids.float4:
    case oids.float8:
      return (raw) => (raw === null ? null : floatOf(String(raw)));
    case oids.bool:
      return (raw) => (raw === null ? null : raw === "t");
    case oids.bytea:
      return (raw) => (raw === null ? null : Buffer.from(String(raw).slice(2), "hex"));
    case oids.bpchar:
      return (raw) => (raw === null ? null : unpadded(String(raw)));
    case oids.timestamp:
      return (raw) => (raw === null ? null : localOf(String(raw)));
    case oids.timestamptz:
      return (raw) => (raw === null ? null : instantOf(String(raw)));
    default:
      return (raw) => raw as string | null;
  }
}

function integerOf(text: string): number | bigint {
  const number = Number(text);
  return Number.isSafeInteger(number) ? number : BigInt(text);
}

/** A number that is none, or without end, would be lost on its way: it stays a text. */
function floatOf(text: string): number | string {
  const number = Number(text);
  return Number.isFinite(number) ? number : text;
}

/** Blanks at the end of CHAR(n) mean nothing to the server either. */
function unpadded(text: string): string {
  return text.endsWith(" ") ? text.replace(/ +$/, "") : text;
}

function localOf(text: string): string {
  return /^\d{4,}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?$/.test(text) ? text.replace(" ", "T") : text;
}

/** Column of a result, as far as the result itself tells. */
export function columnOfField(field: Field): Column {
  return {
    name: field.name,
    nullable: true,
    hasDefault: false,
    autoIncrement: false,
    ...sizeOfType(field.oid, field.modifier),
  };
}

/** Type, length and precision of a column by its type and modifier (pg_attribute.atttypmod). */
export function sizeOfType(oid: number, modifier: number): Pick<Column, "type" | "length" | "precision" | "scale"> {
  const type = typeOf(oid);
  const sized = (oid === oids.varchar || oid === oids.bpchar) && modifier >= 4;
  const length = sized ? modifier - 4 : undefined;
  if (type !== "decimal" || modifier < 4) return { type, length };
  const packed = modifier - 4;
  // Eleven bits with a sign since version 15.
  return { type, length, precision: (packed >> 16) & 0xffff, scale: ((packed & 0x7ff) ^ 1024) - 1024 };
}

/** A value of a row as it is bound in another statement: its text, without padding, which a VARCHAR to compare with does not have. */
export function boundRaw(raw: RawValue, { oid }: Field): Value {
  return raw !== null && oid === oids.bpchar ? unpadded(String(raw)) : (raw as string | null);
}

const numbers = /^-?\d{1,30}$/;
const decimals = /^(-?\d{1,131072}(\.\d{1,16383})?|NaN|-?Infinity)$/;
const floats = /^(-?\d+(\.\d+)?(e[+-]?\d+)?|NaN|-?Infinity)$/i;
const times = /^\d\d:\d\d:\d\d(\.\d{1,6})?$/;

/** A key's part as a literal that the column's type takes, so that its index serves; undefined when no row can have it. */
export function keyLiteral(part: string, oid: number): Statement | undefined {
  switch (typesByOid.get(oid)) {
    case "integer":
      // Beyond 64 bits no column holds it; as a bare number it is compared whatever the column's own width.
      return numbers.test(part) && BigInt.asIntN(64, BigInt(part)) === BigInt(part) ? sql(part) : undefined;
    case "decimal":
      return decimals.test(part) ? bind(part) : undefined;
    case "float":
      return floats.test(part) ? bind(part) : undefined;
    case "boolean":
      return part === "true" || part === "false" ? bind(part) : undefined;
    case "bytes":
      return /^([0-9a-f]{2})*$/.test(part) ? bind(Buffer.from(part, "hex")) : undefined;
    case "date":
      return isDate(part) ? bind(part) : undefined;
    case "time":
      return times.test(part) && part <= "24:00:00" && /:[0-5]\d:[0-5]\d/.test(part) ? bind(part) : undefined;
    case "datetime":
      return isMoment(part) ? bind(part) : undefined;
    case "instant":
      return isMoment(part.replace(/(Z|[+-]\d\d(:\d\d){0,2})( BC)?$/, "$3")) ? bind(part) : undefined;
    default:
      if (oid === oids.uuid) return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(part) ? bind(part) : undefined;
      // The one character that no text of the server holds.
      return part.includes("\0") ? undefined : bind(part);
  }
}

function isMoment(text: string): boolean {
  if (/^-?infinity$/.test(text)) return true;
  const match = /^([^T ]+)[T ](\d\d:\d\d:\d\d(?:\.\d{1,6})?)( BC)?$/.exec(text);
  if (match === null) return false;
  const [, date = "", time = "", era = ""] = match;
  return isDate(date + era) && time < "24" && /:[0-5]\d:[0-5]\d/.test(time);
}

const monthDays = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** Whether the server would take it: a day that is not in the calendar would fail the whole statement. */
function isDate(text: string): boolean {
  if (/^-?infinity$/.test(text)) return true;
  const match = /^(\d{4,7})-(\d\d)-(\d\d)( BC)?$/.exec(text);
  if (match === null) return false;
  const [year, month, day] = [Number(match[1]), Number(match[2]), Number(match[3])];
  const counted = match[4] === undefined ? year : 1 - year;
  const leap = counted % 4 === 0 && (counted % 100 !== 0 || counted % 400 === 0);
  const days = month === 2 && leap ? 29 : monthDays[month - 1];
  // Between 4713 BC and 294276 AD, the range of a timestamp.
  return days !== undefined && day >= 1 && day <= days && year >= 1 && (match[4] === undefined ? year <= 294_275 : year <= 4_712);
}

/** Condition's right side for a value of a plan in a column of this type; undefined where no row can have it. */
export function valueLiteral(value: Exclude<Value, null>, oid: number): Statement | undefined {
  const type = typesByOid.get(oid);
  if (type === "boolean") {
    const text = keyPart(value).toLowerCase();
    return /^(true|1)$/.test(text) ? bind("true") : /^(false|0)$/.test(text) ? bind("false") : undefined;
  }
  const part = keyPart(value);
  if (type === "datetime" && /^\d{4}-\d\d-\d\d$/.test(part)) return keyLiteral(`${part}T00:00:00`, oid);
  if (type === "date") return keyLiteral(part.replace(/T00:00:00(\.0+)?$/, ""), oid);
  return keyLiteral(part, oid);
}
