import { expect, test } from "vitest";
import { FuserError } from "../../../../base/errors.ts";
import { type Bench, captureBench } from "./bench.ts";
import { fakeErp } from "./fake-erp.ts";

const { start } = captureBench();

function company(estates: number) {
  const erp = fakeErp();
  for (let no = 0; no < estates; no++) {
    erp.put("parents", `p${no}`, { name: `Estate ${no}`, parent: null });
    erp.put("children", `c${no}`, { name: `House ${no}`, parent: `p${no}` });
  }
  return erp;
}
async function synced(bench: Bench): Promise<void> {
  await bench.pass(5_000);
  bench.portal.pull();
  expect(bench.portal.entities).toEqual(bench.expected());
}
async function compared(bench: Bench, ms = 8_000): Promise<void> {
  bench.capture.syncNow(undefined, true);
  await bench.pass(ms);
  bench.portal.pull();
}
const deletes = (bench: Bench): string[] => bench.portal.log.filter(({ op }) => op === "delete").map(({ id }) => id);
const emptyTable = (erp: ReturnType<typeof fakeErp>): void => {
  for (const key of erp.tables.children.keys()) erp.remove("children", key);
};

test("A row that is gone is deleted at the portal after a compare and two empty reads", async () => {
  const bench = await start({ erp: company(3) });
  await synced(bench);
  bench.erp.remove("children", "c1");
  bench.erp.reads.clear();
  await compared(bench);
  expect(deletes(bench)).toEqual(["building:c1"]);
  expect(bench.erp.reads.get("c1")).toBe(2);
  expect(bench.portal.entities).toEqual(bench.expected());
});

test("A row that is gone waits out its grace time, and one that comes back within it sends nothing", async () => {
  const bench = await start({ erp: company(3), graceMs: 30_000, compareEveryMs: 3_600_000 });
  await synced(bench);
  const row = bench.erp.tables.children.get("c1");
  bench.erp.remove("children", "c1");
  bench.erp.remove("children", "c2");
  await compared(bench, 20_000);
  expect(deletes(bench)).toEqual([]);
  if (row) bench.erp.tables.children.set("c1", row);
  await bench.pass(20_000);
  bench.portal.pull();
  expect(deletes(bench)).toEqual(["building:c2"]);
  expect(bench.portal.log.filter(({ id }) => id === "building:c1")).toHaveLength(1);
});

test("Children are deleted before their parent, also when nothing signalled that they are gone", async () => {
  const bench = await start({ erp: company(3), compareEveryMs: 3_600_000 });
  await synced(bench);
  bench.erp.remove("parents", "p1");
  bench.erp.remove("children", "c1");
  // Only the parent is known to be in question.
  bench.store.pending.mark("parents", ["p1"], { now: bench.clock.now(), confirm: false });
  await bench.pass(8_000);
  bench.portal.pull();
  expect(deletes(bench)).toEqual(["building:c1", "property:p1"]);
  expect(bench.store.quarantine.count()).toBe(0);
});

test("A parent whose children live on in the ERP stays at the portal and is named, and goes once they refer to another one", async () => {
  const bench = await start({ erp: company(3) });
  await synced(bench);
  bench.erp.remove("parents", "p1");
  await compared(bench);
  expect(deletes(bench)).toEqual([]);
  expect(bench.store.quarantine.list()).toMatchObject([{ source: "parents", key: "p1", code: "has-dependents" }]);
  bench.erp.put("children", "c1", { name: "Moved", parent: "p2" });
  await bench.pass(4_000);
  bench.portal.pull();
  expect(deletes(bench)).toEqual(["property:p1"]);
  expect(bench.portal.entities).toEqual(bench.expected());
});

