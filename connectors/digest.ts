import { murmur128 } from "../base/murmur.ts";

/** A value as the driver gave it, before its meaning is known. */
export type RawValue = string | number | bigint | Uint8Array | null;

/** A row as the driver gave it. */
export interface RawRow {
  /** The source's columns, then its flags. */
  readonly values: readonly RawValue[];
  /** Rows of each child query. */
  readonly children: readonly (readonly (readonly RawValue[])[])[];
}

const digests = new BigUint64Array(1);
const digestWords = new Uint32Array(digests.buffer);

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

const tags = { null: 0, text: 1, bytes: 2, integer: 3, float: 4, rows: 6 } as const;

/**
 * 64-bit digests (the first half of MurmurHash3_x86_128) of whole rows. Every value goes in with its type and length, every list with its count, so
 * that no two different rows read the same bytes. Raw values are enough: equal digests mean equal rows for one set of columns, types and session settings.
 */
export class RowDigest {
  #buffer = Buffer.allocUnsafe(16_384);
  #view = viewOf(this.#buffer);
  #at = 0;

  of(row: RawRow): bigint {
    this.#at = 0;
    for (const value of row.values) this.#value(value);
    for (const rows of row.children) {
      this.#head(tags.rows, rows.length);
      for (const child of rows) {
        this.#head(tags.rows, child.length);
        for (const value of child) this.#value(value);
      }
    }
    digestWords.set(murmur128(this.#view, 0, this.#at).subarray(0, 2));
    return digests[0] as bigint;
  }

  #value(value: RawValue): void {
    if (value === null) this.#head(tags.null, 0);
    else if (typeof value === "string") {
      this.#reserve(5 + value.length * 3);
      const bytes = this.#buffer.write(value, this.#at + 5, "utf8");
      this.#head(tags.text, bytes);
      this.#at += bytes;
    } else if (typeof value === "number") {
      this.#head(tags.float, 8);
      this.#reserve(8);
      this.#view.setFloat64(this.#at, value, true);
      this.#at += 8;
    } else if (typeof value === "bigint") {
      this.#head(tags.integer, 8);
      this.#reserve(8);
      this.#view.setBigInt64(this.#at, value, true);
      this.#at += 8;
    } else {
      this.#head(tags.bytes, value.byteLength);
      this.#reserve(value.byteLength);
      this.#buffer.set(value, this.#at);
      this.#at += value.byteLength;
    }
  }

  #head(tag: number, count: number): void {
    this.#reserve(5);
    this.#view.setUint8(this.#at, tag);
    this.#view.setUint32(this.#at + 1, count, true);
    this.#at += 5;
  }

  #reserve(bytes: number): void {
    if (this.#at + bytes <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.#at + bytes));
    this.#buffer.copy(larger, 0, 0, this.#at);
    this.#buffer = larger;
    this.#view = viewOf(larger);
  }
}
