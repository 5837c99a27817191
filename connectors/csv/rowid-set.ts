/** Row ids met in a file: a bit for each, in blocks, so that a table of millions of rows costs little memory. */
export class RowidSet {
  #blocks = new Map<number, Uint8Array>();

  /** False where it was there already. */
  add(rowid: number): boolean {
    const { block, byte, bit } = placeOf(rowid);
    let bytes = this.#blocks.get(block);
    if (bytes === undefined) {
      bytes = new Uint8Array(1_024);
      this.#blocks.set(block, bytes);
    }
    const before = bytes[byte] as number;
    bytes[byte] = before | bit;
    return (before & bit) === 0;
  }

  has(rowid: number): boolean {
    const { block, byte, bit } = placeOf(rowid);
    return ((this.#blocks.get(block)?.[byte] ?? 0) & bit) !== 0;
  }
}

function placeOf(rowid: number): { block: number; byte: number; bit: number } {
  const within = rowid % 8_192;
  return { block: Math.floor(rowid / 8_192), byte: within >> 3, bit: 1 << (within & 7) };
}