test("A row that the ERP flags as deleted goes without its grace time, once it was read twice, and comes back when the flag does", async () => {
  const bench = await start({ erp: company(3), graceMs: 3_600_000 });
  await synced(bench);
  bench.erp.put("children", "c1", { name: "House 1", parent: "p1", cancelled: true });
  await bench.pass(1_500);
  expect(bench.store.outbox.bounds().items).toBe(0);
  await bench.pass(3_000);
  expect(bench.store.outbox.bounds().items).toBe(1);
  bench.portal.pull();
  expect(deletes(bench)).toEqual(["building:c1"]);
  bench.erp.put("children", "c1", { name: "House 1", parent: "p1" });
  await bench.pass(5_000);
  bench.portal.pull();
  expect(bench.portal.entities).toEqual(bench.expected());
});

test("Too many deletes at once are held, everything else flows, and approval lets them go", async () => {
  const bench = await start({ erp: company(30), guard: { rows: 5, percent: 100 } });
  await synced(bench);
  for (let no = 0; no < 8; no++) bench.erp.remove("children", `c${no}`);
  bench.erp.put("parents", "p9", { name: "Renamed", parent: null });
  await compared(bench);
  expect(deletes(bench)).toEqual([]);
  expect(bench.portal.entities.get("property:p9")).toEqual({ name: "Renamed" });
  const guard = bench.store.guards.list()[0];
  expect(guard).toMatchObject({ source: "children", kind: "deletes", state: "open", count: 8 });
  expect(bench.capture.status().find(({ source }) => source === "children")?.state).toBe("held");
  expect(bench.capture.decideGuard(guard?.id as number, "approve")).toBe(8);
  await bench.pass(2_000);
  bench.portal.pull();
  expect(deletes(bench)).toHaveLength(8);
  expect(bench.portal.entities).toEqual(bench.expected());
});

test("Held deletes survive a crash and further compares, and a row that comes back is held no longer", async () => {
  const bench = await start({ erp: company(30), guard: { rows: 5, percent: 100 } });
  await synced(bench);
  for (let no = 0; no < 8; no++) bench.erp.remove("children", `c${no}`);
  await compared(bench);
  await bench.crash();
  bench.erp.put("children", "c3", { name: "Back", parent: "p3" });
  await compared(bench);
  await compared(bench);
  expect(deletes(bench)).toEqual([]);
  expect(bench.store.guards.list().filter(({ state }) => state === "open")).toHaveLength(1);
  expect(bench.store.pending.heldBy(1).map(({ key }) => key)).toEqual(["c0", "c1", "c2", "c4", "c5", "c6", "c7"]);
  expect(bench.portal.entities.get("building:c3")).toEqual({ name: "Back", propertyId: "p3" });
});

test("A guard counts what it still holds, and goes when all its rows are back", async () => {
  const bench = await start({ erp: company(30), guard: { rows: 5, percent: 100 } });
  await synced(bench);
  for (let no = 0; no < 8; no++) bench.erp.remove("children", `c${no}`);
  await compared(bench);
  for (let no = 0; no < 3; no++) bench.erp.put("children", `c${no}`, { name: `Child ${no}`, parent: `p${no}` });
  await compared(bench);
  expect(bench.store.guards.list()).toMatchObject([{ state: "open", count: 5 }]);
  for (let no = 3; no < 8; no++) bench.erp.put("children", `c${no}`, { name: `Child ${no}`, parent: `p${no}` });
  await compared(bench);
  expect(bench.store.guards.list()).toEqual([]);
  expect(bench.capture.status().find(({ source }) => source === "children")?.state).toBe("active");
  expect(deletes(bench)).toEqual([]);
});

test("Rejected deletes stay at the portal; the next compare asks again", async () => {
  const bench = await start({ erp: company(30), guard: { rows: 5, percent: 100 } });
  await synced(bench);
  for (let no = 0; no < 8; no++) bench.erp.remove("children", `c${no}`);
  await compared(bench);
  expect(bench.capture.decideGuard(1, "reject")).toBe(8);
  await bench.pass(5_000);
  bench.portal.pull();
  expect([deletes(bench), bench.store.pending.count()]).toEqual([[], 0]);
  await compared(bench);
  expect(deletes(bench)).toEqual([]);
  expect(bench.store.guards.list().find(({ state }) => state === "open")).toMatchObject({ id: 2, count: 8 });
  expect(() => bench.capture.decideGuard(1, "approve")).toThrow(expect.objectContaining({ code: "guard-unknown" }));
});

