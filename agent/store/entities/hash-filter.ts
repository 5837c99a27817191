/**
 * Says of most hashes that were never added that they are not there, in 16 bits each (a Bloom filter of three places): about one in 100 is doubtful when it is
 * full. The places of a hash lie side by side, in one line of the processor's cache: fetching these is what asking costs.
 */
export class HashFilter {
  readonly #words: Uint32Array;
  readonly #shift: number;
  readonly capacity: number;
  size = 0;

  constructor(capacity: number) {
    const bits = Math.max(16, Math.ceil(Math.log2(16 * capacity)));
    this.#words = new Uint32Array(2 ** (bits - 5));
    this.#shift = 32 - (bits - blockBits);
    this.capacity = 2 ** (bits - 4);
  }

  add(hash: number): void {
    const block = this.#blockOf(hash);
    const places = placesOf(hash);
    this.#set(block, places);
    this.#set(block, places >>> blockBits);
    this.#set(block, places >>> (2 * blockBits));
    this.size += 1;
  }

  mayHave(hash: number): boolean {
    const block = this.#blockOf(hash);
    const places = placesOf(hash);
    return this.#has(block, places) && this.#has(block, places >>> blockBits) && this.#has(block, places >>> (2 * blockBits));
  }

  /** Index of its first word. */
  #blockOf(hash: number): number {
    return (Math.imul(hash, 0x9e3779b1) >>> this.#shift) * wordsPerBlock;
  }

  #set(block: number, place: number): void {
    const word = block + ((place >>> 5) & (wordsPerBlock - 1));
    this.#words[word] = (this.#words[word] as number) | (1 << (place & 31));
  }

  #has(block: number, place: number): boolean {
    return ((this.#words[block + ((place >>> 5) & (wordsPerBlock - 1))] as number) & (1 << (place & 31))) !== 0;
  }
}

/** 512 bits. */
const blockBits = 9;
const wordsPerBlock = 16;

/** Three places within a block, of nine bits each. */
function placesOf(hash: number): number {
  const mixed = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  return (mixed ^ (mixed >>> 13)) >>> 0;
}
