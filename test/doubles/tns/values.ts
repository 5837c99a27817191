// Values on the wire. Within the double a value is text (numbers and dates too), a number (BINARY_DOUBLE), bytes or null.
import type { ByteReader, ByteWriter } from "./bytes.ts";
import { decodeNumber, encodeNumber } from "./number.ts";

export type Cell = string | number | Buffer | null;

/** Oracle's codes of data types. */
export const typeCodes = {
  VARCHAR2: 1,
  NUMBER: 2,
  LONG: 8,
  DATE: 12,
  RAW: 23,
  LONG_RAW: 24,
  CHAR: 96,
  BINARY_DOUBLE: 101,
  REF_CURSOR: 102,
  CLOB: 112,
  BLOB: 113,
  TIMESTAMP: 180,
  TIMESTAMP_TZ: 181,
  TIMESTAMP_LTZ: 231,
} as const;

export type TypeName = keyof typeof typeCodes;

const names = new Map<number, TypeName>(Object.entries(typeCodes).map(([name, code]) => [code, name as TypeName]));

/** @throws Error for a type that the double does not speak */
export function typeName(code: number): TypeName {
  const name = names.get(code);
  if (name === undefined) throw new Error(`The double does not know the data type ${code}`);
  return name;
}

/** The character set form of NCHAR types: UTF-16 on the wire. */
const nationalForm = 2;

export interface WireType {
  type: TypeName;
  form: number;
  /** As a bind: its value comes behind all others. */
  long: boolean;
}

export function writeValue(writer: ByteWriter, type: TypeName, value: Cell): void {
  if (value === null) writer.u8(0);
  else if (type === "NUMBER") writer.bytes(encodeNumber(String(value)));
  else if (type === "DATE" || type.startsWith("TIMESTAMP")) writer.bytes(encodeMoment(String(value), type));
  else if (type === "BINARY_DOUBLE") writer.bytes(encodeDouble(Number(value)));
  else writer.bytes(typeof value === "number" ? String(value) : value);
}

export function readValue(reader: ByteReader, { type, form }: WireType): Cell {
  const bytes = reader.bytes();
  if (bytes === null) return null;
  if (type === "NUMBER") return decodeNumber(bytes);
  if (type === "DATE" || type.startsWith("TIMESTAMP")) return decodeMoment(bytes);
  if (type === "BINARY_DOUBLE") return decodeDouble(bytes);
  if (type === "RAW" || type === "LONG_RAW") return bytes;
  return form === nationalForm ? bytes.swap16().toString("utf16le") : bytes.toString();
}

/** Centuries and years are written with 100 added, times with 1. */
function encodeMoment(text: string, type: TypeName): Buffer {
  const match = /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d):(\d\d)(?:\.(\d+))?)?/.exec(text);
  if (!match) throw new Error(`${text} is no date`);
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match.slice(1, 7).map((part) => Number(part ?? 0));
  const date = Buffer.from([Math.trunc(year / 100) + 100, (year % 100) + 100, month, day, hour + 1, minute + 1, second + 1]);
  if (type === "DATE") return date;
  const fraction = Buffer.alloc(4);
  fraction.writeUInt32BE(Number((match[7] ?? "").padEnd(9, "0").slice(0, 9)));
  return Buffer.concat([date, fraction, Buffer.from(type === "TIMESTAMP_TZ" ? [20, 60] : [])]);
}

function decodeMoment(bytes: Buffer): string {
  const [century = 0, year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = bytes;
  const two = (value: number): string => String(value).padStart(2, "0");
  const date = `${String((century - 100) * 100 + year - 100).padStart(4, "0")}-${two(month)}-${two(day)}`;
  const fraction = bytes.length >= 11 ? `.${String(bytes.readUInt32BE(7)).padStart(9, "0")}` : "";
  return `${date} ${two(hour - 1)}:${two(minute - 1)}:${two(second - 1)}${fraction}`;
}

/** IEEE 754 with its sign turned over, so that doubles sort as bytes. */
function encodeDouble(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleBE(value);
  const first = bytes[0] as number;
  if (first & 0x80) return Buffer.from(bytes.map((byte) => byte ^ 255));
  bytes[0] = first | 0x80;
  return bytes;
}

function decodeDouble(bytes: Buffer): number {
  const first = bytes[0] as number;
  if (first & 0x80) return Buffer.from([first & 0x7f, ...bytes.subarray(1)]).readDoubleBE();
  return Buffer.from(bytes.map((byte) => byte ^ 255)).readDoubleBE();
}
