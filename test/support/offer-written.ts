/** Offers decoded rows as the bytes that a database would have written, for connectors that have none. */
import { encodeKey } from "../../base/key.ts";
import type { Row, Value, WrittenForm, WrittenRows } from "../../connectors/connector.ts";

export interface OfferedColumns {
  forms: readonly WrittenForm[];
  /** Positions of the key's columns. */
  key: readonly number[];
}

/** @param rows without rows of child queries */
export function offerWritten(rows: readonly Row[], { forms, key }: OfferedColumns): WrittenRows {
  const places: { starts: number[]; ends: number[] }[] = [];
  const pieces: Buffer[] = [];
  let at = 0;
  for (const { values } of rows) {
    const place = { starts: [] as number[], ends: [] as number[] };
    for (const value of values) {
      const bytes = Buffer.from(value === null ? "" : String(value));
      pieces.push(bytes);
      place.starts.push(value === null ? -1 : at);
      at += bytes.length;
      place.ends.push(at);
    }
    places.push(place);
  }
  const starts = new Int32Array(forms.length);
  const ends = new Int32Array(forms.length);
  let open: Row | undefined;
  const value = (column: number): Value => (open as Row).values[column] as Value;
  return {
    bytes: Buffer.concat(pieces),
    forms,
    starts,
    ends,
    open(index) {
      open = rows[index];
      starts.set(places[index]?.starts ?? []);
      ends.set(places[index]?.ends ?? []);
    },
    flag: (index) => open?.flags[index] === true,
    value,
    writeKey(into, place) {
      const parts = key.map(value);
      if (parts.some((part, index) => part === null || forms[key[index] as number] === "other")) return -1;
      const text = encodeKey(parts.map(String));
      // Escaped in full it would be certain as well; a database's own bytes are passed on only where they are ASCII.
      if (parts.some((part) => /[^\0-\x7f]/u.test(String(part)))) return -1;
      return place + into.write(text, place, "latin1");
    },
  };
}
