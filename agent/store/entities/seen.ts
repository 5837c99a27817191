/** Which entities a scan has seen: a bit for each number that there was when it began. */
export class Seen {
  readonly #upTo: number;
  readonly #bits: Uint8Array;

  /** `upTo`: above every number in use. */
  constructor(upTo: number) {
    this.#upTo = upTo;
    this.#bits = new Uint8Array((upTo >> 3) + 1);
  }

  add(no: number): void {
    if (no < this.#upTo) this.#bits[no >> 3] = (this.#bits[no >> 3] as number) | (1 << (no & 7));
  }

  /** True also of what was made after the scan began. */
  has(no: number): boolean {
    return no >= this.#upTo || ((this.#bits[no >> 3] as number) & (1 << (no & 7))) !== 0;
  }
}
