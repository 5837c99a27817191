import fc from "fast-check";
import { expect, test } from "vitest";
import { buildChanges, type ChangeItem, countItems, expandChanges } from "../../../protocol/changes.ts";
import { decodeFrame, encodeFrame } from "../../../protocol/frames.ts";
import { agentMessage, type Changes, changes } from "../../../protocol/messages.ts";

const id = fc.stringMatching(/^[A-Za-z0-9_.%:-]{1,20}$/);
const command = fc.stringMatching(/^[A-Za-z0-9_-]{8,12}$/);
const field = fc.constantFrom("name", "number", "floor", "rooms", "address", "constructor", "toString");
const json = fc.jsonValue({ maxDepth: 2 }) as fc.Arbitrary<never>;
const common = { type: fc.constantFrom("unit", "ticket"), id, time: fc.integer({ min: 0, max: 2 ** 45 }) };
const notes = { cause: command, replaces: id };
const upsert = fc.record(
  {
    ...common,
    op: fc.constant("upsert" as const),
    fields: fc.dictionary(field, json, { noNullPrototype: true }),
    ...notes,
    withheld: fc.uniqueArray(field, { minLength: 1 }),
  },
  { requiredKeys: ["type", "id", "time", "op", "fields"] },
);
const remove = fc.record(
  { ...common, op: fc.constant("delete" as const), reason: fc.constantFrom("gone" as const, "merged" as const), ...notes },
  { requiredKeys: ["type", "id", "time", "op", "reason"] },
);
const items = fc.array(fc.oneof(upsert, remove) as fc.Arbitrary<ChangeItem>, { minLength: 1, maxLength: 40 });

/** -0 is 0 in JSON. */
const throughJson = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

test("Whatever items go in, the same items come out of the frame in the same order with consecutive numbers", () => {
  fc.assert(
    fc.property(items, fc.integer({ min: 1, max: 2 ** 40 }), (given, from) => {
      const frame = decodeFrame(encodeFrame(buildChanges(from, given)), { maxBytes: 8_000_000, schema: changes });
      expect(countItems(frame)).toBe(given.length);
      expect([...expandChanges(frame)]).toEqual(
        given.map((item, index) => ({ ...(throughJson(item) as object), seq: from + index })),
      );
    }),
  );
});

test("Items of one type, operation and set of fields share one table, whatever the order of their fields", () => {
  const unit = { type: "unit", time: 1, op: "upsert" } as const;
  const frame = buildChanges(5, [
    { ...unit, id: "a", fields: { name: "A", objectType: "flat" } },
    { ...unit, id: "b", fields: { objectType: "office", name: "B" } },
    { ...unit, id: "c", fields: { name: "C", objectType: "flat", floor: undefined as never } },
    { ...unit, id: "d", fields: { name: "D" } },
    { type: "unit", time: 1, op: "delete", id: "e", reason: "gone" },
  ]);
  expect(frame.tables.map((table) => [table.op, table.fields, table.rows.length])).toEqual([
    ["upsert", ["name", "objectType"], 3],
    ["upsert", ["name"], 1],
    ["delete", ["reason"], 1],
  ]);
  expect(frame.tables[0]?.rows[1]).toEqual(["b", 1, "B", "office"]);
});

const table = { type: "unit", op: "upsert", fields: ["name"], rows: [["a", 1, "A"]] };
const faulty: [string, string, object][] = [
  ["a row with a value too few", "tables.0.rows.0", { rows: [["a", 1]] }],
  ["a row with a value too many", "tables.0.rows.0", { rows: [["a", 1, "A", 2]] }],
  ["an id that is no text", "tables.0.rows.0.0", { rows: [[7, 1, "A"]] }],
  ["a time that is no whole number", "tables.0.rows.0.1", { rows: [["a", 1.5, "A"]] }],
  ["a field named twice", "tables.0.fields", { fields: ["name", "name"], rows: [["a", 1, "A", "B"]] }],
  ["a field that would set the prototype", "tables.0.fields", { fields: ["__proto__"] }],
  ["a delete with fields", "tables.0.fields", { op: "delete" }],
  ["a note for a row that is not there", "tables.0.cause.1", { cause: { 1: "commandid" } }],
  ["no rows", "tables.0.rows", { rows: [] }],
];
test.each(faulty)("A table with %s is refused with its place", (_, path, change) => {
  const frame = { type: "changes", from: 1, tables: [{ ...table, ...change }] } as unknown as Changes;
  expect(() => decodeFrame(encodeFrame(frame), { maxBytes: 10_000, schema: agentMessage })).toThrow(
    expect.objectContaining({ code: "schema", path }),
  );
});
