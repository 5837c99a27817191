import fc from "fast-check";
import { expect, test } from "vitest";
import { ownTypesOf } from "../../../portal/own-types.ts";
import { sharedLooks } from "../../../portal/table-plan.ts";
import { buildChanges } from "../../../protocol/changes.ts";
import { parseRow, place } from "../../../protocol/changes-bytes.ts";
import { fitsOf } from "../../../protocol/fits.ts";
import { hello } from "../../../protocol/messages.ts";
import type { Fields, Json, ModelType } from "../../../protocol/model.ts";
import { type OwnType, ownTypeFaults, ownTypeSchema, typesWith } from "../../../protocol/own-types.ts";
import { parentPaths } from "../../../protocol/references.ts";
import { validateEntity, validateItem } from "../../../protocol/validate.ts";
import { near } from "../../support/near-schema.ts";

const everything: OwnType = {
  title: "All that can be said",
  type: "object",
  required: ["name", "state"],
  properties: {
    name: { type: "string", maxLength: 20 },
    state: { type: "string", enum: ["out", "back"] },
    holderId: { type: "string", "x-references": ["person", "serviceProvider"] },
    handedOut: { type: "string", format: "date" },
    seenAt: { type: "string", format: "date-time" },
    weight: { type: "string", format: "decimal" },
    mail: { type: "string", format: "email" },
    deposit: { type: "object", format: "money" },
    doors: { type: "integer", minimum: 1, maximum: 5 },
    ratio: { type: "number", minimum: -1, maximum: 1 },
    active: { type: "boolean" },
    size: { type: "object", required: ["width"], properties: { width: { type: "integer" }, unit: { type: "string" } } },
    tags: { type: "array", items: { type: "string", maxLength: 5 }, maxItems: 3 },
    uses: {
      type: "array",
      items: {
        type: "object",
        properties: { unitId: { type: "string", "x-references": ["unit"] }, from: { type: "string", format: "date" } },
      },
    },
  },
};
const refersTo = (...targets: string[]): OwnType => ({
  title: "t",
  type: "object",
  properties: Object.fromEntries(targets.map((target, index) => [`a${index}`, { type: "string", "x-references": [target] }])),
});
const types = typesWith({ "x-all": everything });
const { schema, rank } = types["x-all"] as ModelType;

test("A type of one's own comes behind all that it refers to, and types in a circle stand side by side", () => {
  expect(rank).toBe(4);
  const own = {
    "x-last": refersTo("x-middle", "property"),
    "x-middle": refersTo("ticket"),
    "x-alone": refersTo(),
    "x-egg": refersTo("x-hen"),
    "x-hen": refersTo("x-egg", "person"),
  };
  const ranks = Object.fromEntries(Object.keys(own).map((name) => [name, typesWith(own)[name]?.rank]));
  expect(ranks).toEqual({ "x-last": 7, "x-middle": 6, "x-alone": 3, "x-egg": 4, "x-hen": 4 });
  expect(parentPaths("x-egg", typesWith(own))).toEqual([{ path: ["a0"], types: ["x-hen"] }]);
});

test("The quick checks and those of bytes say yes to fields of such a type only where its schema does", () => {
  const { plans, scan } = sharedLooks()(new Set(["x-all"]), types);
  const fits = fitsOf(schema);
  const seen = { yes: 0, no: 0, certain: 0 };
  fc.assert(
    fc.property(near(schema).filter(isFields), (made) => {
      // As it comes from a frame: no number in JSON is infinite.
      const fields = JSON.parse(JSON.stringify(made)) as Fields;
      const isRight = schema.safeParse(fields).success;
      seen[isRight ? "yes" : "no"] += 1;
      if (fits(fields)) expect(isRight).toBe(true);
      expect(validateEntity("x-all", fields, types).length === 0).toBe(isRight);
      const frame = buildChanges(1, [{ type: "x-all", op: "upsert", id: "A.1", time: 1, fields }]);
      const [table] = frame.tables;
      const row = table?.rows[0] as readonly Json[];
      const plan = plans.of("x-all", table?.fields ?? []);
      if (plan?.fits(row)) expect(isRight).toBe(true);
      const json = Buffer.from(JSON.stringify(frame));
      const scanned = scan(json)?.tables[0];
      if (scanned === undefined || (scanned.places[place.idEnd] as number) < 0) return;
      seen.certain += 1;
      expect(parseRow(json, scanned, 0)).toEqual(row);
      expect(isRight).toBe(true);
    }),
    { numRuns: 1_000 },
  );
  // The law would be empty if one of them hardly came.
  expect(Math.min(...Object.values(seen))).toBeGreaterThan(4);
});

test("What one agent calls by a name is nothing to another, and to nobody a type of the model", () => {
  const item = { type: "x-all", op: "upsert" as const, id: "A.1", time: 1, fields: { name: "a", state: "out" } };
  expect(validateItem(item, types)).toEqual([]);
  expect(validateItem(item).map(({ path }) => path)).toEqual(["type"]);
  expect(validateItem(item, typesWith({ "x-all": refersTo("person") })).length).toBeGreaterThan(0);
  expect(typesWith({ "x-all": structuredClone(everything) })).toBe(types);
});

const isFields = (made: unknown): boolean => typeof made === "object" && made !== null && !Array.isArray(made);
const offer = (type: string, declared: unknown) => ({ type, fields: [], schema: declared });
const inner = (properties: object): object => ({ title: "t", type: "object", properties });
test.each([
  ["x-a", inner({ a: { type: "string", pattern: "(a+)+$" } }), "malformed"],
  ["x-a", inner({ a: { type: "string", maxLength: 20_001 } }), "malformed"],
  ["x-a", inner({ a: { type: "array", items: { type: "array", items: { type: "string" } } } }), "malformed"],
  ["x-a", inner({ a: inner({ b: inner({ c: { type: "string" } }) }) }), "malformed"],
  ["x-a", inner({ "a-b": { type: "string" } }), "malformed"],
  ["x-a", inner(JSON.parse('{ "__proto__": { "type": "string" } }')), "malformed"],
  ["x-a", inner(Object.fromEntries(Array.from({ length: 61 }, (_, at) => [`a${at}`, { type: "boolean" }]))), "malformed"],
  ["x-a", { ...inner({}), required: ["b"] }, "names `b`"],
  ["x-a", inner({ a: { type: "string", "x-references": ["x-nothing"] } }), "`x-nothing`, which is no type"],
  ["x-a", inner({ updatedAt: { type: "string" } }), "is a name that every type has"],
  ["x-a", inner({ a: { type: "integer", minimum: 5, maximum: 4 } }), "minimum above"],
  ["x-a", inner({ a: { type: "string", format: "date", enum: ["b"] } }), "takes one of"],
  ["person", inner({}), "can't be declared"],
  ["x-A", inner({}), "can't be declared"],
])("The portal takes no declaration that is not one: %s %j (%s)", (type, declared, told) => {
  const { types: offered } = hello.shape;
  const parsed = offered.safeParse([offer(type, declared)]);
  if (told === "malformed") expect(parsed.success).toBe(false);
  else expect(ownTypesOf(parsed.data ?? [])).toMatchObject({ fault: expect.stringContaining(told) });
});

test("A declaration survives the way over the wire as it is", () => {
  expect(ownTypeSchema.parse(JSON.parse(JSON.stringify(everything)))).toEqual(everything);
  expect(ownTypeFaults({ "x-all": everything })).toEqual([]);
});
