import fc from "fast-check";
import { expect, test } from "vitest";
import { canonicalJson } from "../../../protocol/canonical-json.ts";
import { addShare, createDigester, digestHex } from "../../../protocol/digest.ts";
import { entityText } from "../../../protocol/entity-text.ts";

const digester = await createDigester();

test("The digest is XXH64 with seed 0, as the published vectors have it", async () => {
  // Vectors of the reference implementation: XXH64("") and XXH64("a"), here reached through the hash of a whole entity's text.
  const { default: createXxhash } = await import("xxhash-wasm");
  const { h64 } = await createXxhash();
  expect(digestHex(h64(""))).toBe("ef46db3751d8e999");
  expect(digestHex(h64("a"))).toBe("d24ec4f1a98c6e5b");
  expect(digester.entity({})).toBe(h64("", h64("[]")));
  expect(digester.entity({ name: "Köln", floor: null })).toBe(h64('null,"Köln"', h64('["floor","name"]')));
  expect(digester.share("E.1", 0x1n)).toBe(h64("E.1:0000000000000001"));
});

test("The order in which fields were set does not change the digest, at any depth", () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue(), { noNullPrototype: true }), (fields) => {
      const reversed = (value: unknown): unknown =>
        Array.isArray(value)
          ? value.map(reversed)
          : typeof value === "object" && value !== null
            ? Object.fromEntries(
                Object.entries(value)
                  .reverse()
                  .map(([key, inner]) => [key, reversed(inner)]),
              )
            : value;
      expect(digester.entity(reversed(fields) as never)).toBe(digester.entity(fields as never));
    }),
  );
});

test("Canonical JSON is JSON of the same value", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      expect(JSON.parse(canonicalJson(value as never))).toEqual(JSON.parse(JSON.stringify(value)));
    }),
  );
});

test("Every text is written as JSON.stringify writes it", () => {
  const wrong: string[] = [];
  for (let unit = 0; unit <= 0xffff; unit++) {
    const text = `a${String.fromCharCode(unit)}`;
    if (canonicalJson(text) !== JSON.stringify(text)) wrong.push(unit.toString(16));
  }
  expect(wrong).toEqual([]);
  for (const text of ["", "x".repeat(199), "x".repeat(200), "\ud83d\ude00", "\ude00\ud83d", "Grüße\u2028"]) {
    expect(canonicalJson(text)).toBe(JSON.stringify(text));
    expect(canonicalJson({ [text]: 1 })).toBe(JSON.stringify({ [text]: 1 }));
  }
});

test("Keys are sorted by UTF-16 code unit and numbers written as in RFC 8785", () => {
  expect(canonicalJson({ "\u20ac": 1, "\r": 2, "\ufb33": 3, "1": 4, "\ud83d\ude00": 5, "\u0080": 6, "\u00f6": 7 })).toBe(
    '{"\\r":2,"1":4,"\u0080":6,"\u00f6":7,"\u20ac":1,"\ud83d\ude00":5,"\ufb33":3}',
  );
  expect(canonicalJson([333333333.3333333, 1e30, 4.5, 2e-3, 0.000000000000000000000000001, -0])).toBe(
    "[333333333.3333333,1e+30,4.5,0.002,1e-27,0]",
  );
});

test("An absent field and a field known to be empty have different digests, an undefined one counts as absent", () => {
  expect(digester.entity({ name: "a", floor: null })).not.toBe(digester.entity({ name: "a" }));
  expect(digester.entity({ name: "a", floor: undefined as never })).toBe(digester.entity({ name: "a" }));
});

test("The digest of a range does not depend on the order of its entities and wraps at 64 bits", () => {
  fc.assert(
    fc.property(fc.array(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })), (shares) => {
      const total = shares.reduce(addShare, 0n);
      expect(shares.toReversed().reduce(addShare, 0n)).toBe(total);
      expect(digestHex(total)).toMatch(/^[0-9a-f]{16}$/);
    }),
  );
  expect(addShare(2n ** 64n - 1n, 2n)).toBe(1n);
});

test("The digest of an entity's text is that of the same text as bytes, whichever names came before", () => {
  const name = fc.constantFrom("name", "floor", "rooms");
  fc.assert(
    fc.property(
      fc.dictionary(
        name,
        fc.string({ unit: "binary" }).map((text) => text.toWellFormed()),
      ),
      (fields) => {
        const text = entityText(fields);
        const around = Buffer.from(`before${text.values}behind`);
        const values = around.subarray(6, around.length - 6);
        expect(digester.written(text.names, values)).toBe(digester.text(text));
      },
    ),
  );
});
