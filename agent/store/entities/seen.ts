import { numberOf, slotsPerPage } from "./digest-page.ts";

const bytesPerPage = slotsPerPage / 8;
/** How many bits of a byte are set. */
const bitCounts = Uint8Array.from({ length: 256 }, (_, byte) => byte.toString(2).replaceAll("0", "").length);

/** Which entities a scan has seen: a bit for each number that there was when it began. */
export class Seen {
  readonly #upTo: number;
  readonly #bits: Uint8Array;
  #isExact = true;

  /** `pages`: the highest page in use. */
  constructor(pages: number) {
    this.#upTo = numberOf(pages + 1, 0);
    this.#bits = new Uint8Array(this.#upTo / 8);
  }

  add(no: number): void {
    if (no < this.#upTo) this.#bits[no >> 3] = (this.#bits[no >> 3] as number) | (1 << (no & 7));
  }

  /** The entity is gone: what is given its number later was not there when the scan began. */
  remove(no: number): void {
    if (no < this.#upTo) this.#bits[no >> 3] = (this.#bits[no >> 3] as number) & ~(1 << (no & 7));
  }

  /** Some of what was seen, made or removed was rolled back. */
  doubt(): void {
    this.#isExact = false;
  }

  /** Whether all entities of a page are certainly among those seen, told from their number alone. */
  hasAll(page: number, used: number): boolean {
    if (numberOf(page, 0) >= this.#upTo) return true;
    if (!this.#isExact) return false;
    let count = 0;
    for (let at = page * bytesPerPage, end = at + bytesPerPage; at < end; at++)
      count += bitCounts[this.#bits[at] as number] as number;
    return count === used;
  }

  /** True also of what was made after the scan began. */
  has(no: number): boolean {
    return no >= this.#upTo || ((this.#bits[no >> 3] as number) & (1 << (no & 7))) !== 0;
  }
}
