import type { ColumnType, Value } from "../connector.ts";
import type { RawValue } from "../digest.ts";
import type { Decode } from "../row-batch.ts";

/**
 * SQLite types values, not columns: the declared type of a column says what its values mean. A value of another storage class is converted
 * where nothing is lost, else it arrives as the text it is; nothing here ever throws. Integers must be read as bigint (`setReadBigInts`).
 */
export interface DeclaredType {
  type: ColumnType;
  length: number | undefined;
  precision: number | undefined;
  scale: number | undefined;
  /** CHAR(n): an exactly n characters long text loses its trailing blanks, as databases with padding do it. */
  padded: boolean;
}

const patterns: readonly [RegExp, ColumnType][] = [
  [/BOOL|^BIT$/, "boolean"],
  [/TIMESTAMPTZ|TIMESTAMP WITH TIME ZONE/, "instant"],
  [/DATETIME|TIMESTAMP/, "datetime"],
  [/DATE/, "date"],
  [/^TIME/, "time"],
  [/INT|SERIAL/, "integer"],
  [/CHAR|CLOB|TEXT|UUID|GUID|JSON|XML|ENUM/, "text"],
  [/BLOB|BINARY|BYTEA/, "bytes"],
  [/REAL|FLOA|DOUB/, "float"],
  [/DEC|NUM|MONEY/, "decimal"],
];

/** Meaning of a declared type; undefined for one that says nothing. Order of the rules: first match. */
export function declaredType(declared: string | null): DeclaredType | undefined {
  const name = (declared ?? "").trim().toUpperCase();
  const type = patterns.find(([pattern]) => pattern.test(name))?.[1];
  if (type === undefined) return undefined;
  const size = /\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\)/.exec(name);
  const first = size ? Number(size[1]) : undefined;
  const decimal = type === "decimal";
  return {
    type,
    length: type === "text" || type === "bytes" ? first : undefined,
    precision: decimal ? first : undefined,
    scale: decimal && size ? Number(size[2] ?? 0) : undefined,
    padded: type === "text" && first !== undefined && /^(N?CHAR|CHARACTER|NATIVE CHARACTER|NCHAR)\s*\(/.test(name),
  };
}

/** A type without limits, for columns whose declaration says nothing. */
export function plainType(type: ColumnType): DeclaredType {
  return { type, length: undefined, precision: undefined, scale: undefined, padded: false };
}

/** How values of a column are decoded. */
export function decoderOf(column: DeclaredType): Decode {
  switch (column.type) {
    case "text":
      return (raw) => unpad(asText(raw), column);
    case "integer":
      return decodeInteger;
    case "decimal":
      return (raw) => decodeDecimal(raw, column.scale);
    case "float":
      return decodeFloat;
    case "boolean":
      return decodeBoolean;
    case "date":
      return decodeDate;
    case "datetime":
    case "instant":
      return decodeMoment;
    case "time":
      return asText;
    case "bytes":
      return (raw) => (raw instanceof Uint8Array ? raw : asText(raw));
  }
}

/** Any value as text: what SQLite's own CAST would print, but for bytes that are not UTF-8, which come as hex. */
function asText(raw: RawValue): string | null {
  if (raw === null || typeof raw === "string") return raw;
  if (!(raw instanceof Uint8Array)) return String(raw);
  const bytes = Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength);
  const text = bytes.toString("utf8");
  return Buffer.from(text, "utf8").equals(bytes) ? text : `0x${bytes.toString("hex")}`;
}

function unpad(text: string | null, column: DeclaredType): string | null {
  if (text === null || !column.padded || !text.endsWith(" ") || [...text].length !== column.length) return text;
  return text.replace(/ +$/, "");
}

function decodeInteger(raw: RawValue): Value {
  if (typeof raw === "bigint") return integerOf(raw);
  if (typeof raw === "number") return Number.isSafeInteger(raw) ? raw : asText(raw);
  const text = asText(raw);
  return text !== null && /^-?\d{1,30}$/.test(text) && !/^-?0\d/.test(text) ? integerOf(BigInt(text)) : text;
}

