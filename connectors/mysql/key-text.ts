/** The text of keys in its base/key.ts form, written from the bytes that the server sent. */
import { type Field, fieldType, isBits } from "./values.ts";

/** How a key column's text comes from its bytes: they are it, unless a number has zeros in front, or only decoding tells. */
export type KeyKind = "same" | "integer" | "decoded";

/** The bytes of ASCII that base/key.ts leaves as they are, as 1; those that it escapes, as 0. */
const plain = new Uint8Array(128);
for (const char of "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-") plain[char.charCodeAt(0)] = 1;
const hexDigits = Buffer.from("0123456789ABCDEF");

/** Between the parts of a key. */
export const dot = 0x2e;
const percent = 0x25;
const minus = 0x2d;
const zero = 0x30;

export function keyKindOf(field: Field): KeyKind {
  if (isBits(field)) return "decoded";
  switch (fieldType(field)) {
    case "integer":
      return "integer";
    case "text":
    case "decimal":
    case "date":
      return "same";
    default:
      return "decoded";
  }
}

/** Writes the text of a key's part at `at`; -1 where it is not made of its bytes alone. */
export function writeKeyPart(
  kind: KeyKind,
  { bytes, start, end }: { bytes: Buffer; start: number; end: number },
  into: Buffer,
  at: number,
): number {
  if (kind === "decoded" || (kind === "integer" && hasLeadingZero(bytes, start, end))) return -1;
  let last = at;
  for (let from = start; from < end; from++) {
    const byte = bytes[from] as number;
    if (byte > 0x7f) return -1;
    if (plain[byte] === 1) into[last++] = byte;
    else {
      into[last++] = percent;
      into[last++] = hexDigits[byte >> 4] as number;
      into[last++] = hexDigits[byte & 15] as number;
    }
  }
  return last;
}

/** ZEROFILL columns; a lone zero is none. */
function hasLeadingZero(bytes: Buffer, start: number, end: number): boolean {
  const first = bytes[start] === minus ? start + 1 : start;
  return bytes[first] === zero && end - first > 1;
}
