import { describe, expect, it } from "vitest";
import { parseMessage, valuesAt } from "../../../../connectors/postgres/pgoutput.ts";

const int16 = (value: number): Buffer => Buffer.from([value >> 8, value & 255]);
function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}
function int64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(value);
  return bytes;
}
const text = (value: string): Buffer => Buffer.from(`${value}\0`);
const tuple = (...values: (string | null | undefined)[]): Buffer =>
  Buffer.concat([
    int16(values.length),
    ...values.map((value) => {
      if (value === null) return Buffer.from("n");
      if (value === undefined) return Buffer.from("u");
      const bytes = Buffer.from(value);
      return Buffer.concat([Buffer.from("t"), int32(bytes.length), bytes]);
    }),
  ]);
const message = (...parts: (string | Buffer)[]): Buffer =>
  Buffer.concat(parts.map((part) => (typeof part === "string" ? Buffer.from(part) : part)));

describe("messages of pgoutput", () => {
  it("transactions have their number and the position behind their commit", () => {
    expect(parseMessage(message("B", int64(5n), int64(6n), int32(-2)))).toEqual({ kind: "begin", xid: 4_294_967_294 });
    const commit = message("C", Buffer.from([0]), int64(0x1_0000_0001n), int64(0x1_0000_0031n), int64(9n));
    expect(parseMessage(commit)).toEqual({ kind: "commit", end: 0x1_0000_0031n });
  });

  it("a relation tells its columns, and which of them old rows bring along", () => {
    const column = (flag: number, name: string, type: number) =>
      Buffer.concat([Buffer.from([flag]), text(name), int32(type), int32(-1)]);
    const bytes = message(
      "R",
      int32(77),
      text("public"),
      text("Müll"),
      "d",
      int16(2),
      column(1, "id", 23),
      column(0, "wörter", 25),
    );
    expect(parseMessage(bytes)).toEqual({
      kind: "relation",
      relation: {
        oid: 77,
        columns: [
          { name: "id", identity: true, type: 23, modifier: -1 },
          { name: "wörter", identity: false, type: 25, modifier: -1 },
        ],
      },
    });
  });

  it("rows are found before and after their change, and columns in the order that is asked for", () => {
    const read = (bytes: Buffer, columns: readonly number[]) => {
      const parsed = parseMessage(bytes);
      if (parsed.kind !== "row") throw new Error("no row");
      const at = (start: number | undefined) => (start === undefined ? undefined : valuesAt(parsed.row.bytes, start, columns));
      return { relation: parsed.row.relation, inserted: parsed.row.inserted, old: at(parsed.row.old), now: at(parsed.row.now) };
    };
    expect(read(message("I", int32(7), "N", tuple("1", null, "ü")), [2, 0, 1])).toEqual({
      relation: 7,
      inserted: true,
      old: undefined,
      now: ["ü", "1", null],
    });
    expect(read(message("U", int32(7), "N", tuple("1", undefined)), [0, 1])).toMatchObject({
      old: undefined,
      now: ["1", undefined],
    });
    expect(read(message("U", int32(7), "K", tuple("1", null), "N", tuple("2", "x")), [0])).toMatchObject({
      old: ["1"],
      now: ["2"],
    });
    expect(read(message("U", int32(7), "O", tuple("1", "long"), "N", tuple("1", "")), [1])).toMatchObject({
      old: ["long"],
      now: [""],
    });
    expect(read(message("D", int32(7), "K", tuple("1", null)), [0])).toEqual({
      relation: 7,
      inserted: false,
      old: ["1"],
      now: undefined,
    });
  });

  it("a TRUNCATE names every table, and what is not known is passed over", () => {
    expect(parseMessage(message("T", int32(2), Buffer.from([1]), int32(7), int32(9)))).toEqual({
      kind: "truncate",
      relations: [7, 9],
    });
    for (const tag of ["O", "Y", "M", "x"]) expect(parseMessage(message(tag, int64(1n)))).toEqual({ kind: "other" });
  });
});
