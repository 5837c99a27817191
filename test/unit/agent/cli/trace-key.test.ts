import fc from "fast-check";
import { expect, it } from "vitest";
import { keyFor } from "../../../../agent/cli/trace-key.ts";
import { decodeKey, encodeKey, entityIdOf, splitId } from "../../../../base/key.ts";

const units = { prefix: undefined, key: ["MANDANT", "OBJNR"] };
const vendors = { prefix: "k", key: ["NR"] };

it("a record is named by its id, its key, or the parts of its key with commas between", () => {
  expect(keyFor(units, "001.000010")).toBe("001.000010");
  expect(keyFor(units, "001, 000010")).toBe("001.000010");
  expect(keyFor(units, "001,Haus 1")).toBe("001.Haus%201");
  expect(keyFor(vendors, "k:4711")).toBe("4711");
  expect(keyFor(vendors, "4711")).toBe("4711");
});

it("what has another number of parts, or another source's prefix, is no key of the source", () => {
  expect(keyFor(units, "001")).toBeUndefined();
  expect(keyFor(units, "001,1,2")).toBeUndefined();
  expect(keyFor(vendors, "x:4711")).toBeUndefined();
  expect(keyFor(units, "k:001.000010")).toBeUndefined();
  expect(keyFor(units, "100%.2")).toBeUndefined();
});

it("every id that the agent makes leads back to its key", () => {
  const part = fc.string({ unit: "grapheme", minLength: 1, maxLength: 12 });
  fc.assert(
    fc.property(part, fc.constantFrom(undefined, "k"), fc.integer({ min: 1, max: 99 }), (text, prefix, generation) => {
      const key = encodeKey([text]);
      const id = entityIdOf(prefix, key, generation);
      expect(keyFor({ prefix, key: ["NR"] }, id)).toBe(key);
      expect(splitId(id)).toEqual({ prefix, key, generation });
    }),
  );
});

it("what only looks like an id with a generation leads to no key", () => {
  for (const id of ["1::1", "1::0", "1::x", "1::2::3", "1::", "::2x"])
    expect([id, decodeKey(splitId(id).key)]).toEqual([id, undefined]);
});
