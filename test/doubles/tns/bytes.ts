// How TTC, Oracle's protocol above TNS, writes numbers and byte strings.

/** Thrown where a message goes on in a packet that has not come yet. */
export class Incomplete extends Error {}

export class ByteReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  u8(): number {
    return this.raw(1)[0] as number;
  }

  u16be(): number {
    return this.raw(2).readUInt16BE();
  }

  raw(length: number): Buffer {
    if (this.#at + length > this.#bytes.length) throw new Incomplete("The message goes on");
    const part = this.#bytes.subarray(this.#at, this.#at + length);
    this.#at += length;
    return part;
  }

  skip(length: number): void {
    this.raw(length);
  }

  /** A whole number: the count of its bytes (its highest bit: negative), then the bytes. */
  ub(): number {
    const head = this.u8();
    let value = 0;
    for (const byte of this.raw(head & 0x7f)) value = value * 256 + byte;
    return head & 0x80 ? -value : value;
  }

  /** Skips several whole numbers. */
  skipUbs(count: number): void {
    for (let index = 0; index < count; index++) this.ub();
  }

  /** Bytes behind their length, in chunks where they are many; null for none. */
  bytes(): Buffer | null {
    const length = this.u8();
    if (length === 0 || length === 255) return null;
    if (length !== 254) return Buffer.from(this.raw(length));
    const chunks: Buffer[] = [];
    for (let size = this.ub(); size > 0; size = this.ub()) chunks.push(this.raw(size));
    return Buffer.concat(chunks);
  }

  text(): string {
    return this.bytes()?.toString() ?? "";
  }
}

const chunkBytes = 32_767;

export class ByteWriter {
  readonly #parts: Buffer[] = [];

  raw(bytes: Buffer): this {
    this.#parts.push(bytes);
    return this;
  }

  u8(...values: number[]): this {
    return this.raw(Buffer.from(values.map((value) => value & 255)));
  }

  u16be(value: number): this {
    const bytes = Buffer.alloc(2);
    bytes.writeUInt16BE(value);
    return this.raw(bytes);
  }

  u16le(value: number): this {
    const bytes = Buffer.alloc(2);
    bytes.writeUInt16LE(value);
    return this.raw(bytes);
  }

  ub(...values: number[]): this {
    for (const value of values) {
      const bytes: number[] = [];
      for (let rest = Math.abs(value); rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256);
      this.u8(bytes.length | (value < 0 ? 0x80 : 0), ...bytes);
    }
    return this;
  }

  bytes(value: Buffer | string | null): this {
    if (value === null) return this.u8(0);
    const bytes = Buffer.from(value as Buffer);
    if (bytes.length <= 252) return this.u8(bytes.length).raw(bytes);
    this.u8(254);
    for (let from = 0; from < bytes.length; from += chunkBytes) {
      const chunk = bytes.subarray(from, from + chunkBytes);
      this.ub(chunk.length).raw(chunk);
    }
    return this.ub(0);
  }

  /** A text with its length in front of the bytes that carry it once more. */
  text(value: string): this {
    this.ub(Buffer.byteLength(value));
    return value === "" ? this : this.bytes(value);
  }

  get whole(): Buffer {
    return Buffer.concat(this.#parts);
  }
}
