import fc from "fast-check";
import { expect, test } from "vitest";
import { isPlainChanges } from "../../../protocol/changes-fit.ts";
import { changes } from "../../../protocol/messages.ts";

const oneOf = <T>(...values: readonly T[]) => fc.constantFrom(...values);
/** Mostly right, so that what is wrong is wrong in one place. */
const mostly = (right: fc.Arbitrary<unknown>, ...wrong: readonly unknown[]) =>
  fc.oneof({ weight: 12, arbitrary: right }, { weight: 1, arbitrary: oneOf<unknown>(...wrong) });
const names = mostly(
  oneOf(["name"], [], ["name", "number"], ["reason"]),
  ["name", "name"],
  ["__proto__"],
  [""],
  [7],
  "name",
  null,
);
const rowOf = (width: number) =>
  mostly(
    fc.tuple(fc.string(), fc.maxSafeInteger()).map(([id, time]) => [id, time, ...Array.from({ length: width }, () => "value")]),
    [1, 2, 3],
    ["id", 1.5, 3],
    ["id", "1", 3],
    ["id"],
    {},
    null,
  );
const seldom = (value: unknown) => mostly(fc.constant(undefined), value);
const widthOf = (fields: unknown): number => (Array.isArray(fields) ? fields.length : 1);
const table = names.chain((fields) =>
  fc.record({
    type: mostly(oneOf("unit", "x-other"), "", "x".repeat(101), 5),
    op: mostly(oneOf("upsert", "delete"), "update", undefined),
    fields: fc.constant(fields),
    rows: mostly(fc.array(rowOf(widthOf(fields)), { minLength: 1, maxLength: 3 }), {}, null, []),
    cause: seldom({ 0: "command1" }),
  }),
);
const message = fc.record({
  type: mostly(oneOf("changes"), "ack"),
  from: mostly(oneOf(0, 1, 500), -1, 1.5, "1", Number.MAX_VALUE),
  tables: mostly(fc.array(table, { minLength: 1, maxLength: 3 }), null, {}, []),
  more: seldom(1),
});
/** As it comes out of a frame: without what is undefined. */
const parsed = message.map((value): unknown => JSON.parse(JSON.stringify(value)));

test("What the quick look takes for `changes` the schema takes as it is", () => {
  let taken = 0;
  fc.assert(
    fc.property(parsed, (value) => {
      if (!isPlainChanges(value)) return;
      taken += 1;
      expect(changes.parse(value)).toEqual(value);
    }),
    { numRuns: 3_000 },
  );
  expect(taken).toBeGreaterThan(100);
});

test("The quick look leaves nothing that is plain to the schema", () => {
  fc.assert(
    fc.property(parsed, (value) => {
      const { success } = changes.safeParse(value);
      const hasNotes = JSON.stringify(value).includes('"cause"');
      expect(isPlainChanges(value) || hasNotes).toBe(success || hasNotes);
    }),
    { numRuns: 3_000 },
  );
});

test("A name that leads into the prototype is no plain field or key", () => {
  const text = (fields: string, more = ""): string =>
    `{"type":"changes","from":1,"tables":[{"type":"unit","op":"upsert","fields":${fields},"rows":[["U.1",1,"x"]]${more}}]}`;
  expect(isPlainChanges(JSON.parse(text('["name"]')))).toBe(true);
  expect(isPlainChanges(JSON.parse(text('["__proto__"]')))).toBe(false);
  expect(isPlainChanges(JSON.parse(text('["name"]', ',"__proto__":{}')))).toBe(false);
});
