import { type ByteRanges, keyDot, writeKeyPart } from "../../base/key.ts";
import { keyDigest } from "../../base/key-digest.ts";
import { murmur128 } from "../../base/murmur.ts";
import type { Value } from "../connector.ts";
import { viewOf } from "../digest.ts";
import { keyOf } from "../row-batch.ts";
import { type Decode, decoderOf } from "./decode.ts";
import { isKeyText, type KeyKind, keyKindOf } from "./key-text.ts";
import { type PackedRows, ValueWalk } from "./packed-rows.ts";
import { RowText } from "./row-text.ts";
import type { Field } from "./values.ts";

/** Reads the keys of rows; their digests straight from the bytes wherever these are the key's text. */
export class KeyReader {
  readonly #kinds: readonly KeyKind[];
  readonly #decoders: readonly Decode[];
  /** Per column up to the key's last: which part of the key it is, -1 for none. */
  readonly #parts: Int32Array;
  /** Where the parts of the row at hand begin and end. */
  readonly #at: ByteRanges & { bytes: Buffer };
  readonly #walk = new ValueWalk();
  readonly #row = new RowText();
  /** The text of the key at hand. */
  readonly #text = Buffer.alloc(1_024);
  readonly #view = viewOf(this.#text);

  /** @param key position of each of the key's columns within the row */
  constructor(fields: readonly Field[], key: readonly number[]) {
    const columns = key.map((position) => fields[position] as Field);
    this.#kinds = columns.map(keyKindOf);
    this.#decoders = columns.map(decoderOf);
    this.#parts = new Int32Array(Math.max(...key) + 1).fill(-1);
    for (const [part, position] of key.entries()) this.#parts[position] = part;
    this.#at = { bytes: this.#text, starts: new Int32Array(key.length), ends: new Int32Array(key.length) };
  }

  /** base/key.ts form of a row's key; undefined where a key column is null. */
  key(rows: PackedRows, index: number): string | undefined {
    if (!this.#find(rows, index)) return undefined;
    const length = this.#copyText();
    return length === undefined ? this.#decoded() : this.#text.toString("latin1", 0, length);
  }

  /** `keyDigest` of each row's key; 0n where a key column is null. */
  digests(rows: PackedRows): BigUint64Array<ArrayBuffer> {
    const digests = new BigUint64Array(rows.length);
    const words = new Uint32Array(digests.buffer);
    for (let i = 0; i < rows.length; i++) {
      if (!this.#find(rows, i)) continue;
      const length = this.#copyText();
      if (length === undefined) {
        digests[i] = keyDigest(this.#decoded());
        continue;
      }
      const hash = murmur128(this.#view, 0, length);
      words[2 * i] = hash[0] as number;
      words[2 * i + 1] = hash[1] as number;
      if (hash[0] === 0 && hash[1] === 0) words[2 * i] = 1;
    }
    return digests;
  }

  /** Notes where the key's parts lie; false where one is null. */
  #find(rows: PackedRows, index: number): boolean {
    const walk = this.#walk;
    const { starts, ends } = this.#at;
    this.#at.bytes = rows.bytes;
    walk.open(rows, index);
    for (let column = 0; column < this.#parts.length; column++) {
      const part = this.#parts[column] as number;
      const filled = walk.next();
      if (part < 0) continue;
      if (!filled) return false;
      starts[part] = walk.start;
      ends[part] = walk.end;
    }
    return true;
  }

  /** Writes the key's text; undefined where it is not just the bytes of its parts. */
  #copyText(): number | undefined {
    const text = this.#text;
    const at = this.#at;
    let length = 0;
    for (let part = 0; part < this.#kinds.length; part++) {
      const bytes = (at.ends[part] as number) - (at.starts[part] as number);
      if (length + 3 * bytes >= text.length || !isKeyText(this.#kinds[part] as KeyKind, at, part)) return undefined;
      if (part > 0) text[length++] = keyDot;
      length = writeKeyPart(at, part, text, length);
      if (length < 0) return undefined;
    }
    return length;
  }

  #decoded(): string {
    const { bytes, starts, ends } = this.#at;
    const values = this.#decoders.map((decode, part): Value => {
      const start = starts[part] as number;
      const end = ends[part] as number;
      this.#row.open(bytes, start, end);
      return decode(this.#row, start, end);
    });
    return keyOf(values) as string;
  }
}
