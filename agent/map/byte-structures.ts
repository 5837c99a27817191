/** Objects and lists from the bytes of their parts. */
import type { ConditionOfBytes } from "./byte-conditions.ts";
import { declined, empty, reserve, type WriteBytes, writeFixed } from "./written-entity.ts";

const comma = 0x2c;
const openBracket = 0x5b;
const closeBracket = 0x5d;
const openBrace = 0x7b;
const closeBrace = 0x7d;

/** A part of an object. */
export interface WrittenPart {
  /** Its name as JSON with the colon, and behind it the value that it always has. */
  head: Buffer;
  /** Undefined: the head is all. */
  write: WriteBytes | undefined;
  /** What it reads makes the object something. */
  matters: boolean;
  empty: "null" | "left-out" | "missing";
}

const nothing = Buffer.from("null");

/** The writer of an object: null where all that it reads is empty, whatever constants stand beside it. */
export function objectWriter(parts: readonly WrittenPart[]): WriteBytes {
  return (rows, into, at) => {
    reserve(into, at, 1);
    into.bytes[at] = openBrace;
    let last = at + 1;
    let something = false;
    let missing = false;
    for (let next = 0; next < parts.length; next++) {
      const part = parts[next] as WrittenPart;
      let start = last;
      if (last > at + 1) {
        reserve(into, last, 1);
        into.bytes[start++] = comma;
      }
      start = writeFixed(part.head, into, start);
      if (part.write === undefined) {
        last = start;
        continue;
      }
      const end = part.write(rows, into, start);
      if (end === declined) return declined;
      if (end !== empty) {
        something ||= part.matters;
        last = end;
      } else if (part.empty === "null") last = writeFixed(nothing, into, start);
      else missing ||= part.empty === "missing";
    }
    if (!something) return empty;
    if (missing) return declined;
    reserve(into, last, 1);
    into.bytes[last] = closeBrace;
    return last + 1;
  };
}

/** An item of a list. */
export interface WrittenItem {
  when: ConditionOfBytes | undefined;
  write: WriteBytes;
}

/** The writer of a list; an item without a value is left out of it. */
export function listWriter(items: readonly WrittenItem[], { least, most }: { least: number; most: number }): WriteBytes {
  return (rows, into, at) => {
    reserve(into, at, 1);
    into.bytes[at] = openBracket;
    let last = at + 1;
    let count = 0;
    for (let next = 0; next < items.length; next++) {
      const { when, write } = items[next] as WrittenItem;
      const met = when === undefined ? 1 : when(rows);
      if (met === declined) return declined;
      if (met === 0) continue;
      let start = last;
      if (count > 0) {
        reserve(into, last, 1);
        into.bytes[start++] = comma;
      }
      const end = write(rows, into, start);
      if (end === declined) return declined;
      if (end === empty) continue;
      count += 1;
      last = end;
    }
    if (count < least || count > most) return declined;
    reserve(into, last, 1);
    into.bytes[last] = closeBracket;
    return last + 1;
  };
}
