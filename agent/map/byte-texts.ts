/** Texts from their bytes into JSON. */
import { isUtf8 } from "node:buffer";
import type { TextRecipe } from "./recipes.ts";
import { declined, empty, reserve, type WriteBytes, writeFixed } from "./written-entity.ts";

const quote = 0x22;
const backslash = 0x5c;

/** Per byte: 0, it stands in JSON as it is; 1, JSON escapes it; 2, it is part of a character beyond ASCII. */
const kinds = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte > 0x7f ? 2 : byte < 0x20 || byte === quote || byte === backslash ? 1 : 0,
);
/** What JSON writes behind the backslash for a character that it escapes by one letter; 0 for others. */
const letters = new Uint8Array(256);
for (const pair of ['""', "\\\\", "\bb", "\tt", "\nn", "\ff", "\rr"]) letters[pair.charCodeAt(0)] = pair.charCodeAt(1);

/** The writer of a text column that is passed on. */
export function textWriter({ column, trim, emptyToNull, most, otherwise }: TextRecipe): WriteBytes {
  const instead = otherwise === null ? undefined : Buffer.from(otherwise);
  return (rows, into, at) => {
    const { bytes } = rows;
    let start = rows.starts[column] as number;
    let end = rows.ends[column] as number;
    if (trim) {
      while (start < end && isBlank(bytes[start] as number)) start++;
      while (start < end && isBlank(bytes[end - 1] as number)) end--;
      if (start < end && hasWideBlanks(bytes, start, end)) return declined;
    }
    if (start < 0 || (emptyToNull && start === end)) return instead === undefined ? empty : writeFixed(instead, into, at);
    // A text has no more UTF-16 code units than bytes.
    if (end - start > most) return declined;
    reserve(into, at, 2 * (end - start) + 2);
    const out = into.bytes;
    let last = at;
    out[last++] = quote;
    let seen = 0;
    for (let next = start; next < end; next++) {
      const byte = bytes[next] as number;
      const kind = kinds[byte] as number;
      seen |= kind;
      if (kind === 1) {
        const letter = letters[byte] as number;
        if (letter === 0) return declined;
        out[last++] = backslash;
        out[last++] = letter;
      } else out[last++] = byte;
    }
    // What is no UTF-8 is read with other characters in its place.
    if (seen > 1 && !isWellFormed(bytes, start, end)) return declined;
    out[last++] = quote;
    return last;
  };
}

/** The blanks of ASCII that `trim` takes away. */
function isBlank(byte: number): boolean {
  return byte === 0x20 || (byte >= 0x09 && byte <= 0x0d);
}

/** Whether the first or the last character may be one of the blanks beyond ASCII that `trim` takes away as well. */
function hasWideBlanks(bytes: Buffer, start: number, end: number): boolean {
  if ((bytes[start] as number) > 0x7f && isWideBlank(bytes, start)) return true;
  if ((bytes[end - 1] as number) < 0x80) return false;
  let last = end - 1;
  while (last > start && ((bytes[last] as number) & 0xc0) === 0x80) last--;
  return isWideBlank(bytes, last);
}

/** U+00A0, U+1680, U+2000 to U+200A, U+2028, U+2029, U+202F, U+205F, U+3000 and U+FEFF are; of their neighbours it is not looked at which. */
function isWideBlank(bytes: Buffer, at: number): boolean {
  const first = bytes[at];
  const second = bytes[at + 1];
  if (first === 0xc2) return second === 0xa0;
  if (first === 0xe2) return second === 0x80 || second === 0x81;
  return first === 0xe1 || first === 0xe3 || first === 0xef;
}

/** Whether it is UTF-8. Latin letters take two bytes and are looked at here, for short texts hardly bear a call into native code. */
function isWellFormed(bytes: Buffer, start: number, end: number): boolean {
  let at = start;
  while (at < end) {
    const first = bytes[at] as number;
    if (first < 0x80) at += 1;
    else if (first < 0xc2 || first > 0xdf || at + 1 >= end || ((bytes[at + 1] as number) & 0xc0) !== 0x80)
      return isUtf8(bytes.subarray(at, end));
    else at += 2;
  }
  return true;
}
