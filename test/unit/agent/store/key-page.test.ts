import fc from "fast-check";
import { expect, test } from "vitest";
import { slotsPerPage } from "../../../../agent/store/entities/digest-page.ts";
import { KeyScratch } from "../../../../agent/store/entities/key-bytes.ts";
import { KeyPage } from "../../../../agent/store/entities/key-page.ts";

const slot = fc.oneof(fc.integer({ min: 0, max: 12 }), fc.integer({ min: 0, max: slotsPerPage - 1 }));
const key = fc.oneof(
  fc.stringMatching(/^[A-Za-z0-9_.%-]{0,20}$/),
  fc.string({ unit: "binary", maxLength: 5 }).map((text) => text.toWellFormed()),
);

const scratch = new KeyScratch();

test("A page of keys gives back each key as it was set last, before and after it was written down", () => {
  fc.assert(
    fc.property(fc.array(fc.record({ slot, key, stored: fc.boolean() }), { maxLength: 60 }), (changes) => {
      let page = new KeyPage();
      const expected = Array.from({ length: slotsPerPage }, () => "");
      for (const change of changes) {
        page.set(change.slot, scratch.of(change.key));
        expected[change.slot] = change.key;
        if (change.stored) page = new KeyPage(page.toBytes());
        expect(expected.map((_, at) => page.at(at))).toEqual(expected);
        const { view, start, end } = page.bytesAt(change.slot);
        expect(Buffer.from(view.buffer, view.byteOffset + start, end - start).toString()).toBe(change.key);
      }
    }),
    { numRuns: 60 },
  );
});
