// A cursor column that is dead is told from a table in which nothing changes.
import { expect, test } from "vitest";
import type { ReadingConnector } from "../../../../agent/capture/parts.ts";
import { captureBench } from "./bench.ts";
import { type FakeErp, fakeErp } from "./fake-erp.ts";

const { start } = captureBench();
const minute = 60_000;

/** The same ERP, that counts as well. */
function counting(erp: FakeErp, asked: { count: number }): ReadingConnector {
  return {
    ...erp.connector,
    async aggregate() {
      asked.count += 1;
      const rows = [...erp.tables.parents.values()];
      return { rows: rows.length, mark: String(Math.max(...rows.map(({ stamp }) => stamp))) };
    },
  };
}

async function counted(isIndexed: boolean) {
  const erp = fakeErp();
  for (let no = 10; no < 20; no++) erp.put("parents", `p${no}`, { name: `Estate ${no}`, parent: null });
  const asked = { count: 0 };
  const bench = await start({ erp, compareEveryMs: 10_000 * minute, isIndexed, parts: { connector: counting(erp, asked) } });
  await bench.pass(5_000);
  bench.portal.pull();
  const reasons = () => bench.capture.status().map(({ source, state, reason }) => [source, state, reason]);
  const passOn = (minutes: number) => bench.pass(minutes * minute, 10_000);
  const came = (key: string) => erp.tables.parents.set(key, { name: "Imported", parent: null, stamp: 0 });
  return { bench, erp, asked, reasons, passOn, came };
}

test("Rows that come while the column's highest value stands still lead to a full compare, and are told until it moves again", async () => {
  const { bench, erp, reasons, passOn, came } = await counted(true);
  await passOn(50);
  came("x1");
  await passOn(70);
  bench.portal.pull();
  expect(bench.portal.entities).toEqual(bench.expected());
  expect(reasons()[0]).toEqual(["parents", "active", "column-silent"]);
  erp.put("parents", "p11", { name: "By the column", parent: null });
  await passOn(16);
  expect(reasons()[0]).toEqual(["parents", "active", undefined]);
});

test("Rows that go, rows that come with a new value, and a table at rest are no silence", async () => {
  const { bench, erp, reasons, passOn, asked } = await counted(true);
  await passOn(50);
  erp.remove("parents", "p12");
  await passOn(20);
  erp.put("parents", "p30", { name: "New", parent: null });
  await passOn(60);
  expect(asked.count).toBeGreaterThan(5);
  expect(reasons()[0]).toEqual(["parents", "active", undefined]);
  expect(bench.store.meta.get("compare-owed.parents")).toBeUndefined();
});

test("A column without an index is not asked", async () => {
  const { passOn, asked } = await counted(false);
  await passOn(40);
  expect(asked.count).toBe(0);
});

test("A value ahead of the time says nothing, however many rows come below it", async () => {
  const erp = fakeErp("showing");
  erp.put("parents", "p10", { name: "Estate", parent: null });
  const aggregate = async () => ({ rows: erp.tables.parents.size, mark: "2099-12-31T00:00:00.000" });
  const parts = { connector: { ...erp.connector, aggregate } };
  const bench = await start({ erp, cursorKind: "timestamp", compareEveryMs: 10_000 * minute, isIndexed: true, parts });
  await bench.pass(50 * minute, 10_000);
  erp.put("parents", "p11", { name: "New", parent: null });
  await bench.pass(20 * minute, 10_000);
  expect(bench.store.meta.get("compare-owed.parents")).toBeUndefined();
  expect(bench.capture.status().map(({ reason }) => reason)).toEqual([undefined, undefined]);
});