test("Deletes that trickle are counted over the hour, also across a restart", async () => {
  const bench = await start({ erp: company(30), guard: { rows: 5, percent: 100 }, compareEveryMs: 3_600_000 });
  await synced(bench);
  for (let no = 0; no < 4; no++) bench.erp.remove("children", `c${no}`);
  await compared(bench);
  await bench.crash();
  bench.erp.remove("children", "c7");
  bench.erp.remove("children", "c8");
  await compared(bench);
  expect(deletes(bench)).toHaveLength(4);
  expect(bench.store.guards.list()).toMatchObject([{ state: "open", count: 2 }]);
});

test("A source that comes back empty is not believed: its rows are held, not even read", async () => {
  const bench = await start({ erp: company(15), cursor: false });
  await synced(bench);
  emptyTable(bench.erp);
  bench.erp.reads.clear();
  await compared(bench);
  expect([deletes(bench), bench.erp.reads.size]).toEqual([[], 0]);
  expect(bench.store.guards.list()).toMatchObject([{ source: "children", count: 15, state: "open" }]);
  bench.capture.decideGuard(1, "approve");
  await bench.pass(5_000);
  bench.portal.pull();
  expect(deletes(bench)).toHaveLength(15);
});

test("Of a source that comes back empty a person is asked about what the portal holds, not about rows that were never sent", async () => {
  const erp = company(15);
  erp.put("children", "x1", { name: "Cancelled from the first", parent: "p1", cancelled: true });
  erp.put("children", "x2", { name: "bad", parent: "p1" });
  const bench = await start({ erp, cursor: false });
  await synced(bench);
  expect(bench.store.quarantine.count("children")).toBe(1);
  const rows = [...erp.tables.children];
  emptyTable(erp);
  await compared(bench);
  expect(deletes(bench)).toEqual([]);
  expect(bench.store.guards.list()).toMatchObject([{ source: "children", count: 15, of: 15, state: "open" }]);
  expect([bench.store.pending.count("children"), bench.store.quarantine.count("children")]).toEqual([15, 0]);
  // The rows were only away while a backup was loaded.
  for (const [key, row] of rows) erp.tables.children.set(key, row);
  await compared(bench);
  expect(bench.store.guards.list()).toEqual([]);
  expect([bench.store.pending.count("children"), bench.store.quarantine.count("children")]).toEqual([0, 1]);
  expect([deletes(bench), bench.portal.entities]).toEqual([[], bench.expected()]);
});

test("A scan that breaks off infers no delete from the rows it did not reach", async () => {
  const bench = await start({ erp: company(9), compareEveryMs: 3_600_000 });
  await synced(bench);
  bench.erp.reads.clear();
  let pages = 0;
  bench.erp.at = async (moment, table) => {
    if (moment !== "scan-page" || table !== "children" || ++pages !== 2) return;
    throw new FuserError("transient", "gone", { code: "erp-gone", operation: "scan" });
  };
  bench.capture.syncNow("children", true);
  await bench.pass(100);
  expect(pages).toBe(2);
  expect(bench.store.pending.count()).toBe(0);
  expect(bench.capture.status().find(({ source }) => source === "children")).toMatchObject({
    state: "failing",
    reason: "erp-gone",
  });
});

test("A child that was moved touches its parent before and after, a deleted one its last parent", async () => {
  const erp = company(4);
  const bench = await start({ erp, childrenTouchParents: true, compareEveryMs: 60_000 });
  await bench.pass(65_000);
  erp.reads.clear();
  erp.put("children", "c1", { name: "House 1", parent: "p2" });
  await bench.pass(1_500);
  expect([erp.reads.get("p1"), erp.reads.get("p2"), erp.reads.get("p3")]).toEqual([1, 1, undefined]);
  await bench.pass(5_000);
  erp.reads.clear();
  erp.remove("children", "c3");
  await bench.pass(65_000);
  expect(erp.reads.get("p3")).toBe(1);
});
