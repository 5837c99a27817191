// Capture and the channel: offline, a full outbox, a new epoch, and what people ask for.
import { statSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { openStore } from "../../../../agent/store/open.ts";
import { FuserError } from "../../../../base/errors.ts";
import { silentLog } from "../../../../base/log.ts";
import { createDigester } from "../../../../protocol/digest.ts";
import { manualClock } from "../../../support/manual-clock.ts";
import { type Bench, captureBench } from "./bench.ts";
import { fakeErp } from "./fake-erp.ts";

const { start, folder } = captureBench();
const digester = await createDigester();
const signal = new AbortController().signal;

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

test("Offline nothing is read: keys gather, one per entity, and on return they drain, parents first", async () => {
  const bench = await start({ erp: company(4), compareEveryMs: 3_600_000 });
  await synced(bench);
  bench.online = false;
  bench.erp.reads.clear();
  for (let round = 0; round < 5; round++) {
    bench.erp.put("children", "new", { name: `Round ${round}`, parent: "newer" });
    bench.erp.put("parents", "newer", { name: `Round ${round}`, parent: null });
    bench.erp.put("children", "c1", { name: `Round ${round}`, parent: "p1" });
    await bench.pass(3_000);
  }
  expect([bench.erp.reads.size, bench.store.pending.count(), bench.store.outbox.bounds().items]).toEqual([0, 3, 0]);
  bench.online = true;
  const before = bench.portal.log.length;
  await bench.pass(5_000);
  // The portal of this bench throws at a child that comes before its parent.
  bench.portal.pull();
  expect(bench.portal.entities).toEqual(bench.expected());
  expect(bench.portal.log.length - before).toBe(3);
});

test("A channel that goes down in the middle of a scan holds the scan only for a while; what it finds then becomes pending", async () => {
  const erp = company(40);
  const bench = await start({ erp, cursor: false, compareEveryMs: 3_600_000 });
  await synced(bench);
  for (const [key, row] of erp.tables.parents) erp.tables.parents.set(key, { ...row, name: `${row.name} renamed` });
  let pages = 0;
  erp.at = async (moment, table) => {
    if (moment === "scan-page" && table === "parents" && ++pages === 3) bench.online = false;
  };
  bench.capture.syncNow("parents", true);
  await bench.pass(10_000);
  expect(pages).toBe(3);
  await bench.pass(15_000);
  expect(pages).toBe(11);
  expect(bench.store.pending.count("parents")).toBe(40 - 8);
  bench.online = true;
  await bench.pass(5_000);
  bench.portal.pull();
  expect(bench.portal.entities).toEqual(bench.expected());
});

test("A blackout stops reading, not the signals", async () => {
  // It is seven in the morning in Berlin.
  const bench = await start({ erp: company(2), parts: { blackout: [{ fromMinute: 421, untilMinute: 430 }] } });
  await synced(bench);
  await bench.pass(60_000);
  bench.erp.put("parents", "p1", { name: "Renamed", parent: null });
  await bench.pass(10_000);
  expect(bench.store.pending.count()).toBe(1);
  expect(bench.capture.status()[0]).toMatchObject({ state: "paused", reason: "blackout" });
  await bench.pass(10 * 60_000);
  bench.portal.pull();
  expect(bench.portal.entities).toEqual(bench.expected());
});

test("A source that fails holds up no other one, is named, and goes on by itself when it works again", async () => {
  const erp = company(2);
  let broken = true;
  erp.at = async (_moment, table) => {
    if (broken && table === "parents")
      throw new FuserError("config", "no such column", { code: "column-missing", operation: "read" });
  };
  erp.put("children", "free", { name: "Without parent", parent: null });
  const bench = await start({ erp });
  await bench.pass(5_000);
  bench.portal.pull();
  expect([...bench.portal.entities.keys()]).toEqual(["building:free"]);
  const state = (): (string | undefined)[] => bench.capture.status().map((one) => one.state);
  expect(state()).toEqual(["failing", "active"]);
  broken = false;
  await bench.pass(310_000);
  bench.portal.pull();
  expect(state()).toEqual(["active", "active"]);
  expect(bench.portal.entities).toEqual(bench.expected());
});

test("An ERP that is not there is tried again until it is, and a bug ends the run", async () => {
  const erp = company(2);
  let failure: Error | undefined = new FuserError("transient", "down", { code: "erp-down", operation: "connect" });
  erp.at = async () => {
    if (failure !== undefined) throw failure;
  };
  const bench = await start({ erp });
  await bench.pass(20_000);
  failure = undefined;
  await bench.pass(70_000);
  bench.portal.pull();
  expect(bench.portal.entities).toEqual(bench.expected());
  failure = new TypeError("our own fault");
  await expect(bench.until(bench.failure())).rejects.toThrow("our own fault");
});

test("In a new epoch what the portal already holds is not sent again, what it lacks is, and what the ERP no longer has goes through the guards", async () => {
  const bench = await start({ erp: company(20), guard: { rows: 2, percent: 100 } });
  await synced(bench);
  const held = new Map(bench.portal.entities);
  // The store was lost: a new one begins, and the portal's own state is another one meanwhile.
  held.delete("property:p3");
  held.set("property:p4", { name: "Old name" });
  for (const no of [1, 2, 3]) held.set(`property:stranger${no}`, { name: "Gone long ago" });
  bench.portal.entities = new Map(held);
  bench.store.renewEpoch("epoch-0002");
  bench.portal.last = 0;
  bench.portal.log.length = 0;
  expect(bench.capture.needsReconcile()).toBe(true);
  bench.capture.syncNow(undefined, true);
  await bench.pass(5_000);
  expect(bench.store.outbox.bounds().items).toBe(0);
  await bench.capture.reconcile(async function* (type) {
    const all = [...held].filter(([name]) => name.startsWith(`${type}:`));
    yield all.slice(0, 5).map(([name, fields]) => ({ id: name.slice(type.length + 1), digest: digester.entity(fields) }));
    yield all.slice(5).map(([name, fields]) => ({ id: name.slice(type.length + 1), digest: digester.entity(fields) }));
  }, signal);
  expect(bench.capture.needsReconcile()).toBe(false);
  await bench.pass(8_000);
  bench.portal.pull();
  expect(bench.portal.log.map(({ id }) => id).sort()).toEqual(["property:p3", "property:p4"]);
  expect(bench.store.guards.list()).toMatchObject([{ source: "parents", count: 3, state: "open" }]);
  bench.capture.decideGuard(1, "approve");
  await bench.pass(2_000);
  bench.portal.pull();
  expect(bench.portal.entities).toEqual(bench.expected());
});

test("A reconciliation that breaks off leaves its sources closed, also over a restart, and can be begun again", async () => {
  const bench = await start({ erp: company(3) });
  await synced(bench);
  bench.store.renewEpoch("epoch-0002");
  bench.portal.last = 0;
  const broken = bench.capture.reconcile(async function* () {
    yield [{ id: "p1", digest: 1n }];
    throw new FuserError("transient", "offline", { code: "offline", operation: "inventory" });
  }, signal);
  await expect(broken).rejects.toThrow("offline");
  await bench.crash();
  bench.capture.syncNow(undefined, true);
  await bench.pass(5_000);
  expect([bench.capture.needsReconcile(), bench.store.outbox.bounds().items]).toEqual([true, 0]);
  await bench.capture.reconcile(async function* (type) {
    yield [...bench.portal.entities]
      .filter(([name]) => name.startsWith(`${type}:`))
      .map(([name, fields]) => ({ id: name.slice(type.length + 1), digest: digester.entity(fields) }));
  }, signal);
  await bench.pass(5_000);
  expect(bench.store.outbox.bounds().items).toBe(0);
  expect(bench.store.quarantine.count()).toBe(0);
});

test("A compare tells how far it is, from nothing to all", async () => {
  const told: { source: string; kind: string; rows: number; total: number | undefined; done: boolean }[] = [];
  const bench = await start({
    erp: company(9),
    parts: { onProgress: (progress) => void told.push(progress), estimateRows: () => 10 },
  });
  await synced(bench);
  const parents = told.filter(({ source }) => source === "parents");
  expect(parents[0]).toMatchObject({ kind: "sync", total: 10, done: false });
  expect(parents.at(-1)).toMatchObject({ kind: "sync", rows: 9, total: 9, done: true });
});

test("A million changes of ten thousand entities while offline leave one pending key each and a store that does not grow", () => {
  const directory = folder();
  const clock = manualClock();
  const store = openStore({ directory, clock, log: silentLog });
  const keys = Array.from({ length: 10_000 }, (_, no) => `001.${String(no * 7_919).padStart(9, "0")}`);
  const size = (): number =>
    statSync(path.join(directory, "store.db")).size + statSync(path.join(directory, "store.db-wal")).size;
  let first = 0;
  for (let round = 0; round < 100; round++) {
    clock.advance(25_920_000);
    for (let at = 0; at < keys.length; at += 2_000)
      store.pending.mark("units", keys.slice(at, at + 2_000), { now: clock.now(), confirm: true });
    if (round === 4) first = size();
  }
  expect(store.pending.count()).toBe(10_000);
  expect(size()).toBeLessThan(Math.max(first * 1.2, 20_000_000));
  expect(store.outbox.bounds().bytes).toBe(0);
  store.close();
}, 60_000);
