/** Values for property tests, made from a zod schema: mostly of its form, with a strange one now and then. */
import fc from "fast-check";
import * as z from "zod";

const texts = fc.oneof(
  fc.constantFrom(
    "",
    "x",
    "DE",
    "EUR",
    "de",
    "001.0004",
    "a b",
    "12.50",
    "-0.5",
    "1e3",
    "12.",
    "2024-02-29",
    "2023-02-29",
    "1900-02-29",
    "2000-02-29",
    "2026-04-31",
    "2026-12-31",
    "9999-12-31",
    "2026-1-01",
    "2026-00-10",
    "2026-13-01",
    "2026-01-00",
    "2026-01-0x",
    "2026-03-29T02:30:00Z",
    "2026-03-29T24:00:00Z",
    "2026-03-29T23:60:00Z",
    "2026-03-29T23:59:60Z",
    "2026-03-29T23:59:59.123456Z",
    "2026-03-29T23:59:59.Z",
    "2026-03-29T23:59:59.1x3Z",
    "2026-03-29T23:59Z",
    "2026-03-29T23:59:59",
    "2026-03-29 23:59:59Z",
    "2026-03-29T23:59:59+01:00",
    "a@b.de",
    "no address",
    "a".repeat(40),
    "a".repeat(41),
    "a".repeat(200),
    "a".repeat(201),
    "a".repeat(300),
    "a".repeat(301),
    "0".repeat(64),
  ),
  fc.string({ unit: "binary", maxLength: 25 }),
  fc.stringMatching(/^-?\d{0,25}(\.\d{0,13})?$/),
  fc.stringMatching(/^\d{3}[1-9]-[01]\d-[0-3]\d$/),
  fc.stringMatching(/^2\d{3}-0[1-9]-[0-2]\dT[0-2]\d:[0-6]\d:[0-6]\d(\.\d{0,4})?Z$/),
);
const anything = fc.oneof(texts, fc.double(), fc.integer(), fc.boolean(), fc.constant(null), fc.jsonValue({ maxDepth: 2 }));

export function near(schema: z.ZodType): fc.Arbitrary<unknown> {
  const mostly = (of: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> =>
    fc.oneof({ weight: 60, arbitrary: of }, { weight: 1, arbitrary: anything });
  if (schema instanceof z.ZodNullable || schema instanceof z.ZodOptional) {
    const none = schema instanceof z.ZodNullable ? null : undefined;
    return fc.oneof({ weight: 3, arbitrary: near(schema.unwrap() as z.ZodType) }, { weight: 1, arbitrary: fc.constant(none) });
  }
  if (schema instanceof z.ZodEnum) return mostly(fc.constantFrom(...schema.options));
  if (schema instanceof z.ZodBoolean) return mostly(fc.boolean());
  if (schema instanceof z.ZodNumber) return mostly(fc.oneof(fc.integer({ min: -200, max: 200 }), fc.double()));
  if (schema instanceof z.ZodArray) return mostly(fc.array(near(schema.element as z.ZodType), { maxLength: 3 }));
  if (schema instanceof z.ZodRecord) return mostly(fc.dictionary(texts, near(schema.valueType as z.ZodType), { maxKeys: 2 }));
  if (schema instanceof z.ZodUnion) return fc.oneof(...schema.options.map((option) => near(option as z.ZodType)));
  if (schema instanceof z.ZodObject) {
    const parts = Object.entries(schema.shape).map(([name, field]) => [name, near(field as z.ZodType)] as const);
    const whole = fc.record(Object.fromEntries(parts)).map(withoutUndefined);
    const odd = fc.tuple(whole, fc.constantFrom("constructor", "x", "__proto__"), anything).map(([value, key, extra]) => ({
      ...(value as object),
      [key]: extra,
    }));
    return mostly(fc.oneof({ weight: 60, arbitrary: whole }, { weight: 1, arbitrary: odd }));
  }
  const good = goodText(schema);
  return good === undefined ? texts : fc.oneof({ weight: 8, arbitrary: good }, { weight: 1, arbitrary: texts });
}

const withoutUndefined = (value: object): object =>
  Object.fromEntries(Object.entries(value).filter(([, inner]) => inner !== undefined));

/** A few texts that the schema takes, so that most entities are good but for what was made strange. */
function goodText(schema: z.ZodType): fc.Arbitrary<string> | undefined {
  const samples = ["x", "de", "DE", "EUR", "001.0004", "12.50", "2024-02-29", "2026-03-29T02:30:00.5Z", "a@b.de", "0".repeat(64)];
  const taken = samples.filter((sample) => schema.safeParse(sample).success);
  return taken.length === 0 ? undefined : fc.constantFrom(...taken);
}
