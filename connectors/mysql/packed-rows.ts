/**
 * Rows as the text protocol sends them (dev.mysql.com, "Text Resultset Row"): each value with its length before it, NULL as one byte. They lie one
 * behind another in one buffer, whichever way they came; a row's digest is that of its bytes, and nothing is decoded before it is asked for.
 */
import { murmur128 } from "../../base/murmur.ts";
import { viewOf } from "../digest.ts";

/** A value as the server sent it. */
export type SentValue = Buffer | null;

export interface PackedRows {
  /** How many rows there are; 0 once they were given back. */
  readonly length: number;
  /** May be longer than its rows. */
  readonly bytes: Buffer;
  /** Where each row begins and ends; may be longer, too. */
  readonly starts: Uint32Array;
  readonly ends: Uint32Array;
}

/** What rows are packed into. */
interface Room {
  length: number;
  bytes: Buffer;
  starts: Uint32Array;
  ends: Uint32Array;
}

const nullMark = 0xfb;
const twoByteLength = 0xfc;
const threeByteLength = 0xfd;
const eightByteLength = 0xfe;
/** Behind a row's end in the bytes of a socket: length and number of the next packet. */
const packetHeader = 4;
const leastBytes = 16_384;
const leastRows = 256;
/** A larger one, for the sake of a single huge row, is not kept. */
const mostKeptBytes = 4_000_000;

function roomFor(bytes: number, rows: number): Room {
  return { length: 0, bytes: Buffer.allocUnsafeSlow(bytes), starts: new Uint32Array(rows), ends: new Uint32Array(rows) };
}

/**
 * Gathers rows. What came in one piece of the socket's bytes is copied in one piece. Rows that are given back make room for others: memory outside of the
 * heap that comes and goes with every batch costs more collections of garbage than anything else in a scan.
 */
export class RowPacker {
  #room = roomFor(leastBytes, leastRows);
  /** How many of its bytes are used. */
  #used = 0;
  readonly #spare: Room[] = [];
  /** Bytes that are still to be copied: from, up to. */
  #source: Buffer | undefined;
  #from = 0;
  #upTo = 0;

  get length(): number {
    return this.#room.length;
  }

  /** About how many bytes its rows have. */
  get size(): number {
    return this.#used + this.#upTo - this.#from;
  }

  /** A row as it stands in `bytes`, which must not change before `settle` or `take`. */
  addPacket(bytes: Buffer, start: number, end: number): void {
    if (bytes !== this.#source || start !== this.#upTo + packetHeader) {
      this.settle();
      this.#source = bytes;
      this.#from = start;
    }
    const shift = this.#used - this.#from;
    this.#upTo = end;
    this.#note(start + shift, end + shift);
  }

