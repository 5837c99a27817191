/** The numbers of the entities to which a page's entities refer, slot by slot. */
import { slotsPerPage } from "./digest-page.ts";
import { PageMemory } from "./page-memory.ts";

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
  set(slot: number, parents: ArrayLike<number>, count = parents.length): boolean {
    if (slot >= this.#end && count > 0) return this.#append(slot, parents, count);
    const start = this.#startOf(slot);
    const had = this.counts[slot] as number;
    if (had === count && this.#isAt(start, parents, count)) return false;
    const longer = count - had;
    this.#reserve(this.#length + longer);
    this.#numbers.copyWithin(start + count, start + had, this.#length);
    for (let at = 0; at < count; at++) this.#numbers[start + at] = parents[at] as number;
    this.#length += longer;
    this.counts[slot] = count;
    return true;
  }

  #isAt(start: number, parents: ArrayLike<number>, count: number): boolean {
    for (let at = 0; at < count; at++) if (this.#numbers[start + at] !== parents[at]) return false;
    return true;
  }

  #append(slot: number, parents: ArrayLike<number>, count: number): true {
    this.#reserve(this.#length + count);
    for (let at = 0; at < count; at++) this.#numbers[this.#length++] = parents[at] as number;
    this.counts[slot] = count;
    this.#end = slot + 1;
    return true;
  }

  toBytes(memory = new PageMemory()): Uint8Array {
    const bytes = memory.of(headBytes + 4 * this.#length);
    const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
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
