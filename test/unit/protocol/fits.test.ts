import fc from "fast-check";
import { expect, test } from "vitest";
import * as z from "zod";
import { fitsOf } from "../../../protocol/fits.ts";
import { model, typeNames } from "../../../protocol/model.ts";
import { near } from "../../support/near-schema.ts";

test.each(typeNames)("The quick check of %s says what its schema says", (type) => {
  const { schema } = model[type];
  const fits = fitsOf(schema);
  const counts = { good: 0, faulty: 0 };
  fc.assert(
    fc.property(near(schema), (value) => {
      const good = schema.safeParse(value).success;
      counts[good ? "good" : "faulty"] += 1;
      expect(fits(value)).toBe(good);
    }),
    { numRuns: 400 },
  );
  // The law would be empty if one of the two never came.
  expect(counts.good).toBeGreaterThan(20);
  expect(counts.faulty).toBeGreaterThan(20);
});

test("A schema of a kind that has no quick check is asked itself", () => {
  const even = z.number().refine((value) => value % 2 === 0);
  expect([2, 3].map(fitsOf(z.strictObject({ even })))).toEqual([false, false]);
  expect([{ even: 2 }, { even: 3 }].map(fitsOf(z.strictObject({ even })))).toEqual([true, false]);
  expect([{ a: 1, b: 2 }, { a: "1" }].map(fitsOf(z.looseObject({ a: z.number() })))).toEqual([true, false]);
  expect(["abc", "abd"].map(fitsOf(z.string().regex(/^a/).regex(/c$/)))).toEqual([true, false]);
  expect(["aa", "ba"].map(fitsOf(z.string().regex(/a/g)))).toEqual([true, true]);
});
