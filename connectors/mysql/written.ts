/** Rows as the bytes that the server sent: where their values lie, found without decoding one. */
import { keyDot, writeKeyPart } from "../../base/key.ts";
import type { Value, WrittenForm, WrittenRows } from "../connector.ts";
import type { Decode } from "./decode.ts";
import { isKeyText, type KeyKind, keyKindOf } from "./key-text.ts";
import { type PackedRows, ValueWalk } from "./packed-rows.ts";
import { RowText } from "./row-text.ts";
import { type Field, fieldType, isBits } from "./values.ts";

/** What the columns of a source are like, for all of its batches. */
export interface WrittenColumns {
  readonly forms: readonly WrittenForm[];
  readonly decoders: readonly Decode[];
  /** The flags stand behind the columns. */
  readonly flags: number;
  /** In the order of the key's parts. */
  readonly key: readonly { column: number; kind: KeyKind }[];
}

/** @param key position of each of the key's columns within the row */
export function writtenColumns(
  fields: readonly Field[],
  { decoders, flags, key }: { decoders: readonly Decode[]; flags: number; key: readonly number[] },
): WrittenColumns {
  return {
    forms: fields.map(formOf),
    decoders,
    flags,
    key: key.map((column) => ({ column, kind: keyKindOf(fields[column] as Field) })),
  };
}

function formOf(field: Field): WrittenForm {
  if (isBits(field)) return "other";
  switch (fieldType(field)) {
    case "text":
      return "text";
    case "integer":
      return "integer";
    case "decimal":
    case "date":
      return "plain";
    default:
      return "other";
  }
}

const one = 0x31;
const shortLength = 0xfb;

export class WrittenPackedRows implements WrittenRows {
  readonly bytes: Buffer;
  readonly forms: readonly WrittenForm[];
  readonly starts: Int32Array;
  readonly ends: Int32Array;
  readonly #columns: WrittenColumns;
  readonly #rows: PackedRows;
  readonly #walk = new ValueWalk();
  readonly #text = new RowText();
  #index = -1;

  constructor(rows: PackedRows, columns: WrittenColumns) {
    this.bytes = rows.bytes;
    this.forms = columns.forms;
    this.#rows = rows;
    this.#columns = columns;
    const width = columns.forms.length + columns.flags;
    this.starts = new Int32Array(width);
    this.ends = new Int32Array(width);
  }

  open(index: number): void {
    requireRow(this.#rows, index);
    this.#index = index;
    const { bytes, starts, ends } = this;
    let at = this.#rows.starts[index] as number;
    for (let column = 0; column < starts.length; column++) {
      const first = bytes[at] as number;
      if (first >= shortLength) {
        at = this.#openLong(at, column);
        continue;
      }
      starts[column] = at + 1;
      at += 1 + first;
      ends[column] = at;
    }
  }

  /** NULL, or a value whose length takes more than one byte. */
  #openLong(at: number, column: number): number {
    const walk = this.#walk;
    walk.openAt(this.bytes, at);
    const filled = walk.next();
    this.starts[column] = filled ? walk.start : -1;
    this.ends[column] = filled ? walk.end : -1;
    return walk.end;
  }

  flag(index: number): boolean {
    const start = this.starts[this.forms.length + index] as number;
    return start >= 0 && this.bytes[start] === one;
  }

  value(column: number): Value {
    const start = this.starts[column] as number;
    if (start < 0) return null;
    if (this.#index >= 0) {
      this.#text.open(this.bytes, this.#rows.starts[this.#index] as number, this.#rows.ends[this.#index] as number);
      this.#index = -1;
    }
    return (this.#columns.decoders[column] as Decode)(this.#text, start, this.ends[column] as number);
  }

  writeKey(into: Buffer, at: number): number {
    const { key } = this.#columns;
    let last = at;
    for (let part = 0; part < key.length; part++) {
      const { column, kind } = key[part] as WrittenColumns["key"][number];
      if ((this.starts[column] as number) < 0 || !isKeyText(kind, this, column)) return -1;
      if (part > 0) into[last++] = keyDot;
      last = writeKeyPart(this, column, into, last);
      if (last < 0) return -1;
    }
    return last;
  }
}

/** @throws RangeError for a row that the batch does not have, or no longer has */
export function requireRow(rows: PackedRows, index: number): void {
  if (index >= rows.length) throw new RangeError("The batch has no such row, or its time is over: the next one was asked for");
}
