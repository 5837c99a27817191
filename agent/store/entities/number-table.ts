/** Numbers filed under 32-bit hashes in memory, 8 bytes each at most half full; a hash may hold several. */
export class NumberTable {
  /** Pairs of number and hash, side by side because they are looked at together; number 0: an empty place. */
  #pairs: Uint32Array;
  size = 0;

  /** @param places a power of two */
  constructor(places = 1_024) {
    this.#pairs = new Uint32Array(2 * places);
  }

  add(hash: number, no: number): void {
    if (4 * this.size >= this.#pairs.length) this.#grow();
    this.#put(hash, no);
    this.size += 1;
  }

  /** An empty one that need not grow before it holds as much. */
  successor(): NumberTable {
    return new NumberTable(this.#pairs.length / 2);
  }

  /** Adds to `into` what is filed under the hash. */
  collect(hash: number, into: number[]): void {
    const pairs = this.#pairs;
    const last = pairs.length - 2;
    for (let at = spread(hash) & last; ; at = (at + 2) & last) {
      const no = pairs[at] as number;
      if (no === 0) return;
      if (pairs[at + 1] === hash) into.push(no);
    }
  }

  /** In the order of their hashes, as pairs of number and hash. */
  sorted(): Uint32Array {
    const entries = new BigUint64Array(this.size);
    const sorted = new Uint32Array(entries.buffer);
    const pairs = this.#pairs;
    let into = 0;
    for (let at = 0; at < pairs.length; at += 2) {
      if (pairs[at] === 0) continue;
      sorted[into++] = pairs[at] as number;
      sorted[into++] = pairs[at + 1] as number;
    }
    // The hash is the upper half of each 64-bit word: sorted without a call per pair.
    entries.sort();
    return sorted;
  }

  #put(hash: number, no: number): void {
    const pairs = this.#pairs;
    const last = pairs.length - 2;
    let at = spread(hash) & last;
    while (pairs[at] !== 0) at = (at + 2) & last;
    pairs[at] = no;
    pairs[at + 1] = hash;
  }

  #grow(): void {
    const before = this.#pairs;
    this.#pairs = new Uint32Array(2 * before.length);
    for (let at = 0; at < before.length; at += 2) if (before[at] !== 0) this.#put(before[at + 1] as number, before[at] as number);
  }
}

/** The hashes are upper halves of digests: their lower bits are as good as any, their order must not matter. */
function spread(hash: number): number {
  return Math.imul(hash, 0x9e3779b1) >>> 7;
}
