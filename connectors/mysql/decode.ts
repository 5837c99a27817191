/** From the bytes of the text protocol to values of the contract, column by column. */
import type { Value } from "../connector.ts";
import type { SentValue } from "./packed-rows.ts";
import { bitsOf, type Field, fieldType, isBits } from "./values.ts";

/** Gives the bytes from `start` up to `end` their meaning. Never throws: what has no meaning stays the text it is. */
export type DecodeBytes = (bytes: Buffer, start: number, end: number) => Value;

/** How values of a result's column are decoded. */
export function decoderOf(field: Field): DecodeBytes {
  const type = fieldType(field);
  // A copy: the bytes of a batch do not stay.
  if (type === "bytes") return (bytes, start, end) => new Uint8Array(bytes.subarray(start, end));
  if (isBits(field)) {
    return type === "boolean"
      ? (bytes, start, end) => bitsOf(bytes.subarray(start, end)) !== 0n
      : (bytes, start, end) => exactInteger(String(bitsOf(bytes.subarray(start, end))));
  }
  switch (type) {
    case "integer":
      return integer;
    case "float":
      return (bytes, start, end) => Number(latin(bytes, start, end));
    case "decimal":
    case "date":
      return latin;
    case "time":
      return (bytes, start, end) => latin(bytes, start, withoutZeros(bytes, start, end));
    case "datetime":
      return (bytes, start, end) => moment(bytes, start, end, "");
    case "instant":
      return (bytes, start, end) => moment(bytes, start, end, "Z");
    default:
      return utf8;
  }
}

/** One value by itself. */
export function decodeSent(decode: DecodeBytes, value: SentValue): Value {
  return value === null ? null : decode(value, 0, value.length);
}

/** The part of Buffer behind `toString` that takes no encoding's name; the types leave it out. */
interface Slices {
  latin1Slice(start: number, end: number): string;
  utf8Slice(start: number, end: number): string;
}

export function latin(bytes: Buffer, start: number, end: number): string {
  return (bytes as unknown as Slices).latin1Slice(start, end);
}

export function utf8(bytes: Buffer, start: number, end: number): string {
  return (bytes as unknown as Slices).utf8Slice(start, end);
}

const zero = 0x30;
const minus = 0x2d;
const point = 0x2e;
const blank = 0x20;
/** More digits may pass the safe integers. */
const safeDigits = 15;

function integer(bytes: Buffer, start: number, end: number): number | bigint {
  if (end - start > safeDigits) return exactInteger(latin(bytes, start, end));
  const negative = bytes[start] === minus;
  let number = 0;
  for (let at = negative ? start + 1 : start; at < end; at++) number = number * 10 + (bytes[at] as number) - zero;
  return negative ? -number : number;
}

function exactInteger(text: string): number | bigint {
  const number = Number(text);
  return Number.isSafeInteger(number) ? number : BigInt(text);
}

const scratch = Buffer.alloc(64);

/** `2026-01-31 10:00:00.500000` -> `2026-01-31T10:00:00.5`; an impossible date keeps its digits. */
function moment(bytes: Buffer, start: number, end: number, zone: "" | "Z"): string {
  const length = withoutZeros(bytes, start, end) - start;
  if (length >= scratch.length) return `${latin(bytes, start, end)}${zone}`;
  for (let at = 0; at < length; at++) {
    const byte = bytes[start + at] as number;
    scratch[at] = byte === blank ? 0x54 : byte;
  }
  scratch[length] = 0x5a;
  return latin(scratch, 0, zone === "" ? length : length + 1);
}

/** Where it ends without the zeros at the end of its fraction, if it has one. */
function withoutZeros(bytes: Buffer, start: number, end: number): number {
  let dot = end - 1;
  while (dot >= start && bytes[dot] !== point) dot -= 1;
  if (dot < start) return end;
  let last = end - 1;
  while (bytes[last] === zero) last -= 1;
  return last === dot ? dot : last + 1;
}
