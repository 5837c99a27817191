import { keyDigest } from "../../base/key-digest.ts";
import { murmur128 } from "../../base/murmur.ts";
import type { Value } from "../connector.ts";
import { viewOf } from "../digest.ts";
import { keyOf } from "../row-batch.ts";
import { type Decode, decoderOf } from "./decode.ts";
import { type PackedRows, ValueWalk } from "./packed-rows.ts";
import { RowText } from "./row-text.ts";
import { type Field, fieldType, isBits } from "./values.ts";

/** How a key column's text comes from its bytes: they are it, unless a number has zeros in front, or only decoding tells. */
type Kind = "same" | "integer" | "decoded";

/** The bytes of ASCII that base/key.ts leaves as they are, as 1; those that it escapes, as 0. */
const plain = new Uint8Array(128);
for (const char of "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-") plain[char.charCodeAt(0)] = 1;
const hexDigits = Buffer.from("0123456789ABCDEF");

const percent = 0x25;

const minus = 0x2d;
const dot = 0x2e;
const zero = 0x30;

/** Reads the keys of rows; their digests straight from the bytes wherever these are the key's text. */
export class KeyReader {
  readonly #kinds: readonly Kind[];
  readonly #decoders: readonly Decode[];
  /** Per column up to the key's last: which part of the key it is, -1 for none. */
  readonly #parts: Int32Array;
  /** Where the parts of the row at hand begin and end. */
  readonly #starts: Uint32Array;
  readonly #ends: Uint32Array;
  readonly #walk = new ValueWalk();
  readonly #row = new RowText();
  /** The text of the key at hand. */
  readonly #text = Buffer.alloc(1_024);
  readonly #view = viewOf(this.#text);

  /** @param key position of each of the key's columns within the row */
  constructor(fields: readonly Field[], key: readonly number[]) {
    const columns = key.map((position) => fields[position] as Field);
    this.#kinds = columns.map(kindOf);
    this.#decoders = columns.map(decoderOf);
    this.#parts = new Int32Array(Math.max(...key) + 1).fill(-1);
    for (const [part, position] of key.entries()) this.#parts[position] = part;
    this.#starts = new Uint32Array(key.length);
    this.#ends = new Uint32Array(key.length);
  }

  /** base/key.ts form of a row's key; undefined where a key column is null. */
  key(rows: PackedRows, index: number): string | undefined {
    if (!this.#find(rows, index)) return undefined;
    const length = this.#copyText(rows.bytes);
    return length === undefined ? this.#decoded(rows) : this.#text.toString("latin1", 0, length);
  }

  /** `keyDigest` of each row's key; 0n where a key column is null. */
  digests(rows: PackedRows): BigUint64Array<ArrayBuffer> {
    const digests = new BigUint64Array(rows.length);
    const words = new Uint32Array(digests.buffer);
    for (let i = 0; i < rows.length; i++) {
      if (!this.#find(rows, i)) continue;
      const length = this.#copyText(rows.bytes);
      if (length === undefined) {
        digests[i] = keyDigest(this.#decoded(rows));
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
    walk.open(rows, index);
    for (let column = 0; column < this.#parts.length; column++) {
      const part = this.#parts[column] as number;
      const filled = walk.next();
      if (part < 0) continue;
      if (!filled) return false;
      this.#starts[part] = walk.start;
      this.#ends[part] = walk.end;
    }
    return true;
  }

  /** Writes the key's text; undefined where it is not just the bytes of its parts. */
  #copyText(bytes: Buffer): number | undefined {
    const text = this.#text;
    let length = 0;
    for (let part = 0; part < this.#kinds.length; part++) {
      const start = this.#starts[part] as number;
      const end = this.#ends[part] as number;
      const kind = this.#kinds[part];
      if (kind === "decoded" || length + 3 * (end - start) >= text.length) return undefined;
      if (kind === "integer" && hasLeadingZero(bytes, start, end)) return undefined;
      if (part > 0) text[length++] = dot;
      for (let at = start; at < end; at++) {
        const byte = bytes[at] as number;
        if (byte > 0x7f) return undefined;
        if (plain[byte] === 1) text[length++] = byte;
        else {
          text[length++] = percent;
          text[length++] = hexDigits[byte >> 4] as number;
          text[length++] = hexDigits[byte & 15] as number;
        }
      }
    }
    return length;
  }

  #decoded({ bytes }: PackedRows): string {
    const values = this.#decoders.map((decode, part): Value => {
      const start = this.#starts[part] as number;
      const end = this.#ends[part] as number;
      this.#row.open(bytes, start, end);
      return decode(this.#row, start, end);
    });
    return keyOf(values) as string;
  }
}

function kindOf(field: Field): Kind {
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

/** ZEROFILL columns; a lone zero is none. */
function hasLeadingZero(bytes: Buffer, start: number, end: number): boolean {
  const first = bytes[start] === minus ? start + 1 : start;
  return bytes[first] === zero && end - first > 1;
}
