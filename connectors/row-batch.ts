import { encodeKey } from "../base/key.ts";
import { keyDigest } from "../base/key-digest.ts";
import type { Row, RowBatch, Value } from "./connector.ts";
import type { RawRow, RawValue, RowDigest } from "./digest.ts";
import type { RowIdentities } from "./keyset.ts";

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

/** Raw rows with the digests of their values and of their keys. */
export interface DigestedRows extends RowIdentities {
  readonly rows: readonly (readonly RawValue[])[];
}

/** @param layout without it rows are told apart by all of their values */
export function digested(rows: readonly (readonly RawValue[])[], digest: RowDigest, layout?: Layout): DigestedRows {
  const digests = new BigUint64Array(rows.length);
  const keyDigests = new BigUint64Array(rows.length);
  for (const [index, values] of rows.entries()) {
    digests[index] = digest.of({ values, children: [] });
    const key = layout && rawKey(values, layout);
    if (key !== undefined) keyDigests[index] = keyDigest(key);
  }
  return { rows, digests, keyDigests };
}

function rawKey(values: readonly RawValue[], { key, columns }: Layout): string | undefined {
  return keyOf(key.map((index) => (columns[index] as Decode)(values[index] as RawValue)));
}

/**
 * A batch over raw rows.
 * @param children per row and child query its rows; undefined for a source without child queries
 */
export function rowBatch(
  { rows, keyDigests, digests }: DigestedRows,
  layout: Layout,
  digest: RowDigest,
  children?: readonly RawRow["children"][],
): RowBatch {
  const { columns } = layout;
  const width = columns.length;
  return {
    length: rows.length,
    key: (index) => rawKey(rows[index] as RawValue[], layout),
    keyDigests,
    digests: children
      ? BigUint64Array.from(rows, (values, index) => digest.of({ values, children: children[index] as RawRow["children"] }))
      : digests,
    row(index): Row {
      const raw = rows[index] as RawValue[];
      return {
        values: columns.map((decode, column) => decode(raw[column] as RawValue)),
        flags: raw.slice(width).map((flag) => flag === 1n || flag === "1"),
        children: (children?.[index] ?? []).map((list, child) =>
          list.map((values) => decodeChild(values, layout.children[child] ?? [])),
        ),
      };
    },
    written: undefined,
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
