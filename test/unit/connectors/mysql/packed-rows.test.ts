import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type PackedRows,
  RowPacker,
  rowDigests,
  type SentValue,
  sentValues,
  someRows,
} from "../../../../connectors/mysql/packed-rows.ts";

const value = fc.oneof(
  fc.constant(null),
  fc.uint8Array({ maxLength: 8 }).map((bytes) => Buffer.from(bytes)),
  // Around each boundary of the form in which the protocol writes a length.
  fc.constantFrom(250, 251, 252, 65_535, 65_536).map((length) => Buffer.alloc(length, length & 0xff)),
);
const tables = fc.array(fc.array(value, { minLength: 1, maxLength: 5 }), { maxLength: 20 });

function packed(rows: readonly (readonly SentValue[])[]): PackedRows {
  const packer = new RowPacker();
  for (const row of rows) packer.addValues(row);
  return packer.take();
}

/** The rows as a socket brings them: each behind the four bytes of its packet's head, cut into pieces at these rows. */
function sent(rows: PackedRows, cuts: ReadonlySet<number>): PackedRows {
  const packer = new RowPacker();
  const head = Buffer.from("head");
  let piece: number[] = [];
  const flush = (): void => {
    const parts = piece.flatMap((index) => [head, rows.bytes.subarray(rows.starts[index], rows.ends[index])]);
    const bytes = Buffer.concat(parts);
    let at = 0;
    for (const index of piece) {
      const length = (rows.ends[index] as number) - (rows.starts[index] as number);
      packer.addPacket(bytes, at + head.length, at + head.length + length);
      at += head.length + length;
    }
    piece = [];
  };
  for (let index = 0; index < rows.length; index++) {
    if (cuts.has(index)) flush();
    piece.push(index);
  }
  flush();
  return packer.take();
}

const valuesOf = (rows: PackedRows): SentValue[][] => Array.from({ length: rows.length }, (_, index) => sentValues(rows, index));

describe("packed rows", () => {
  it("give back the values they were made of", () => {
    fc.assert(
      fc.property(tables, (table) => {
        expect(valuesOf(packed(table))).toEqual(table);
      }),
      { numRuns: 50 },
    );
  });

  it("are the same rows with the same digests whether cut out of a socket's bytes or put together from values", () => {
    fc.assert(
      fc.property(tables, fc.array(fc.nat(20)), (table, cuts) => {
        const rows = packed(table);
        const same = sent(rows, new Set(cuts));
        expect(valuesOf(same)).toEqual(table);
        expect(rowDigests(same)).toEqual(rowDigests(rows));
      }),
      { numRuns: 50 },
    );
  });

  it("of different values have different digests, wherever one value ends and the next begins", () => {
    const text = (...values: (string | null)[]): SentValue[] => values.map((each) => (each === null ? null : Buffer.from(each)));
    const rows = [text("ab", "c"), text("a", "bc"), text("abc", ""), text("abc", null), text(null, "abc"), text("abc"), text("")];
    expect(new Set(rowDigests(packed(rows))).size).toBe(rows.length);
  });

  it("can be chosen among without a copy", () => {
    const rows = packed([[Buffer.from("a")], [Buffer.from("b")], [Buffer.from("c")]]);
    const some = someRows(rows, [2, 0]);
    expect(valuesOf(some)).toEqual([[Buffer.from("c")], [Buffer.from("a")]]);
    expect(some.bytes).toBe(rows.bytes);
  });

  it("handed out are never touched by the rows that follow", () => {
    const packer = new RowPacker();
    packer.addValues([Buffer.from("first")]);
    const first = packer.take();
    const before = rowDigests(first);
    for (let i = 0; i < 1_000; i++) packer.addValues([Buffer.from(`row ${i}`)]);
    expect(packer.take().length).toBe(1_000);
    expect(rowDigests(first)).toEqual(before);
  });

  it("given back are over, and the next rows take their place", () => {
    const packer = new RowPacker();
    packer.addValues([Buffer.from("first")]);
    const first = packer.take();
    packer.giveBack(first);
    packer.addValues([Buffer.from("second")]);
    const second = packer.take();
    packer.addValues([Buffer.from("third")]);
    const third = packer.take();
    expect(first.length).toBe(0);
    expect(third.bytes).toBe(first.bytes);
    expect([valuesOf(second), valuesOf(third)]).toEqual([[[Buffer.from("second")]], [[Buffer.from("third")]]]);
  });
});
