/** Numbers filed under 32-bit hashes in memory, 8 bytes each at most two thirds full; a hash may hold several. */
export class NumberTable {
  #hashes: Uint32Array;
  /** 0: an empty place. */
  #numbers: Uint32Array;
  size = 0;

  constructor(capacity = 1_024) {
    this.#hashes = new Uint32Array(capacity);
    this.#numbers = new Uint32Array(capacity);
  }

  add(hash: number, no: number): void {
    if (3 * this.size >= 2 * this.#numbers.length) this.#grow();
    this.#put(hash, no);
    this.size += 1;
  }

  /** An empty one that need not grow before it holds as much. */
  successor(): NumberTable {
    return new NumberTable(this.#numbers.length);
  }

  /** Adds to `into` what is filed under the hash. */
  collect(hash: number, into: number[]): void {
    const mask = this.#numbers.length - 1;
    for (let place = spread(hash) & mask; ; place = (place + 1) & mask) {
      const no = this.#numbers[place] as number;
      if (no === 0) return;
      if (this.#hashes[place] === hash) into.push(no);
    }
  }

  /** In the order of their hashes, as pairs of number and hash. */
  sorted(): Uint32Array {
    const entries = new BigUint64Array(this.size);
    const pairs = new Uint32Array(entries.buffer);
    let at = 0;
    for (let place = 0; place < this.#numbers.length; place++) {
      const no = this.#numbers[place] as number;
      if (no === 0) continue;
      pairs[at++] = no;
      pairs[at++] = this.#hashes[place] as number;
    }
    // The hash is the upper half of each 64-bit word: sorted without a call per pair.
    entries.sort();
    return pairs;
  }

  #put(hash: number, no: number): void {
    const mask = this.#numbers.length - 1;
    let place = spread(hash) & mask;
    while (this.#numbers[place] !== 0) place = (place + 1) & mask;
    this.#hashes[place] = hash;
    this.#numbers[place] = no;
  }

  #grow(): void {
    const [hashes, numbers] = [this.#hashes, this.#numbers];
    this.#hashes = new Uint32Array(2 * numbers.length);
    this.#numbers = new Uint32Array(2 * numbers.length);
    for (let place = 0; place < numbers.length; place++)
      if (numbers[place] !== 0) this.#put(hashes[place] as number, numbers[place] as number);
  }
}

/** The hashes are upper halves of digests: their lower bits are as good as any, their order must not matter. */
function spread(hash: number): number {
  return Math.imul(hash, 0x9e3779b1) >>> 7;
}
