/** Little-endian bytes as TDS writes them ([MS-TDS] 2.2.5). */
export class ByteWriter {
  #bytes = Buffer.allocUnsafe(1_024);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** Where the next bytes go; there is room for them. */
  #next(size: number): number {
    const at = this.#length;
    this.#length += size;
    if (this.#length > this.#bytes.length) {
      const larger = Buffer.allocUnsafe(this.#length * 2);
      this.#bytes.copy(larger, 0, 0, at);
      this.#bytes = larger;
    }
    return at;
  }

  raw(bytes: Uint8Array): this {
    const at = this.#next(bytes.byteLength);
    this.#bytes.set(bytes, at);
    return this;
  }

  u8(value: number): this {
    const at = this.#next(1);
    this.#bytes[at] = value & 0xff;
    return this;
  }

  u16(value: number): this {
    const at = this.#next(2);
    this.#bytes.writeUInt16LE(value & 0xffff, at);
    return this;
  }

  u32(value: number): this {
    const at = this.#next(4);
    this.#bytes.writeUInt32LE(value >>> 0, at);
    return this;
  }

  i32(value: number): this {
    const at = this.#next(4);
    this.#bytes.writeInt32LE(value, at);
    return this;
  }

  u64(value: bigint): this {
    const at = this.#next(8);
    this.#bytes.writeBigUInt64LE(BigInt.asUintN(64, value), at);
    return this;
  }

  /** A whole number of so many bytes. */
  bytesOf(value: bigint, size: number): this {
    const at = this.#next(size);
    for (let index = 0, left = value; index < size; index++, left >>= 8n) this.#bytes[at + index] = Number(left & 0xffn);
    return this;
  }

  /** UTF-16 without its length. */
  wide(text: string): this {
    const at = this.#next(text.length * 2);
    this.#bytes.write(text, at, "utf16le");
    return this;
  }

  /** B_VARCHAR: UTF-16 with its length in one byte. */
  shortText(text: string): this {
    return this.u8(text.length).wide(text);
  }

  /** US_VARCHAR: UTF-16 with its length in two bytes. */
  text(text: string): this {
    return this.u16(text.length).wide(text);
  }

  /** Everything written so far; the writer is empty afterwards. */
  take(): Buffer {
    const all = Buffer.from(this.#bytes.subarray(0, this.#length));
    this.#length = 0;
    return all;
  }
}

export class ByteReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get ended(): boolean {
    return this.#at >= this.#bytes.length;
  }

  raw(length: number): Buffer {
    const some = this.#bytes.subarray(this.#at, this.#at + length);
    this.#at += length;
    return some;
  }

  rest(): Buffer {
    return this.raw(this.#bytes.length - this.#at);
  }

  u8(): number {
    return this.raw(1).readUInt8();
  }

  u16(): number {
    return this.raw(2).readUInt16LE();
  }

  u32(): number {
    return this.raw(4).readUInt32LE();
  }

  i32(): number {
    return this.raw(4).readInt32LE();
  }

  u64(): bigint {
    return this.raw(8).readBigUInt64LE();
  }

  /** UTF-16 of so many characters. */
  text(characters: number): string {
    return this.raw(characters * 2).toString("utf16le");
  }
}
