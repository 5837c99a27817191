import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { SentValue } from "../../../../connectors/mysql/packed-rows.ts";
import type { Field } from "../../../../connectors/mysql/values.ts";
import { batchOfSent, fieldOf } from "../../../support/packed-batch.ts";
import { wrongInWritten } from "../../../support/written-rows.ts";

const text = fieldOf("text");
const long = fieldOf("integer");
const ascii = (each: unknown): Buffer => Buffer.from(String(each));

const kinds: readonly { field: Field; sent: fc.Arbitrary<Buffer> }[] = [
  { field: text, sent: fc.string({ unit: "binary", maxLength: 20 }).map(ascii) },
  { field: text, sent: fc.uint8Array({ maxLength: 12 }).map((each) => Buffer.from(each)) },
  // Around each boundary of the form in which the protocol writes a length.
  { field: text, sent: fc.constantFrom(0, 1, 249, 250, 251, 252, 65_535, 65_536).map((length) => Buffer.alloc(length, "x")) },
  { field: long, sent: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }).map(ascii) },
  { field: long, sent: fc.constantFrom("0", "00042", "-7", "007").map(ascii) },
  { field: fieldOf("decimal"), sent: fc.constantFrom("0.00", "-12.50", "007.10").map(ascii) },
  { field: fieldOf("date"), sent: fc.constantFrom("2026-01-31", "0000-00-00").map(ascii) },
  { field: fieldOf("datetime"), sent: fc.constantFrom("2026-01-31 10:00:00", "2026-01-31 10:00:00.50").map(ascii) },
  { field: fieldOf("time"), sent: fc.constantFrom("-838:59:59", "10:00:00.10").map(ascii) },
  { field: fieldOf("float"), sent: fc.constantFrom("0.1", "1e-7", "-0").map(ascii) },
  { field: fieldOf("boolean", { columnLength: 8 }), sent: fc.constantFrom(Buffer.from([0]), Buffer.from([0x31])) },
  { field: fieldOf("bytes"), sent: fc.uint8Array({ maxLength: 9 }).map((each) => Buffer.from(each)) },
];

const flags = fc.array(fc.constantFrom(ascii("1"), ascii("0"), null), { minLength: 2, maxLength: 2 });

/** Some columns, their rows, and which of them are the key. */
const tables = fc.array(fc.constantFrom(...kinds), { minLength: 1, maxLength: 6 }).chain((columns) =>
  fc.record({
    fields: fc.constant(columns.map((kind) => kind.field)),
    key: fc.shuffledSubarray([...columns.keys()], { minLength: 1 }),
    rows: fc.array(
      fc
        .tuple(fc.tuple(...columns.map(({ sent }) => fc.option(sent, { freq: 8 }))), flags)
        .map((parts): SentValue[] => parts.flat()),
      { maxLength: 6 },
    ),
  }),
);

describe("rows as they are sent", () => {
  it("are spelled out of their bytes as they are decoded, their flags and keys as well", () => {
    fc.assert(
      fc.property(tables, (table) => {
        const batch = batchOfSent(table.rows, { ...table, flags: 2 });
        for (let index = 0; index < batch.length; index++) expect(wrongInWritten(batch, index)).toBeUndefined();
      }),
      { numRuns: 300 },
    );
  });

  it("say where each value lies, and write their key wherever one may look", () => {
    const batch = batchOfSent([[ascii("ä"), ascii("42"), ascii("a.b"), null, ascii("1")]], {
      fields: [text, long, text],
      key: [2, 1],
      flags: 2,
    });
    const { written } = batch;
    if (written === undefined) throw new Error("There are no bytes");
    written.open(0);
    expect(written.forms).toEqual(["text", "integer", "text"]);
    expect([0, 1, 2].map((column) => written.bytes.toString("utf8", written.starts[column], written.ends[column]))).toEqual([
      "ä",
      "42",
      "a.b",
    ]);
    expect([written.flag(0), written.flag(1)]).toEqual([false, true]);
    const into = Buffer.alloc(12, "#");
    expect(written.writeKey(into, 2)).toBe(10);
    expect(into.toString()).toBe("##a%2Eb.42##");
  });

  it("write no key that is null, or takes more than its bytes", () => {
    const keys = [[ascii("ä")], [null], [Buffer.from([0xff])]];
    const { written } = batchOfSent(keys, { fields: [text], key: [0] });
    for (const index of keys.keys()) {
      written?.open(index);
      expect(written?.writeKey(Buffer.alloc(20), 0)).toBe(-1);
    }
  });

  it("are not opened where the batch has none, or its time is over", () => {
    const { written } = batchOfSent([], { fields: [text], key: [0] });
    expect(() => written?.open(0)).toThrow(RangeError);
  });
});
