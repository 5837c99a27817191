/** The keys of a page's slots: read only to name an entity or to prove that a digest is really of this key. */
import { slotsPerPage } from "./digest-page.ts";

const headBytes = 4 * slotsPerPage;

export class KeyPage {
  /** All keys one behind the other, and where each begins; while nothing was changed. */
  #text: string;
  readonly #starts = new Uint32Array(slotsPerPage + 1);
  /** Once something was changed. */
  #list: string[] | undefined;

  constructor(bytes?: Uint8Array) {
    this.#text = "";
    if (bytes === undefined) return;
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let at = 0;
    for (let slot = 0; slot < slotsPerPage; slot++) {
      this.#starts[slot] = at;
      at += buffer.readUInt32LE(4 * slot);
    }
    this.#starts[slotsPerPage] = at;
    this.#text = buffer.toString("utf8", headBytes);
  }

  /** Empty for a slot that never had one. */
  at(slot: number): string {
    return this.#list?.[slot] ?? this.#text.slice(this.#starts[slot], this.#starts[slot + 1]);
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
