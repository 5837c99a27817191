/** Which keys of a batch came before in it, told from their digests: two rows of one digest count as of one key. */
export class KeyDigests {
  #words: Int32Array = new Int32Array();
  /** Index of a row, plus one; 0: an empty place. */
  #rows = new Uint32Array();

  begin(keyDigests: BigUint64Array): void {
    this.#words = new Int32Array(keyDigests.buffer, keyDigests.byteOffset, 2 * keyDigests.length);
    const places = 2 ** Math.ceil(Math.log2(2 * keyDigests.length + 1));
    if (this.#rows.length === places) this.#rows.fill(0);
    else this.#rows = new Uint32Array(places);
  }

  /** A row of which a key column is null: its digest is 0. */
  isKeyless(index: number): boolean {
    return this.#words[2 * index] === 0 && this.#words[2 * index + 1] === 0;
  }

  /** False: its key came before. */
  add(index: number): boolean {
    const words = this.#words;
    const [low, high] = [words[2 * index], words[2 * index + 1]];
    const mask = this.#rows.length - 1;
    let place = (low as number) & mask;
    for (; this.#rows[place] !== 0; place = (place + 1) & mask) {
      const other = (this.#rows[place] as number) - 1;
      if (words[2 * other] === low && words[2 * other + 1] === high) return false;
    }
    this.#rows[place] = index + 1;
    return true;
  }
}
