/** The keys of a page's slots: read only to name an entity or to prove that a digest is really of this key. */
import { slotsPerPage } from "./digest-page.ts";

const headBytes = 4 * slotsPerPage;

export class KeyPage {
  /** The keys as they were read, one behind the other, and where each begins in UTF-16 units. */
  readonly #bytes: Buffer;
  readonly #starts = new Uint32Array(slotsPerPage + 1);
  /** The whole text; only where some key is not ASCII, so that units are no bytes. */
  #text: string | undefined;
  /** Once something was changed. */
  #list: string[] | undefined;

  constructor(bytes: Uint8Array = new Uint8Array(headBytes)) {
    const aligned = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
    const lengths = new Uint32Array(aligned.buffer, aligned.byteOffset, slotsPerPage);
    this.#bytes = Buffer.from(aligned.buffer, aligned.byteOffset + headBytes, aligned.byteLength - headBytes);
    let at = 0;
    for (let slot = 0; slot < slotsPerPage; slot++) {
      at += lengths[slot] as number;
      this.#starts[slot + 1] = at;
    }
    if (at !== this.#bytes.length) this.#text = this.#bytes.toString("utf8");
  }

  /** Empty for a slot that never had one. */
  at(slot: number): string {
    const known = this.#list?.[slot];
    if (known !== undefined) return known;
    const [start, end] = [this.#starts[slot], this.#starts[slot + 1]];
    return this.#text?.slice(start, end) ?? this.#bytes.toString("latin1", start, end);
  }

  set(slot: number, key: string): void {
    this.#list ??= Array.from({ length: slotsPerPage }, (_, each) => this.at(each));
    this.#list[slot] = key;
  }

  /** Lengths in UTF-16 units, then the text as UTF-8. */
  toBytes(): Uint8Array {
    const keys = this.#list ?? Array.from({ length: slotsPerPage }, (_, each) => this.at(each));
    const text = keys.join("");
    const bytes = Buffer.allocUnsafe(headBytes + Buffer.byteLength(text));
    const lengths = new Uint32Array(slotsPerPage);
    for (let slot = 0; slot < slotsPerPage; slot++) lengths[slot] = (keys[slot] as string).length;
    bytes.set(new Uint8Array(lengths.buffer));
    bytes.write(text, headBytes, "utf8");
    return bytes;
  }
}
