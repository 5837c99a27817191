/**
 * What pages are written into on their way to the database, which copies it: thousands of them, made anew for each commit of a first sync, would make the
 * collector of garbage run.
 */
export class PageMemory {
  #bytes = new Uint8Array();

  /** So many bytes at an offset that fits words, of whatever was there before; good until the next are asked for. */
  of(bytes: number): Uint8Array {
    if (bytes > this.#bytes.length) this.#bytes = new Uint8Array(2 * bytes);
    return this.#bytes.subarray(0, bytes);
  }
}
