import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { keyDigest } from "../../../base/key-digest.ts";
import { type RawRow, type RawValue, RowDigest } from "../../../connectors/digest.ts";

const digest = new RowDigest();
const row = (values: RawValue[], children: RawValue[][][] = []): RawRow => ({ values, children });

describe("row digests", () => {
  it("tell apart what merely looks alike", () => {
    const rows = [
      row(["1"]),
      row([1n]),
      row([1]),
      row([null]),
      row([""]),
      row([]),
      row([new Uint8Array([49])]),
      row(["a", "b"]),
      row(["ab", ""]),
      row(["", "ab"]),
      row(["a"], [[]]),
      row(["a"], [[], []]),
      row(["a"], [[["b"]]]),
      row(["a"], [[["b"], []]]),
      row(["a"], [[[]], [["b"]]]),
      row(["a", "b"], [[]]),
      row(["ü"]),
      row(["u\u0308"]),
    ];
    expect(new Set(rows.map((each) => digest.of(each))).size).toBe(rows.length);
  });

  it("are the same for the same row, whatever was digested before", () => {
    const values = fc.array(
      fc.oneof(
        fc.string({ unit: "binary" }),
        fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
        fc.double(),
        fc.constant(null),
      ),
    );
    fc.assert(
      fc.property(values, values, (a, b) => {
        const first = digest.of(row(a));
        digest.of(row(b, [[b]]));
        expect(digest.of(row([...a]))).toBe(first);
        expect(new RowDigest().of(row(a))).toBe(first);
      }),
    );
  });

  it("cover values far larger than the buffer", () => {
    const long = "ä".repeat(100_000);
    expect(digest.of(row([long]))).not.toBe(digest.of(row([`${long}.`])));
  });

  it("never change: stored digests outlive the program", () => {
    expect(digest.of(row(["Musterstadt", 4711n, 12.5, null, new Uint8Array([1, 2])], [[["line", null]]]))).toBe(
      4512897151208164108n,
    );
  });
});

describe("key digests", () => {
  it("tell keys apart, and none of them is that of a row without a key", () => {
    const keys = ["", "0", "00", "001.4711", "0014711", "001.471", "%C3%84", "%C3%A4"];
    expect(new Set([0n, ...keys.map(keyDigest)]).size).toBe(keys.length + 1);
  });

  it("never change: stored digests outlive the program", () => {
    expect(keyDigest("001.0004711")).toBe(8557532198396410215n);
  });
});
