// Children are deleted before their parents, also where nobody ever told the agent who is whose child. The bench's portal throws at the other order.
import { expect, test } from "vitest";
import { createDigester } from "../../../../protocol/digest.ts";
import { entityText, fieldsOf } from "../../../../protocol/entity-text.ts";
import type { Fields } from "../../../../protocol/model.ts";
import { captureBench } from "./bench.ts";
import { fakeErp } from "./fake-erp.ts";

const { start } = captureBench();
const digester = await createDigester();
const never = new AbortController().signal;

test("What only the portal still knows is deleted children first, although no reference of it is known here", async () => {
  const erp = fakeErp();
  for (let no = 0; no < 4; no++) {
    erp.put("parents", `p${no}`, { name: `Estate ${no}`, parent: null });
    erp.put("children", `c${no}`, { name: `House ${no}`, parent: `p${no}` });
  }
  const bench = await start({ erp, compareEveryMs: 3_600_000 });
  await bench.pass(5_000);
  bench.portal.pull();
  // The portal was restored: it holds again what was deleted since, here and in the ERP.
  for (let no = 4; no < 7; no++) {
    bench.portal.entities.set(`property:p${no}`, { name: `Gone ${no}` });
    bench.portal.entities.set(`building:c${no}`, { name: `Gone ${no}`, propertyId: `p${no}` });
  }
  bench.store.renewEpoch("epoch-0002");
  bench.portal.last = 0;
  let scans = 0;
  erp.at = async (moment, table) => {
    // The children's compare takes its time.
    if (moment === "scan-page" && table === "children" && ++scans === 1) await bench.clock.sleep(20_000);
  };
  await bench.capture.reconcile(async function* (type) {
    yield [...bench.portal.entities]
      .filter(([name]) => name.startsWith(`${type}:`))
      .map(([name, fields]: [string, Fields]) => ({ id: name.slice(type.length + 1), digest: digester.entity(fields) }));
  }, never);
  for (let round = 0; round < 20; round++) {
    await bench.pass(5_000);
    bench.portal.pull();
  }
  expect(bench.portal.entities).toEqual(bench.expected());
  expect(bench.store.quarantine.count()).toBe(0);
});

test("A source whose entities refer to each other deletes them children first, and none whose child stays", async () => {
  const erp = fakeErp();
  const rows: [string, string | null][] = [
    ["a", null],
    ["b", "a"],
    ["c", "b"],
    ["k", null],
    ["l", "k"],
    ["m", "l"],
  ];
  for (const [key, parent] of rows) erp.put("parents", key, { name: key, parent });
  const bench = await start({
    erp,
    map: (table, mapped) => {
      if (table !== "parents" || mapped.kind !== "entity") return mapped;
      const { propertyId, ...fields } = fieldsOf(mapped.text);
      return { ...mapped, text: entityText(propertyId === undefined ? fields : { ...fields, parentId: propertyId }) };
    },
  });
  await bench.pass(5_000);
  bench.portal.pull();
  expect(bench.portal.entities.size).toBe(6);
  // The last of the second line stays.
  for (const key of ["a", "b", "c", "k", "l"]) erp.remove("parents", key);
  bench.capture.syncNow(undefined, true);
  await bench.pass(10_000);
  bench.portal.pull();
  const deleted = bench.portal.log.filter(({ op }) => op === "delete").map(({ id }) => id);
  expect(deleted).toEqual(["property:c", "property:b", "property:a"]);
  expect(bench.store.quarantine.list().map(({ key, code }) => [key, code])).toEqual([
    ["k", "has-dependents"],
    ["l", "has-dependents"],
  ]);
});

test("A parent that waits for children whose deletes a person has rejected does not send them a few at a time", async () => {
  const erp = fakeErp();
  for (let no = 0; no < 30; no++) {
    erp.put("parents", `p${no}`, { name: `Estate ${no}`, parent: null });
    erp.put("children", `c${no}`, { name: `House ${no}`, parent: `p${no}` });
  }
  const bench = await start({ erp, guard: { rows: 5, percent: 100 }, compareEveryMs: 3_600_000 });
  await bench.pass(5_000);
  bench.portal.pull();
  for (let no = 0; no < 8; no++) erp.remove("children", `c${no}`);
  erp.remove("parents", "p3");
  bench.capture.syncNow(undefined, true);
  await bench.pass(10_000);
  const guard = bench.store.guards.list().find(({ source, state }) => source === "children" && state === "open");
  bench.capture.decideGuard(guard?.id as number, "reject");
  await bench.pass(200_000);
  bench.portal.pull();
  expect(bench.portal.log.filter(({ op }) => op === "delete")).toEqual([]);
  expect(bench.store.quarantine.list()).toMatchObject([{ source: "parents", key: "p3", code: "has-dependents" }]);
});
