import type { Row, RowBatch, Value } from "../connector.ts";
import { type Decode, decodeSent } from "./decode.ts";
import type { KeyReader } from "./keys.ts";
import { type PackedRows, RowPacker, rowDigests, type SentValue, sentValues, ValueWalk } from "./packed-rows.ts";
import { RowText } from "./row-text.ts";
import type { DigestedRows } from "./stream.ts";
import { requireRow, type WrittenColumns, WrittenPackedRows } from "./written.ts";

/** Rows of one child query, as the server sent them. */
export type SentChildren = readonly (readonly SentValue[])[];

/** How the rows of a source query are decoded. */
export interface RowDecoding {
  readonly keys: KeyReader;
  /** Per column of the source; the columns behind them are flags. */
  readonly columns: readonly Decode[];
  readonly flags: number;
  /** Per child query, per column of its SELECT list. */
  readonly children: readonly (readonly Decode[])[];
  readonly written: WrittenColumns;
}

/**
 * A batch over packed rows.
 * @param children per row and child query its rows; undefined for a source without child queries
 */
export function packedBatch(
  decoding: RowDecoding,
  read: DigestedRows,
  children?: readonly (readonly SentChildren[])[],
): RowBatch {
  const { rows, keyDigests } = read;
  const { columns } = decoding;
  const walk = new ValueWalk();
  const text = new RowText();
  return {
    length: rows.length,
    key(index) {
      requireRow(rows, index);
      return decoding.keys.key(rows, index);
    },
    keyDigests,
    digests: children ? digestsWith(children, rows) : read.digests,
    row(index): Row {
      requireRow(rows, index);
      walk.open(rows, index);
      const { bytes } = rows;
      text.open(bytes, rows.starts[index] as number, rows.ends[index] as number);
      const values: Value[] = new Array(columns.length);
      for (let column = 0; column < columns.length; column++) {
        values[column] = walk.next() ? (columns[column] as Decode)(text, walk.start, walk.end) : null;
      }
      const flags: boolean[] = [];
      for (let flag = 0; flag < decoding.flags; flag++) flags.push(walk.next() && bytes[walk.start] === 0x31);
      const lists = children?.[index] ?? [];
      return {
        values,
        flags,
        children: lists.map((list, query) => list.map((row) => decodedChild(row, decoding.children[query] ?? []))),
      };
    },
    written: children ? undefined : new WrittenPackedRows(rows, decoding.written),
  };
}

/** Of each row together with its children: its values, then per child query the number of its rows and their values. */
function digestsWith(children: readonly (readonly SentChildren[])[], rows: PackedRows): BigUint64Array {
  const packer = new RowPacker();
  for (const [index, lists] of children.entries()) {
    const ofChildren = lists.flatMap((list) => [Buffer.from(String(list.length)), ...list.flat()]);
    packer.addValues([...sentValues(rows, index), ...ofChildren]);
  }
  return rowDigests(packer.take());
}

function decodedChild(row: readonly SentValue[], decoders: readonly Decode[]): Value[] {
  return row.map((value, column) => decodeSent(decoders[column] as Decode, value));
}
