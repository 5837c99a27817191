import type { Column, ColumnType, Value } from "../connector.ts";
import type { RawValue } from "../digest.ts";
import type { Decode } from "../row-batch.ts";
import { bind, concat, type Statement, sql } from "../statement.ts";
import { decodeLob } from "./lobs.ts";

/** A column with what the contract's types don't tell of it. */
export interface OracleColumn extends Column {
  native: NativeType;
}

/** How Oracle keeps it, as far as reading and writing differ. */
export type NativeType =
  | "text"
  | "ntext"
  | "char"
  | "clob"
  | "long"
  | "number"
  | "float"
  | "date"
  | "timestamp"
  | "instant"
  | "interval"
  | "bytes"
  | "blob"
  | "longRaw"
  | "boolean"
  | "json"
  | "other";

/** What the catalogue or the driver says of a column's type. */
export interface Declared {
  /** E.g. `NUMBER`, `TIMESTAMP(6) WITH TIME ZONE`. */
  type: string;
  precision: number | undefined;
  scale: number | undefined;
}

const natives: readonly [RegExp, NativeType, ColumnType][] = [
  [/^NVARCHAR2?$/, "ntext", "text"],
  [/^VARCHAR2?$/, "text", "text"],
  [/^N?CHAR$/, "char", "text"],
  [/^N?CLOB$/, "clob", "text"],
  [/^LONG$/, "long", "text"],
  [/^(NUMBER|FLOAT)$/, "number", "decimal"],
  [/^(BINARY_DOUBLE|BINARY_FLOAT)$/, "float", "float"],
  [/^DATE$/, "date", "datetime"],
  [/^TIMESTAMP.* WITH (LOCAL )?(TIME ZONE|TZ)$/, "instant", "instant"],
  [/^TIMESTAMP/, "timestamp", "datetime"],
  [/^INTERVAL/, "interval", "text"],
  [/^RAW$/, "bytes", "bytes"],
  [/^BLOB$/, "blob", "bytes"],
  [/^LONG RAW$/, "longRaw", "bytes"],
  [/^BOOLEAN$/, "boolean", "boolean"],
  [/^JSON$/, "json", "text"],
];

/** A NUMBER with a scale of none or less is whole; one without a scale may hold any digits and stays a decimal. */
export function typeOf({ type, scale }: Declared): { native: NativeType; type: ColumnType } {
  const found = natives.find(([pattern]) => pattern.test(type));
  if (found === undefined) return { native: "other", type: "text" };
  const [, native, kind] = found;
  return { native, type: native === "number" && isWhole(scale) ? "integer" : kind };
}

/** The driver's word for a scale that was not given. */
const noScale = -127;
const isWhole = (scale: number | undefined): boolean => scale !== undefined && scale <= 0 && scale !== noScale;

const seconds = 'YYYY-MM-DD"T"HH24:MI:SS';
const fractions = `${seconds}.FF9`;

/**
 * Expression that reads a column as text of one form whatever the session's NLS settings: the driver's own dates lose digits, and shift with the
 * process's time zone.
 */
export function readable(name: string, native: NativeType): string {
  switch (native) {
    case "date":
      return `TO_CHAR(${name}, '${seconds}')`;
    case "timestamp":
      return `TO_CHAR(${name}, '${fractions}')`;
    case "instant":
      return `TO_CHAR(SYS_EXTRACT_UTC(${name}), '${fractions}')`;
    case "interval":
      return `TO_CHAR(${name})`;
    case "boolean":
      return `CASE WHEN ${name} THEN 1 WHEN NOT ${name} THEN 0 END`;
    case "json":
      return `JSON_SERIALIZE(${name} RETURNING CLOB)`;
    default:
      return name;
  }
}

/** Whether what a bare column gives must not be taken as it comes. */
export const needsReadable = (native: NativeType): boolean => readable("x", native) !== "x";

export function decoderOf({ type, native, scale }: Pick<OracleColumn, "type" | "native" | "scale">): Decode {
  switch (native) {
    case "char":
      return (raw) => (typeof raw === "string" ? raw.replace(/ +$/, "") : raw);
    case "number":
      return type === "integer" ? decodeInteger : (raw) => decodeDecimal(raw, scale);
    case "date":
      return (raw) => raw;
    case "timestamp":
      return (raw) => withoutZeros(raw);
    case "instant":
      return (raw) => (raw === null ? null : `${withoutZeros(raw)}Z`);
    case "clob":
    case "blob":
      return decodeLob;
    case "boolean":
      return (raw) => (raw === null ? null : String(raw) === "1");
    default:
      return (raw) => raw;
  }
}

function decodeInteger(raw: RawValue): Value {
  if (typeof raw !== "string") return raw;
  const text = plainDigits(raw);
  if (!/^-?\d+$/.test(text)) return text;
  const number = Number(text);
  return Number.isSafeInteger(number) ? number : BigInt(text);
}

