/** A string for each of many short values costs most where it crosses into native code: a row is turned into one string, and its values are cut out of it. */

/** The part of Buffer behind `toString` that takes no encoding's name; the types leave it out. */
interface Slices {
  latin1Slice(start: number, end: number): string;
  utf8Slice(start: number, end: number): string;
}

/** A value cut out of a string keeps all of it in memory: longer rows are decoded value by value. */
const longestCut = 2_048;
const beyondAscii = 0x80808080;

/** The bytes of a row and the texts within them. */
export class RowText {
  bytes: Buffer = Buffer.alloc(0);
  #view: DataView = new DataView(new ArrayBuffer(0));
  #start = 0;
  #end = 0;
  /** The row, a character for each byte; made when first wanted. */
  #text: string | undefined;

  /** Goes to the row from `start` up to `end`. */
  open(bytes: Buffer, start: number, end: number): void {
    if (bytes !== this.bytes) this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.bytes = bytes;
    this.#start = start;
    this.#end = end;
    this.#text = undefined;
  }

  /** A text of ASCII alone. */
  ascii(start: number, end: number): string {
    if (this.#end - this.#start > longestCut) return (this.bytes as unknown as Slices).latin1Slice(start, end);
    this.#text ??= (this.bytes as unknown as Slices).latin1Slice(this.#start, this.#end);
    return this.#text.substring(start - this.#start, end - this.#start);
  }

  utf8(start: number, end: number): string {
    if (this.#isAscii(start, end)) return this.ascii(start, end);
    return (this.bytes as unknown as Slices).utf8Slice(start, end);
  }

  #isAscii(start: number, end: number): boolean {
    let at = start;
    for (; at + 4 <= end; at += 4) if ((this.#view.getUint32(at) & beyondAscii) !== 0) return false;
    for (; at < end; at++) if (this.#view.getUint8(at) > 0x7f) return false;
    return true;
  }
}