function integerOf(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

function decodeDecimal(raw: RawValue, scale: number | undefined): Value {
  if (typeof raw === "bigint") return scale === undefined || scale === 0 ? String(raw) : `${raw}.${"0".repeat(scale)}`;
  if (typeof raw !== "number") return asText(raw);
  if (scale !== undefined && scale <= 100 && Math.abs(raw) < 1e21) {
    const rounded = raw.toFixed(scale);
    // A sum of binary fractions carries noise behind the scale; a value that really has more digits keeps them.
    if (Math.abs(Number(rounded) - raw) <= Math.max(1, Math.abs(raw)) * 1e-12) return rounded;
  }
  return withoutExponent(raw);
}

/** The shortest decimal text that reads back as the same float. */
function withoutExponent(value: number): string {
  const text = String(value);
  const match = /^(-?)(\d+)(?:\.(\d+))?e([+-]\d+)$/.exec(text);
  if (!match) return text;
  const [, sign = "", whole = "", fraction = "", exponent = "0"] = match;
  const digits = whole + fraction;
  const point = whole.length + Number(exponent);
  if (point <= 0) return `${sign}0.${"0".repeat(-point)}${digits}`;
  return point >= digits.length
    ? `${sign}${digits}${"0".repeat(point - digits.length)}`
    : `${sign}${digits.slice(0, point)}.${digits.slice(point)}`;
}

function decodeFloat(raw: RawValue): Value {
  if (typeof raw === "number") return raw;
  if (typeof raw === "bigint") return Number(raw);
  const text = asText(raw);
  return text !== null && /^-?\d+(\.\d+)?(e[+-]?\d+)?$/i.test(text) ? Number(text) : text;
}

function decodeBoolean(raw: RawValue): Value {
  if (raw === 0n || raw === 0) return false;
  if (raw === 1n || raw === 1) return true;
  const text = asText(raw);
  if (text === null) return null;
  const lower = text.toLowerCase();
  return lower === "true" || lower === "1" ? true : lower === "false" || lower === "0" ? false : text;
}

function decodeDate(raw: RawValue): Value {
  const text = asText(raw);
  const match = text === null ? null : /^(\d{4}-\d\d-\d\d)[ T]00:00(:00)?$/.exec(text);
  return match ? (match[1] as string) : text;
}

const moment = /^(\d{4}-\d\d-\d\d)(?:[ T](\d\d:\d\d)(:\d\d(?:\.\d+)?)?(Z?))?$/;

function decodeMoment(raw: RawValue): Value {
  const text = asText(raw);
  return text === null ? null : (normalMoment(text) ?? text);
}

/** `YYYY-MM-DDTHH:mm:ss[.f]` (with `Z` where it was) of the forms in which SQLite's own functions write it; undefined for others. */
export function normalMoment(text: string): string | undefined {
  const match = moment.exec(text);
  if (!match) return undefined;
  const [, date, time = "00:00", seconds = ":00", zone = ""] = match;
  return `${date}T${time}${seconds}${zone}`;
}

/** Every stored form that decodes to this key part: SQLite compares by storage class where a column has no affinity. */
export function storedForms(part: string, column: DeclaredType): (string | bigint | number | Uint8Array)[] {
  switch (column.type) {
    case "boolean":
      return part === "true" ? [1n, "1", "true"] : part === "false" ? [0n, "0", "false"] : [part];
    case "date":
      return [part, ...[" 00:00:00", "T00:00:00", " 00:00", "T00:00"].map((time) => part + time)];
    case "datetime":
    case "instant":
      return momentForms(part);
    case "bytes":
      return /^([0-9a-f]{2})*$/.test(part) ? [Buffer.from(part, "hex"), part] : [part];
    case "text":
      return [
        ...(column.padded && part.length < (column.length as number) ? [part, part.padEnd(column.length as number)] : [part]),
        ...numberForms(part),
      ];
    case "time":
      return [part];
    case "decimal":
      // More digits than a float keeps stand as bytes where a connector keeps them exactly (CSV).
      return part.length > 16 ? [part, ...numberForms(part), Buffer.from(part)] : [part, ...numberForms(part)];
    default:
      return [part, ...numberForms(part)];
  }
}

function numberForms(part: string): (bigint | number)[] {
  if (/^(0|-?[1-9]\d{0,18})$/.test(part) && BigInt.asIntN(64, BigInt(part)) === BigInt(part)) return [BigInt(part)];
  return /^-?\d+(\.\d+)?(e[+-]?\d+)?$/i.test(part) && !/^-?0\d/.test(part) ? [Number(part)] : [];
}

function momentForms(part: string): string[] {
  const forms = [part, part.replace("T", " ")];
  if (part.endsWith(":00")) forms.push(part.slice(0, -3), part.slice(0, -3).replace("T", " "));
  if (part.endsWith("T00:00:00")) forms.push(part.slice(0, -9));
  return forms;
}

/** What is bound for a value of the contract: SQLite has no booleans, and whole numbers must not become floats. */
export function toStored(value: Value): string | bigint | number | Uint8Array | null {
  if (typeof value === "boolean") return value ? 1n : 0n;
  return typeof value === "number" && Number.isSafeInteger(value) ? BigInt(value) : value;
}
