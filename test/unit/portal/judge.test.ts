import fc from "fast-check";
import { expect, test } from "vitest";
import { type Arrived, arrivedBytes, arrivedMessage } from "../../../portal/arrived.ts";
import { judge } from "../../../portal/judge.ts";
import { knownIn } from "../../../portal/known.ts";
import { Store } from "../../../portal/store.ts";
import { tablePlans } from "../../../portal/table-plan.ts";
import { buildChanges, type ChangeItem } from "../../../protocol/changes.ts";
import { changesScanner } from "../../../protocol/changes-bytes.ts";
import type { Fields } from "../../../protocol/model.ts";
import { seededRandom } from "../../support/erp/random.ts";

const accepted = new Set(["property", "building", "unit", "person", "utilisationPeriod"]);
const types = [...accepted, "ticket"];
const ids = ["1", "2", "3", "4"];
const id = fc.constantFrom(...ids);
const odd = fc.constantFrom("a", 'a "quoted" name', "Königsallee", "x".repeat(201), "");
const fieldsOf: Record<string, fc.Arbitrary<object>> = {
  property: fc.record({ name: odd }),
  building: fc.record({ name: odd, parentBuildingId: id, propertyId: id }, { requiredKeys: ["propertyId"] }),
  unit: fc.record({ buildingId: fc.option(id), name: odd, objectType: odd }, { requiredKeys: ["name", "objectType"] }),
  person: fc.record({ kind: fc.constantFrom("natural", "legal", "alien") }),
  utilisationPeriod: fc.record({
    endDate: fc.constantFrom(null, "2026-02-29", "2026-02-28"),
    kind: fc.constant("tenant"),
    participants: fc.array(fc.record({ personId: id, role: fc.constant("main") }), { maxLength: 3 }),
    startDate: fc.constant(null),
    unitId: id,
  }),
  ticket: fc.record({ title: odd }),
};
const item = fc.constantFrom(...types).chain((type): fc.Arbitrary<ChangeItem> => {
  const common = { type: fc.constant(type), id, time: fc.constant(1) };
  const upsert = fc.record({ ...common, op: fc.constant("upsert" as const), fields: fieldsOf[type] as fc.Arbitrary<Fields> });
  const remove = fc.record({ ...common, op: fc.constant("delete" as const), reason: fc.constant("gone" as const) });
  return fc.oneof({ weight: 9, arbitrary: upsert }, { weight: 1, arbitrary: remove });
});

interface Case {
  /** What the tables hold, `type id`. */
  held: string[];
  frames: ChangeItem[][];
  tables: "complete" | "behind" | "outdated";
  /** Items of the first frame that were there before. */
  before: number;
}
const cases: fc.Arbitrary<Case> = fc.record({
  held: fc.uniqueArray(
    fc.tuple(fc.constantFrom(...accepted), id).map((one) => one.join(" ")),
    { maxLength: 20 },
  ),
  frames: fc.array(fc.array(item, { minLength: 1, maxLength: 8 }), { minLength: 1, maxLength: 3 }),
  tables: fc.constantFrom("complete", "behind", "outdated"),
  before: fc.nat(3),
});

/** Refusals of each frame, and what is known afterwards. */
function verdicts(
  { held, frames, tables, before }: Case,
  read: (frame: object, plans: ReturnType<typeof tablePlans>) => Arrived,
) {
  using store = new Store(":memory:");
  const sql = "INSERT INTO entity (agent_id, type, id, fields, seq, epoch, time) VALUES ('a1', ?, ?, '{}', 1, 'epoch-0001', 1)";
  for (const one of held) store.run(sql, ...one.split(" "));
  const known = knownIn(store, seededRandom(1)).ofLink("a1");
  const plans = tablePlans(accepted);
  let from = 1;
  const refused = frames.map((items) => {
    const frame = read(buildChanges(from, items), plans);
    const told = judge({ accepted, plans, known, tables }, frame, before);
    from += items.length;
    return told;
  });
  return { refused, known: types.flatMap((type) => ids.map((one) => known.of(type).has(one))) };
}

test("A frame that was looked through as bytes is judged like one that was decoded: same refusals, same known parents", () => {
  const counts = { refused: 0, unsure: 0, sound: 0, scanned: 0 };
  fc.assert(
    fc.property(cases, (made) => {
      const expected = verdicts(made, (frame) => arrivedMessage(frame as never, Buffer.alloc(0), 0));
      const seen = verdicts(made, (frame, plans) => {
        const json = Buffer.from(JSON.stringify(frame));
        const scanned = changesScanner(plans.ofHead)(json);
        if (scanned !== undefined) counts.scanned += 1;
        return scanned === undefined ? arrivedMessage(frame as never, json, 0) : arrivedBytes(scanned, json);
      });
      expect(seen).toEqual(expected);
      for (const refused of expected.refused)
        counts[refused === undefined ? "unsure" : refused.length > 0 ? "refused" : "sound"] += 1;
    }),
    { numRuns: 1_500 },
  );
  // The law would be empty if one of them hardly came.
  expect(Math.min(...Object.values(counts))).toBeGreaterThan(100);
});

test("Fields whose names only look alike when joined have plans of their own", () => {
  const plans = tablePlans(accepted);
  expect(plans.of("unit", ["name", "objectType", "floor", "rooms"])).toBeDefined();
  expect(plans.of("unit", ["name", "objectType", "floor rooms"])).toBeUndefined();
});
