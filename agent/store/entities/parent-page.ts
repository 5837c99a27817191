/** The numbers of the entities to which a page's entities refer, slot by slot. */
import { slotsPerPage } from "./digest-page.ts";

const headBytes = 4 * slotsPerPage;

export class ParentPage {
  /** How many each slot has; in the numbers they follow each other in the order of the slots. */
  readonly counts: Uint32Array;
  #numbers: Uint32Array;
  #length: number;
  /** No slot from here on has any: what is written there comes last, without moving anything. */
  #end = 0;

  constructor(bytes?: Uint8Array) {
    // The blob is copied: a view could not grow.
    const words = bytes === undefined ? new Uint32Array(slotsPerPage) : new Uint32Array(bytes.slice().buffer);
    this.counts = words.subarray(0, slotsPerPage);
    this.#numbers = words.subarray(slotsPerPage);
    this.#length = this.#numbers.length;
    for (let slot = 0; slot < slotsPerPage; slot++) if (this.counts[slot] !== 0) this.#end = slot + 1;
  }

  /** All numbers of the page, `counts` tells whose they are. Not to be kept over a change. */
  get numbers(): Uint32Array {
    return this.#numbers.subarray(0, this.#length);
  }

  of(slot: number): Uint32Array {
    const start = this.#startOf(slot);
    return this.#numbers.subarray(start, start + (this.counts[slot] as number));
  }

  /** Returns whether anything changed. */
  set(slot: number, parents: readonly number[]): boolean {
    if (slot >= this.#end && parents.length > 0) return this.#append(slot, parents);
    const start = this.#startOf(slot);
    const had = this.counts[slot] as number;
    if (had === parents.length && parents.every((no, index) => this.#numbers[start + index] === no)) return false;
    const longer = parents.length - had;
    this.#reserve(this.#length + longer);
    this.#numbers.copyWithin(start + parents.length, start + had, this.#length);
    this.#numbers.set(parents, start);
    this.#length += longer;
    this.counts[slot] = parents.length;
    return true;
  }

  #append(slot: number, parents: readonly number[]): true {
    this.#reserve(this.#length + parents.length);
    for (let at = 0; at < parents.length; at++) this.#numbers[this.#length++] = parents[at] as number;
    this.counts[slot] = parents.length;
    this.#end = slot + 1;
    return true;
  }

  toBytes(): Uint8Array {
    const bytes = new Uint8Array(headBytes + 4 * this.#length);
    const words = new Uint32Array(bytes.buffer);
    words.set(this.counts);
    words.set(this.numbers, slotsPerPage);
    return bytes;
  }

  #startOf(slot: number): number {
    if (slot >= this.#end) return this.#length;
    let start = 0;
    for (let before = 0; before < slot; before++) start += this.counts[before] as number;
    return start;
  }

  #reserve(length: number): void {
    if (length <= this.#numbers.length) return;
    const larger = new Uint32Array(Math.max(length, 2 * this.#numbers.length, slotsPerPage));
    larger.set(this.numbers);
    this.#numbers = larger;
  }
}
