/** Says of most hashes that were never added that they are not there, in 16 bits each (a Bloom filter of three places): about one in 200 is doubtful. */
export class HashFilter {
  readonly #words: Uint32Array;
  readonly #shift: number;
  readonly capacity: number;
  size = 0;

  constructor(capacity: number) {
    const bits = Math.max(16, Math.ceil(Math.log2(16 * capacity)));
    this.#words = new Uint32Array(2 ** (bits - 5));
    this.#shift = 32 - bits;
    this.capacity = 2 ** (bits - 4);
  }

  add(hash: number): void {
    this.#set(Math.imul(hash, 0x9e3779b1));
    this.#set(Math.imul(hash, 0x85ebca6b));
    this.#set(Math.imul(hash, 0xc2b2ae35));
    this.size += 1;
  }

  mayHave(hash: number): boolean {
    return (
      this.#has(Math.imul(hash, 0x9e3779b1)) && this.#has(Math.imul(hash, 0x85ebca6b)) && this.#has(Math.imul(hash, 0xc2b2ae35))
    );
  }

  #set(mixed: number): void {
    const bit = mixed >>> this.#shift;
    this.#words[bit >>> 5] = (this.#words[bit >>> 5] as number) | (1 << (bit & 31));
  }

  #has(mixed: number): boolean {
    const bit = mixed >>> this.#shift;
    return ((this.#words[bit >>> 5] as number) & (1 << (bit & 31))) !== 0;
  }
}
