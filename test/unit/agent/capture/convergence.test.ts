import fc from "fast-check";
import { expect, test } from "vitest";
import { type Bench, captureBench } from "./bench.ts";
import { fakeErp } from "./fake-erp.ts";

const { start } = captureBench();

const parent = fc.integer({ min: 0, max: 4 }).map((no) => `p${no}`);
const child = fc.integer({ min: 0, max: 7 }).map((no) => `c${no}`);
const name = fc.constantFrom("A", "B", "C", "bad");

type Step =
  | { do: "put-parent"; key: string; name: string }
  | { do: "put-child"; key: string; name: string; parent: string | null; cancelled: boolean; lateMs: number }
  | { do: "remove-child"; key: string }
  | { do: "remove-parent"; key: string }
  | { do: "pass"; ms: number }
  | { do: "portal" }
  | { do: "channel"; online: boolean }
  | { do: "compare" }
  | { do: "crash"; commits: number; moment: "before-commit" | "after-commit" };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant("put-parent" as const), key: parent, name: fc.constantFrom("A", "B", "C") }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant("put-child" as const),
      key: child,
      name,
      parent: fc.option(parent),
      cancelled: fc.constantFrom(false, false, false, true),
      lateMs: fc.constantFrom(0, 0, 300, 1_500),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("remove-child" as const), key: child }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("remove-parent" as const), key: parent }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant("pass" as const), ms: fc.integer({ min: 50, max: 3_000 }) }) },
  { weight: 3, arbitrary: fc.constant({ do: "portal" as const }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("channel" as const), online: fc.boolean() }) },
  { weight: 1, arbitrary: fc.constant({ do: "compare" as const }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("crash" as const),
      commits: fc.integer({ min: 1, max: 6 }),
      moment: fc.constantFrom("before-commit" as const, "after-commit" as const),
    }),
  },
);

async function take(bench: Bench, one: Step): Promise<void> {
  const { erp } = bench;
  switch (one.do) {
    case "put-parent":
      return erp.put("parents", one.key, { name: one.name, parent: null });
    case "put-child":
      if (one.lateMs > 0) {
        erp.invisible.add(one.key);
        bench.clock.after(one.lateMs, () => erp.invisible.delete(one.key));
      }
      return erp.put("children", one.key, { name: one.name, parent: one.parent, cancelled: one.cancelled });
    case "remove-child":
      return erp.remove("children", one.key);
    case "remove-parent":
      // One ERP transaction: the children go with their parent.
      for (const [key, row] of erp.tables.children) if (row.parent === one.key) erp.remove("children", key);
      return erp.remove("parents", one.key);
    case "pass":
      return bench.pass(one.ms);
    case "portal":
      return bench.online ? bench.portal.pull() : undefined;
    case "channel":
      bench.online = one.online;
      return;
    case "compare":
      bench.capture.syncNow(undefined, true);
      return;
    case "crash":
      bench.armCrash(one.commits, one.moment);
      await bench.pass(1_500);
      return bench.crash();
    default:
      return one satisfies never;
  }
}

/** What differs between portal and ERP, but for what quarantine names. */
function differences(bench: Bench): string[] {
  const expected = bench.expected();
  const parked = new Set(bench.store.quarantine.list().map(({ type, id }) => `${type}:${id}`));
  const names = new Set([...expected.keys(), ...bench.portal.entities.keys()]);
  return [...names].filter((one) => {
    const same = JSON.stringify(expected.get(one)) === JSON.stringify(bench.portal.entities.get(one));
    // A parent that is gone, but has children that are not, stays at the portal and is named; its children may be there with it.
    const parent = bench.portal.entities.get(one)?.propertyId;
    return !same && !parked.has(one) && !parked.has(`property:${parent}`);
  });
}

/** More deletes than the ERP had reasons for: a row that was only not visible yet, or not seen by a scan, was taken for deleted. */
function baselessDeletes(bench: Bench, steps: readonly Step[]): string[] {
  const reasons = steps.flatMap((one): string[] => {
    if (one.do === "remove-parent") return ["c0", "c1", "c2", "c3", "c4", "c5", "c6", "c7", one.key];
    return one.do === "remove-child" || (one.do === "put-child" && one.cancelled) ? [one.key] : [];
  });
  const deletes = bench.portal.log.filter(({ op }) => op === "delete").map(({ id }) => id.slice(id.indexOf(":") + 1));
  return [...new Set(deletes)].filter((key) => countOf(deletes, key) > countOf(reasons, key));
}

const countOf = (keys: readonly string[], wanted: string): number => keys.filter((key) => key === wanted).length;

/** A quarantine entry whose row is in order would hold back what should be sent. */
function unjustified(bench: Bench): string[] {
  const expected = bench.expected();
  return bench.store.quarantine.list().flatMap(({ type, id }) => (expected.has(`${type}:${id}`) ? [`${type}:${id}`] : []));
}

/** Keys that wait although quarantine does not name them: one that it names, a parent with children, is looked at again and again. */
function leftPending({ store }: Bench): string[] {
  const keys = { parents: [0, 1, 2, 3, 4].map((no) => `p${no}`), children: [0, 1, 2, 3, 4, 5, 6, 7].map((no) => `c${no}`) };
  return Object.entries(keys).flatMap(([source, all]) =>
    all.filter((key) => store.pending.get(source, key) !== undefined && store.quarantine.get(source, key) === undefined),
  );
}

/** A child that came to the portal with its parent stays, and so does the parent, although the ERP has it no more. */
const childOfNobody: Step[] = [
  { do: "put-parent", key: "p3", name: "A" },
  { do: "pass", ms: 999 },
  { do: "remove-parent", key: "p3" },
  { do: "put-child", key: "c0", name: "A", parent: "p3", cancelled: false, lateMs: 0 },
  { do: "pass", ms: 50 },
  { do: "compare" },
  { do: "portal" },
  { do: "portal" },
  { do: "put-parent", key: "p0", name: "A" },
];

test("Whatever the ERP, its signals, the channel and crashes do, portal and ERP agree at rest, but for what quarantine names", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), fc.integer({ min: 0, max: 400 }), async (steps, slowMs) => {
      const erp = fakeErp();
      const bench = await start({ erp });
      erp.at = async () => {
        if (slowMs > 0) await bench.clock.sleep(slowMs);
      };
      for (const one of steps) {
        await take(bench, one);
        // At most one pending key per entity: there are eight children and five parents.
        expect(bench.store.pending.count("children")).toBeLessThanOrEqual(8);
        expect(bench.store.pending.count("parents")).toBeLessThanOrEqual(5);
      }
      bench.online = true;
      // What is in the ERP comes by signals alone, once the first compare is through; only deletes need another compare.
      await bench.pass(12_000);
      bench.portal.pull();
      const expected = bench.expected();
      expect(differences(bench).filter((one) => expected.has(one))).toEqual([]);
      for (let round = 0; round < 3; round++) {
        bench.capture.syncNow(undefined, true);
        await bench.pass(12_000);
        bench.portal.pull();
      }
      expect(differences(bench)).toEqual([]);
      expect(unjustified(bench)).toEqual([]);
      expect(baselessDeletes(bench, steps)).toEqual([]);
      expect(leftPending(bench)).toEqual([]);
      await bench.stop();
    }),
    { numRuns: Number(process.env.ERPFUSER_TEST_RUNS ?? 20), examples: [[childOfNobody, 0]] },
  );
}, 120_000);