  /** A row whose values the driver has cut out. */
  addValues(values: readonly SentValue[]): void {
    this.settle();
    const start = this.#used;
    for (const value of values) {
      const length = value === null ? 0 : value.length;
      this.#reserve(9 + length);
      const { bytes } = this.#room;
      this.#used = value === null ? bytes.writeUInt8(nullMark, this.#used) : writeLength(bytes, this.#used, length);
      if (value === null) continue;
      bytes.set(value, this.#used);
      this.#used += length;
    }
    this.#note(start, this.#used);
  }

  /** Copies what is still only looked at where it came. */
  settle(): void {
    if (this.#source === undefined) return;
    const bytes = this.#upTo - this.#from;
    this.#reserve(bytes);
    this.#source.copy(this.#room.bytes, this.#used, this.#from, this.#upTo);
    this.#used += bytes;
    this.#source = undefined;
    this.#from = this.#upTo = 0;
  }

  /** Hands out what was gathered and begins anew. */
  take(): PackedRows {
    this.settle();
    const rows = this.#room;
    // The next batch is likely to be about as large.
    this.#room =
      this.#spare.pop() ?? roomFor(Math.max(leastBytes, this.#used + (this.#used >> 3)), Math.max(leastRows, rows.length));
    this.#used = 0;
    return rows;
  }

  /** Rows that nobody looks at any more. */
  giveBack(rows: PackedRows): void {
    const room: Room = rows;
    room.length = 0;
    if (room.bytes.length <= mostKeptBytes) this.#spare.push({ ...room });
  }

  #note(start: number, end: number): void {
    const room = this.#room;
    if (room.length === room.starts.length) {
      room.starts = larger(room.starts);
      room.ends = larger(room.ends);
    }
    room.starts[room.length] = start;
    room.ends[room.length] = end;
    room.length += 1;
  }

  #reserve(bytes: number): void {
    const room = this.#room;
    if (this.#used + bytes <= room.bytes.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(room.bytes.length * 2, this.#used + bytes));
    room.bytes.copy(grown, 0, 0, this.#used);
    room.bytes = grown;
  }
}

function larger(positions: Uint32Array): Uint32Array<ArrayBuffer> {
  const grown = new Uint32Array(Math.max(leastRows, positions.length * 2));
  grown.set(positions);
  return grown;
}

function writeLength(bytes: Buffer, at: number, length: number): number {
  if (length < nullMark) return bytes.writeUInt8(length, at);
  if (length <= 0xffff) return bytes.writeUInt16LE(length, bytes.writeUInt8(twoByteLength, at));
  if (length <= 0xffffff) return bytes.writeUIntLE(length, bytes.writeUInt8(threeByteLength, at), 3);
  return bytes.writeBigUInt64LE(BigInt(length), bytes.writeUInt8(eightByteLength, at));
}

/** Walks along the values of a row. */
export class ValueWalk {
  #bytes: Buffer = Buffer.alloc(0);
  #at = 0;
  /** Where the value begins that `next` came to. */
  start = 0;

  get end(): number {
    return this.#at;
  }

  /** Begins before the first value of a row. */
  open(rows: PackedRows, index: number): void {
    this.openAt(rows.bytes, rows.starts[index] as number);
  }

  /** Begins before the value whose length stands at `at`. */
  openAt(bytes: Buffer, at: number): void {
    this.#bytes = bytes;
    this.#at = at;
  }

  /** Goes to the next value; false when it is NULL. */
  next(): boolean {
    const bytes = this.#bytes;
    const first = bytes[this.#at] as number;
    if (first < nullMark) {
      this.start = this.#at + 1;
      this.#at = this.start + first;
      return true;
    }
    if (first === nullMark) {
      this.#at += 1;
      return false;
    }
    const size = first === twoByteLength ? 2 : first === threeByteLength ? 3 : 8;
    const length = size === 8 ? Number(bytes.readBigUInt64LE(this.#at + 1)) : bytes.readUIntLE(this.#at + 1, size);
    this.start = this.#at + 1 + size;
    this.#at = this.start + length;
    return true;
  }
}

const walk = new ValueWalk();

/** The values of a row, as views of its bytes. */
export function sentValues(rows: PackedRows, index: number): SentValue[] {
  const values: SentValue[] = [];
  walk.open(rows, index);
  while (walk.end < (rows.ends[index] as number)) values.push(walk.next() ? rows.bytes.subarray(walk.start, walk.end) : null);
  return values;
}

/** 64-bit digest of each row: the first half of MurmurHash3_x86_128 of its bytes. */
export function rowDigests(rows: PackedRows): BigUint64Array<ArrayBuffer> {
  const digests = new BigUint64Array(rows.length);
  const words = new Uint32Array(digests.buffer);
  const view = viewOf(rows.bytes);
  for (let i = 0; i < rows.length; i++) {
    const hash = murmur128(view, rows.starts[i] as number, rows.ends[i] as number);
    words[2 * i] = hash[0] as number;
    words[2 * i + 1] = hash[1] as number;
  }
  return digests;
}

/** These rows and no others, over the same bytes. */
export function someRows(rows: PackedRows, indexes: readonly number[]): PackedRows {
  const pick = (positions: Uint32Array): Uint32Array<ArrayBuffer> =>
    Uint32Array.from(indexes, (index) => positions[index] as number);
  return { length: indexes.length, bytes: rows.bytes, starts: pick(rows.starts), ends: pick(rows.ends) };
}
