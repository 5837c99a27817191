/**
 * Which fields of a page's entities had a value when they were put, as one word of bits each: of what goes nothing else is known, for the store keeps digests alone.
 * What the bits mean depends on the mapping, so that bits of another one say nothing.
 */
import { slotsPerPage } from "./digest-page.ts";

export class FilledPage {
  /** The form of the bits, and behind it a word for each slot. */
  readonly #words: Uint32Array;

  /** @param bytes as `bytes` gives them */
  constructor(bytes?: Uint8Array) {
    this.#words = bytes === undefined ? new Uint32Array(1 + slotsPerPage) : new Uint32Array(bytes.slice().buffer);
  }

  get bytes(): Uint8Array {
    return new Uint8Array(this.#words.buffer);
  }

  /** 0 where nothing is known. */
  at(slot: number, form: number): number {
    return this.#words[0] === form ? (this.#words[1 + slot] as number) : 0;
  }

  /** Returns whether anything changed. */
  set(slot: number, form: number, bits: number): boolean {
    const words = this.#words;
    const word = bits >>> 0;
    if (words[0] !== form) {
      words.fill(0);
      words[0] = form;
    } else if (words[1 + slot] === word) return false;
    words[1 + slot] = word;
    return true;
  }

  /** Of what is in the slot now nothing is known. Returns whether anything changed. */
  clear(slot: number): boolean {
    if (this.#words[1 + slot] === 0) return false;
    this.#words[1 + slot] = 0;
    return true;
  }
}
