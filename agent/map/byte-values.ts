/** Days and codes from their bytes, and values that only the compiled readers can make something of. */
import type { Value, WrittenRows } from "../../connectors/connector.ts";
import { isCalendarDay } from "./calendar.ts";
import type { Parent, RowWriter } from "./mapped.ts";
import type { DayRecipe } from "./recipes.ts";
import { type CompiledRead, newReading, type RowReading } from "./row-reading.ts";
import { declined, empty, noteParent, reserve, type WriteBytes, writeFixed } from "./written-entity.ts";

const quote = 0x22;
const minus = 0x2d;
const dayDigits = 8;

/** The writer of days in columns of whole numbers yyyyMMdd. */
export function dayWriter({ column, nulls }: DayRecipe): WriteBytes {
  return (rows, into, at) => {
    const { bytes } = rows;
    const start = rows.starts[column] as number;
    const end = rows.ends[column] as number;
    if (start < 0) return empty;
    if (end - start > dayDigits) return declined;
    let number = 0;
    for (let next = start; next < end; next++) {
      const digit = (bytes[next] as number) - 0x30;
      if (digit < 0 || digit > 9) return declined;
      number = number * 10 + digit;
    }
    if (nulls.has(number)) return empty;
    if (end - start < dayDigits || !isCalendarDay(Math.floor(number / 10_000), Math.floor(number / 100) % 100, number % 100))
      return declined;
    reserve(into, at, dayDigits + 4);
    const out = into.bytes;
    out[at] = quote;
    out[at + 1] = bytes[start] as number;
    out[at + 2] = bytes[start + 1] as number;
    out[at + 3] = bytes[start + 2] as number;
    out[at + 4] = bytes[start + 3] as number;
    out[at + 5] = minus;
    out[at + 6] = bytes[start + 4] as number;
    out[at + 7] = bytes[start + 5] as number;
    out[at + 8] = minus;
    out[at + 9] = bytes[start + 6] as number;
    out[at + 10] = bytes[start + 7] as number;
    out[at + 11] = quote;
    return at + 12;
  };
}

/** Longer values are worked out each time. */
const longestKnown = 16;
const places = 4_096;

/** The writer of a column with few values: what the reader made of one is found again by its bytes. One that comes to the place of another takes it. */
export function fewWriter(column: number, { read }: Decoded): WriteBytes {
  const decode = (rows: WrittenRows): Buffer | null | undefined => {
    const text = read(rows);
    return text === undefined || text === null ? text : Buffer.from(text);
  };
  const known = new Uint8Array(places * longestKnown);
  const lengths = new Uint8Array(places);
  /** Undefined where nothing is known yet. */
  const made: (Buffer | null | undefined)[] = new Array(places).fill(undefined);
  return (rows, into, at) => {
    const { bytes } = rows;
    const start = rows.starts[column] as number;
    const length = (rows.ends[column] as number) - start;
    let text: Buffer | null | undefined;
    if (start < 0 || length > longestKnown) text = decode(rows);
    else {
      let hash = length;
      for (let next = 0; next < length; next++) hash = (Math.imul(hash, 31) + (bytes[start + next] as number)) | 0;
      const place = (hash ^ (hash >>> 12)) & (places - 1);
      text = made[place];
      let same = text !== undefined && lengths[place] === length;
      for (let next = 0; same && next < length; next++) same = known[place * longestKnown + next] === bytes[start + next];
      if (!same) {
        text = decode(rows);
        made[place] = text;
        lengths[place] = length;
        for (let next = 0; next < length; next++) known[place * longestKnown + next] = bytes[start + next] as number;
      }
    }
    if (text === undefined) return declined;
    return text === null ? empty : writeFixed(text, into, at);
  };
}

/** What the compiled reader gives for the values that are decoded for it; undefined where it has more to say than that. */
export interface Decoded {
  read: (rows: WrittenRows) => string | null | undefined;
  /** With the parents of what was read last. */
  reading: RowReading;
}

/** @param width how many columns a row has */
export function decoded({ columns, read }: Pick<CompiledRead, "columns" | "read">, width: number): Decoded {
  const values: Value[] = new Array(width).fill(null);
  const reading = { ...newReading(), values };
  return {
    reading,
    read(rows) {
      for (let next = 0; next < columns.length; next++) {
        const column = columns[next] as number;
        values[column] = rows.value(column);
      }
      reading.parentCount = 0;
      reading.misfit = false;
      const text = read(reading);
      if (reading.faults.length === 0 && reading.notes.length === 0) return reading.misfit ? undefined : text;
      reading.faults = [];
      reading.notes = [];
      return undefined;
    },
  };
}

/** The writer of what only the compiled reader can make something of, with the parents among it. */
export function decodingWriter({ read, reading }: Decoded, targets: RowWriter["targets"]): WriteBytes {
  return (rows, into, at) => {
    const text = read(rows);
    if (text === undefined) return declined;
    if (text === null) return empty;
    // A UTF-16 code unit takes three bytes at most.
    reserve(into, at, 3 * text.length);
    const end = at + into.bytes.write(text, at);
    let from = at;
    for (let next = 0; next < reading.parentCount; next++) {
      const { source, missing, id, key } = reading.parents[next] as Parent;
      // Ids stand in JSON as they are, one behind another.
      const found = into.bytes.indexOf(id, from, "latin1");
      const target = targets.findIndex((one) => one.source === source && one.missing === missing);
      from = found + id.length;
      if (found < 0 || from > end || target < 0) return declined;
      noteParent(into, target, from - key.length, from);
    }
    return end;
  };
}
