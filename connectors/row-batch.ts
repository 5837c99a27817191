import { encodeKey } from "../base/key.ts";
import { keyDigest } from "../base/key-digest.ts";
import type { RowBatch, Value } from "./connector.ts";
import type { RawRow, RawValue, RowDigest } from "./digest.ts";

/** Gives a raw value its meaning. Never throws: what has no meaning stays the text it is. */
export type Decode = (raw: RawValue) => Value;

/** How the rows of a source query are decoded. */
export interface Layout {
  /** Positions of the key's columns within the row. */
  readonly key: readonly number[];
  readonly columns: readonly Decode[];
  /** Per child query, per column of its SELECT list. */
  readonly children: readonly (readonly Decode[])[];
}

/** The text of a key's part: what `String` makes of it, bytes as lower-case hex. */
export function keyPart(value: Exclude<Value, null>): string {
  if (typeof value === "string") return value;
  return value instanceof Uint8Array ? Buffer.from(value).toString("hex") : String(value);
}

/** Key of a row from the decoded values of its key columns; undefined where one is null. */
export function keyOf(values: readonly Value[]): string | undefined {
  const parts: string[] = [];
  for (const value of values) {
    if (value === null) return undefined;
    parts.push(keyPart(value));
  }
  return encodeKey(parts);
}

/** Key of a raw row. */
function rawKey(values: readonly RawValue[], layout: Pick<Layout, "key" | "columns">): string | undefined {
  return keyOf(layout.key.map((index) => (layout.columns[index] as Decode)(values[index] as RawValue)));
}

/** Text that tells apart the keys of raw rows, null ones included; two rows of one key are the same to everybody. */
export function rawIdentity(values: readonly RawValue[], key: readonly number[]): string {
  return JSON.stringify(
    key.map((index) => {
      const raw = values[index] as RawValue;
      return raw instanceof Uint8Array ? Buffer.from(raw).toString("latin1") : raw === null ? null : String(raw);
    }),
  );
}

/** A batch over raw rows; digests are made now, keys and rows only when asked for. */
export function rowBatch(rows: readonly RawRow[], layout: Layout, digest: RowDigest): RowBatch {
  const digests = new BigUint64Array(rows.length);
  const keyDigests = new BigUint64Array(rows.length);
  const keyAt = (index: number): string | undefined => rawKey((rows[index] as RawRow).values, layout);
  for (let i = 0; i < rows.length; i++) {
    digests[i] = digest.of(rows[i] as RawRow);
    const key = keyAt(i);
    keyDigests[i] = key === undefined ? 0n : keyDigest(key);
  }
  return {
    length: rows.length,
    key: keyAt,
    keyDigests,
    digests,
    row(index) {
      const raw = rows[index] as RawRow;
      return {
        values: raw.values.map((value, column) => (layout.columns[column] as Decode)(value)),
        flags: raw.flags,
        children: raw.children.map((list, child) => list.map((values) => decodeChild(values, layout.children[child] ?? []))),
      };
    },
  };
}

function decodeChild(values: readonly RawValue[], decoders: readonly Decode[]): Value[] {
  return values.map((value, column) => (decoders[column] as Decode)(value));
}

/** About how many bytes a raw value holds in memory. */
export function sizeOf(values: readonly RawValue[]): number {
  let bytes = 64;
  for (const value of values) {
    if (typeof value === "string") bytes += 24 + value.length;
    else if (value instanceof Uint8Array) bytes += 64 + value.byteLength;
    else bytes += 8;
  }
  return bytes;
}
