/** A key as it is written, in UTF-8: from `start` up to `end` of `bytes`, which `view` looks at as well. */
export interface KeyBytes {
  bytes: Uint8Array;
  view: DataView;
  start: number;
  end: number;
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Writes keys that are at hand as text into memory of its own. */
export class KeyScratch {
  #bytes = Buffer.allocUnsafeSlow(1_024);
  readonly #key: KeyBytes = { bytes: this.#bytes, view: viewOf(this.#bytes), start: 0, end: 0 };

  /** Good until the next one. */
  of(key: string): KeyBytes {
    if (key.length * 3 > this.#bytes.length) {
      this.#bytes = Buffer.allocUnsafeSlow(key.length * 3);
      this.#key.bytes = this.#bytes;
      this.#key.view = viewOf(this.#bytes);
    }
    this.#key.end = this.#bytes.write(key, 0, "utf8");
    return this.#key;
  }
}