/** A number that a plan's own SQL computed: whole ones as numbers, for nothing declares what they are. */
export function decodeComputed(raw: RawValue): Value {
  return typeof raw === "string" && /^-?\d+$/.test(raw) ? decodeInteger(raw) : decodeDecimal(raw, undefined);
}

function decodeDecimal(raw: RawValue, scale: number | undefined): Value {
  if (typeof raw !== "string") return raw;
  const text = plainDigits(raw);
  if (scale === undefined || scale <= 0 || !/^-?\d+(\.\d+)?$/.test(text)) return text;
  const [whole = "0", fraction = ""] = text.split(".");
  return `${whole}.${fraction.padEnd(scale, "0")}`;
}

/** Oracle's client library may write `.5`, and large numbers with an exponent. */
function plainDigits(text: string): string {
  const match = /^(-?)(\d*)(?:\.(\d*))?(?:E([+-]?\d+))?$/i.exec(text.trim());
  if (!match) return text;
  const [, sign = "", whole = "", fraction = "", exponent = "0"] = match;
  const digits = whole + fraction;
  const point = whole.length + Number(exponent);
  const left =
    point <= 0
      ? "0"
      : digits
          .padEnd(point, "0")
          .slice(0, point)
          .replace(/^0+(?=\d)/, "");
  const right = point <= 0 ? "0".repeat(-point) + digits : digits.slice(point);
  return `${sign}${left || "0"}${right === "" ? "" : `.${right}`}`;
}

function withoutZeros(raw: RawValue): Value {
  return typeof raw === "string" && raw.includes(".") ? raw.replace(/\.?0+$/, "") : raw;
}

const datePattern = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d)(:\d\d)?(?:\.(\d{1,9}))?)?(Z?)$/;

/**
 * What is compared with, or written into, a column for a value in the contract's form, so that its index can be used and nothing depends on NLS settings;
 * undefined for a text that no value of the column has.
 */
export function boundFor(value: Exclude<Value, null>, native: NativeType): Statement | undefined {
  const text = value instanceof Uint8Array ? "" : String(value);
  switch (native) {
    case "number":
      if (typeof value === "boolean") return bind(value ? 1 : 0);
      return numberBound(text);
    case "float":
      return text.trim() !== "" && !Number.isNaN(Number(text)) ? bind(Number(text)) : undefined;
    case "date":
    case "timestamp":
    case "instant":
      return momentBound(text, native);
    case "bytes":
    case "blob":
    case "longRaw":
      if (value instanceof Uint8Array) return bind(value);
      return /^([0-9a-f]{2})+$/.test(text) ? bind(Buffer.from(text, "hex")) : undefined;
    case "boolean":
      return concat("TO_BOOLEAN(", bind(text === "true" || text === "1" ? 1 : 0), ")");
    case "ntext":
      return nationalBound(text);
    case "char":
      // Blanks alone come without them, and are no NULL.
      return bind(text === "" ? " " : text);
    default:
      return bind(value instanceof Uint8Array ? value : text);
  }
}

/** Longest text of an expression, bytes. */
const longestText = 2_000;

/** A text is bound in the database's own character set, which need not have what a national column holds: such characters go by their numbers. */
function nationalBound(text: string): Statement {
  const numbered = text
    .replaceAll("\\", "\\\\")
    .replace(/[^\0-\x7f]/g, (unit) => `\\${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
  return /[^\0-\x7f]/.test(text) && numbered.length <= longestText ? concat("UNISTR(", bind(numbered), ")") : bind(text);
}

/** Most digits that a format of TO_NUMBER can name. */
const mostDigits = 60;

/** A point in a format is a point whatever the session's decimal sign is. */
function numberBound(text: string): Statement | undefined {
  const match = /^(-?)(\d+)(?:\.(\d+))?$/.exec(text.trim());
  if (!match) return undefined;
  const [, , whole = "", fraction = ""] = match;
  if (fraction === "") return bind(BigInt(text.trim()));
  if (whole.length + fraction.length > mostDigits) return concat("TO_NUMBER(", bind(text.trim()), ")");
  return concat("TO_NUMBER(", bind(text.trim()), `, '${"9".repeat(whole.length)}.${"9".repeat(fraction.length)}')`);
}

function momentBound(text: string, native: "date" | "timestamp" | "instant"): Statement | undefined {
  const match = datePattern.exec(text);
  if (!match) return undefined;
  const [, date, time = "00:00", second = ":00", fraction = ""] = match;
  const moment = `${date}T${time}${second}`;
  // A DATE has no fractions: a moment between two of its seconds is none of its values.
  if (native === "date") return /[1-9]/.test(fraction) ? undefined : concat("TO_DATE(", bind(moment), `, '${seconds}')`);
  const timestamp = concat("TO_TIMESTAMP(", bind(`${moment}.${fraction.padEnd(9, "0")}`), `, '${fractions}')`);
  return native === "timestamp" ? timestamp : concat("FROM_TZ(", timestamp, ", '+00:00')");
}

/** A condition that no row fulfils. */
export const nothing: Statement = sql("1 = 0");
