/**
 * Numbers of entities that the portal holds, by 96 bits of their key's hash: what many rows refer to is asked for over and over, in no order, and lies in more
 * pages than memory has room for. It only remembers: an entry may be missing, and all go as soon as one of them might be wrong.
 */
import { murmur128 } from "../../../base/murmur.ts";
import type { KeyBytes } from "./key-bytes.ts";

/** Three words of the hash, and the number, 0 in an empty place: four places to a line of the processor's cache, which is what looking at one costs. */
const wordsPerPlace = 4;
const numberAt = 3;
const fewestPlaces = 2 ** 12;
/** 32 MB, for a million and a half of parents. One without a place is looked up in its pages: that made rows ten times as dear (docs/performance.md). */
const mostPlaces = 2 ** 21;
/** Fuller, the way to an entry becomes long. */
const fullest = 3 / 4;
/** Beyond so many places from its own an entry takes the place of another. */
const longestWay = 64;

export class KnownTable {
  #places = fewestPlaces;
  #words = new Uint32Array(wordsPerPlace * fewestPlaces);
  #size = 0;

  /** Number of an entity of the source; 0 where none is remembered. */
  find(source: number, { view, start, end }: KeyBytes): number {
    const hash = murmur128(view, start, end, source);
    const at = wordsPerPlace * this.#placeOf(hash);
    return this.#isAt(at, hash) ? (this.#words[at + numberAt] as number) : 0;
  }

  /** Remembers a number by its entity's key. */
  remember(source: number, { view, start, end }: KeyBytes, no: number): void {
    if (this.#size >= fullest * this.#places && this.#places < mostPlaces) this.#grow();
    this.#put(murmur128(view, start, end, source), no);
  }

  clear(): void {
    if (this.#size === 0) return;
    this.#resize(fewestPlaces);
  }

  /** Where the hash stands; else an empty place for it, else its own. */
  #placeOf(hash: Uint32Array): number {
    const words = this.#words;
    const own = (hash[0] as number) & (this.#places - 1);
    for (let step = 0; step < longestWay; step++) {
      const place = (own + step) & (this.#places - 1);
      const at = wordsPerPlace * place;
      if (words[at + numberAt] === 0 || this.#isAt(at, hash)) return place;
    }
    return own;
  }

  #isAt(at: number, hash: Uint32Array): boolean {
    const words = this.#words;
    return words[at] === hash[0] && words[at + 1] === hash[1] && words[at + 2] === hash[2];
  }

  #put(hash: Uint32Array, no: number): void {
    const words = this.#words;
    const at = wordsPerPlace * this.#placeOf(hash);
    if (words[at + numberAt] === 0) this.#size += 1;
    for (let word = 0; word < numberAt; word++) words[at + word] = hash[word] as number;
    words[at + numberAt] = no;
  }

  #grow(): void {
    const before = this.#words;
    this.#resize(2 * this.#places);
    for (let at = 0; at < before.length; at += wordsPerPlace)
      if (before[at + numberAt] !== 0) this.#put(before.subarray(at, at + numberAt), before[at + numberAt] as number);
  }

  #resize(places: number): void {
    this.#places = places;
    this.#words = new Uint32Array(wordsPerPlace * places);
    this.#size = 0;
  }
}
