/** From the bytes of the text protocol to values of the contract, column by column. */
import type { Value } from "../connector.ts";
import type { SentValue } from "./packed-rows.ts";
import { RowText } from "./row-text.ts";
import { bitsOf, type Field, fieldType, isBits } from "./values.ts";

/** Gives the bytes of a row from `start` up to `end` their meaning. Never throws: what has no meaning stays the text it is. */
export type Decode = (row: RowText, start: number, end: number) => Value;

/** How values of a result's column are decoded. */
export function decoderOf(field: Field): Decode {
  const type = fieldType(field);
  // A copy: the bytes of a batch do not stay.
  if (type === "bytes") return ({ bytes }, start, end) => new Uint8Array(bytes.subarray(start, end));
  if (isBits(field)) {
    return type === "boolean"
      ? ({ bytes }, start, end) => bitsOf(bytes.subarray(start, end)) !== 0n
      : ({ bytes }, start, end) => exactInteger(String(bitsOf(bytes.subarray(start, end))));
  }
  switch (type) {
    case "integer":
      return integer;
    case "float":
      return (row, start, end) => Number(row.ascii(start, end));
    case "decimal":
    case "date":
      return (row, start, end) => row.ascii(start, end);
    case "time":
      return (row, start, end) => row.ascii(start, withoutZeros(row.bytes, start, end));
    case "datetime":
      return moment;
    case "instant":
      return (row, start, end) => `${moment(row, start, end)}Z`;
    default:
      return (row, start, end) => row.utf8(start, end);
  }
}

const alone = new RowText();

/** One value by itself. */
export function decodeSent(decode: Decode, value: SentValue): Value {
  if (value === null) return null;
  alone.open(value, 0, value.length);
  return decode(alone, 0, value.length);
}

const zero = 0x30;
const minus = 0x2d;
const point = 0x2e;
const blank = 0x20;
/** More digits may pass the safe integers. */
const safeDigits = 15;
/** With its point. */
const longestFraction = 7;
const dateLength = "YYYY-MM-DD".length;

function integer(row: RowText, start: number, end: number): number | bigint {
  if (end - start > safeDigits) return exactInteger(row.ascii(start, end));
  const { bytes } = row;
  const negative = bytes[start] === minus;
  let number = 0;
  for (let at = negative ? start + 1 : start; at < end; at++) number = number * 10 + (bytes[at] as number) - zero;
  return negative ? -number : number;
}

function exactInteger(text: string): number | bigint {
  const number = Number(text);
  return Number.isSafeInteger(number) ? number : BigInt(text);
}

/** `2026-01-31 10:00:00.500000` -> `2026-01-31T10:00:00.5`; an impossible date keeps its digits. */
function moment(row: RowText, start: number, end: number): string {
  const last = withoutZeros(row.bytes, start, end);
  const gap = start + dateLength;
  if (gap >= last || row.bytes[gap] !== blank) return row.ascii(start, last).replace(" ", "T");
  return `${row.ascii(start, gap)}T${row.ascii(gap + 1, last)}`;
}

/** Where it ends without the zeros at the end of its fraction, if it has one. */
function withoutZeros(bytes: Buffer, start: number, end: number): number {
  let dot = end - 1;
  for (const first = Math.max(start, end - longestFraction); dot >= first && bytes[dot] !== point; ) dot -= 1;
  if (bytes[dot] !== point || dot < start) return end;
  let last = end - 1;
  while (bytes[last] === zero) last -= 1;
  return last === dot ? dot : last + 1;
}
