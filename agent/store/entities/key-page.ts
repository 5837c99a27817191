/** The keys of a page's slots: read only to name an entity or to prove that a digest is really of this key. */
import { isAscii } from "node:buffer";
import { slotsPerPage } from "./digest-page.ts";
import { type KeyBytes, viewOf } from "./key-bytes.ts";
import { PageMemory } from "./page-memory.ts";

const headBytes = 4 * slotsPerPage;

/** Keys stand as they are written, one behind the other: as strings they would be hundreds of thousands of small objects. */
export class KeyPage {
  #text: Buffer;
  /** Where each key ends. */
  readonly #ends = new Uint32Array(slotsPerPage);
  /** No slot from here on ever had a key. */
  #filled = slotsPerPage;
  #isAscii: boolean;
  /** Over the text, once somebody wanted to look at it. */
  #view: DataView | undefined;

  /** @param bytes as `toBytes` gives them */
  constructor(bytes?: Uint8Array) {
    const aligned = bytes === undefined || bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
    this.#text =
      aligned === undefined
        ? Buffer.alloc(0)
        : Buffer.from(aligned.buffer, aligned.byteOffset + headBytes, aligned.byteLength - headBytes);
    this.#isAscii = isAscii(this.#text);
    if (aligned === undefined) this.#filled = 0;
    else {
      const lengths = new Uint32Array(aligned.buffer, aligned.byteOffset, slotsPerPage);
      let end = 0;
      for (let slot = 0; slot < slotsPerPage; slot++) {
        end += lengths[slot] as number;
        this.#ends[slot] = end;
      }
      while (this.#filled > 0 && lengths[this.#filled - 1] === 0) this.#filled -= 1;
    }
  }

  /** Empty for a slot that never had one. */
  at(slot: number): string {
    if (slot >= this.#filled) return "";
    return this.#text.toString(this.#isAscii ? "latin1" : "utf8", this.#startOf(slot), this.#ends[slot]);
  }

  /** Where the key of a slot stands; not to be kept over a change. */
  bytesAt(slot: number): KeyBytes {
    this.#view ??= viewOf(this.#text);
    const isFilled = slot < this.#filled;
    const [start, end] = isFilled ? [this.#startOf(slot), this.#ends[slot] as number] : [0, 0];
    return { bytes: this.#text, view: this.#view, start, end };
  }

  set(slot: number, key: KeyBytes): void {
    const used = this.#used;
    for (; this.#filled <= slot; this.#filled++) this.#ends[this.#filled] = used;
    const start = this.#startOf(slot);
    const end = this.#ends[slot] as number;
    const longer = key.end - key.start - (end - start);
    this.#reserve(used + longer);
    // Mostly nothing stands behind: a page fills from its start.
    if (end < used) this.#text.copyWithin(end + longer, end, used);
    this.#copy(key, start);
    for (let behind = slot; behind < this.#filled; behind++) this.#ends[behind] = (this.#ends[behind] as number) + longer;
  }

  #copy({ bytes, start, end }: KeyBytes, to: number): void {
    const text = this.#text;
    let all = 0;
    for (let from = start, into = to; from < end; from++, into++) {
      const byte = bytes[from] as number;
      text[into] = byte;
      all |= byte;
    }
    if (all > 0x7f) this.#isAscii = false;
  }

  /** Lengths in bytes, then the keys as UTF-8. */
  toBytes(memory = new PageMemory()): Uint8Array {
    const bytes = memory.of(headBytes + this.#used);
    const lengths = new Uint32Array(bytes.buffer, bytes.byteOffset, slotsPerPage);
    for (let slot = 0; slot < slotsPerPage; slot++)
      lengths[slot] = slot < this.#filled ? (this.#ends[slot] as number) - this.#startOf(slot) : 0;
    bytes.set(this.#text.subarray(0, this.#used), headBytes);
    return bytes;
  }

  get #used(): number {
    return this.#filled === 0 ? 0 : (this.#ends[this.#filled - 1] as number);
  }

  #startOf(slot: number): number {
    return slot === 0 ? 0 : (this.#ends[slot - 1] as number);
  }

  #reserve(bytes: number): void {
    if (bytes <= this.#text.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(bytes, 2 * this.#text.length, slotsPerPage));
    this.#text.copy(larger);
    this.#text = larger;
    this.#view = undefined;
  }
}
