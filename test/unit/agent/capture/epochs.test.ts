// A new epoch begins while capture is between a read and its commit: what the store believed before must not reach the new outbox.
import { expect, test } from "vitest";
import { createDigester } from "../../../../protocol/digest.ts";
import type { Fields } from "../../../../protocol/model.ts";
import { type Bench, captureBench } from "./bench.ts";
import { fakeErp } from "./fake-erp.ts";
import { gate } from "./gate.ts";

const { start } = captureBench();
const digester = await createDigester();
const never = new AbortController().signal;

function estates(count: number) {
  const erp = fakeErp();
  for (let no = 0; no < count; no++) erp.put("parents", `p${no}`, { name: `Estate ${no}`, parent: null });
  return erp;
}

/** What the portal holds of a type at this moment, as its inventory tells it. */
function heldOf(entities: ReadonlyMap<string, Fields>, type: string) {
  return [...entities]
    .filter(([name]) => name.startsWith(`${type}:`))
    .map(([name, fields]) => ({ id: name.slice(type.length + 1), digest: digester.entity(fields) }));
}

/** A new epoch, as the channel begins it; its inventory is told once `asked` is open. */
function newEpoch(bench: Bench, asked: Promise<void>): Promise<number> {
  bench.store.renewEpoch("epoch-0002");
  bench.portal.last = 0;
  return bench.capture.reconcile(async function* (type) {
    const held = heldOf(bench.portal.entities, type);
    await asked;
    yield held;
  }, never);
}

/** The portal shows what the ERP does, and follows it back to a state it has had before. */
async function followsBack(bench: Bench, key: string, before: string): Promise<void> {
  await bench.pass(10_000);
  bench.portal.pull();
  expect(bench.portal.entities).toEqual(bench.expected());
  bench.erp.put("parents", key, { name: before, parent: null });
  bench.capture.syncNow(undefined, true);
  await bench.pass(10_000);
  bench.portal.pull();
  expect(bench.portal.entities).toEqual(bench.expected());
}

test("A read by key that a new epoch overtakes sends nothing before the inventory is taken, and loses nothing of it", async () => {
  const erp = estates(3);
  const bench = await start({ erp, cursor: false, compareEveryMs: 3_600_000 });
  await bench.pass(5_000);
  bench.portal.pull();
  const [reading, asked] = [gate(), gate()];
  erp.put("parents", "p1", { name: "By command", parent: null });
  erp.at = async (moment) => {
    if (moment === "read-keys") await reading.passed;
  };
  const seq = bench.capture.readBack("parents", "p1", never);
  await bench.pass(100);
  const reconciled = newEpoch(bench, asked.passed);
  reading.open();
  await bench.pass(3_000);
  // A number of the new epoch would be a promise made on the knowledge of the old one.
  expect(await seq).toBeUndefined();
  expect(bench.store.outbox.bounds().items).toBe(0);
  asked.open();
  await reconciled;
  await followsBack(bench, "p1", "Estate 1");
});

test("A drain that a new epoch overtakes keeps its keys, and takes them up at once when the inventory is taken", async () => {
  const erp = estates(3);
  const bench = await start({ erp, compareEveryMs: 3_600_000 });
  await bench.pass(5_000);
  bench.portal.pull();
  const [reading, asked] = [gate(), gate()];
  erp.at = async (moment) => {
    if (moment === "read-keys") await reading.passed;
  };
  erp.put("parents", "p1", { name: "Renamed", parent: null });
  erp.put("parents", "p2", { name: "Renamed too", parent: null });
  await bench.pass(2_000);
  const reconciled = newEpoch(bench, asked.passed);
  reading.open();
  await bench.pass(3_000);
  expect([bench.store.outbox.bounds().items, bench.store.pending.count("parents")]).toEqual([0, 2]);
  asked.open();
  await reconciled;
  await bench.pass(1_000);
  bench.portal.pull();
  expect(bench.portal.entities).toEqual(bench.expected());
  await followsBack(bench, "p1", "Estate 1");
});

test("A delete that a new epoch overtakes is decided on the new inventory, and sent once", async () => {
  const erp = estates(3);
  const bench = await start({ erp, compareEveryMs: 3_600_000 });
  await bench.pass(5_000);
  bench.portal.pull();
  const [reading, asked] = [gate(), gate()];
  let reads = 0;
  erp.remove("parents", "p1");
  bench.capture.syncNow("parents", true);
  erp.at = async (moment, _table, keys) => {
    // The second empty read is the one that deletes.
    if (moment === "read-keys" && keys.includes("p1") && ++reads === 2) await reading.passed;
  };
  await bench.pass(5_000);
  expect(reads).toBe(2);
  const reconciled = newEpoch(bench, asked.passed);
  reading.open();
  await bench.pass(3_000);
  expect(bench.store.outbox.bounds().items).toBe(0);
  asked.open();
  await reconciled;
  await bench.pass(10_000);
  bench.portal.pull();
  expect(bench.portal.entities).toEqual(bench.expected());
  expect(bench.portal.log.filter(({ op }) => op === "delete")).toHaveLength(1);
});

test("A compare that a new epoch overtakes before its first row waits for the inventory like any other", async () => {
  const erp = estates(3);
  const [polling, asked] = [gate(), gate()];
  const bench = await start({ erp, compareEveryMs: 3_600_000 });
  await bench.pass(5_000);
  bench.portal.pull();
  for (let no = 0; no < 3; no++) erp.tables.parents.set(`p${no}`, { name: `Renamed ${no}`, parent: null, stamp: no + 1 });
  // A lost position is taken anew before the compare reads its first row.
  bench.store.sources.setPosition("parents", undefined);
  erp.at = async (moment, table) => {
    if (moment === "poll" && table === "parents") await polling.passed;
  };
  bench.capture.syncNow("parents", true);
  await bench.pass(1_000);
  const reconciled = newEpoch(bench, asked.passed);
  polling.open();
  await bench.pass(5_000);
  expect(bench.store.outbox.bounds().items).toBe(0);
  asked.open();
  await reconciled;
  await followsBack(bench, "p1", "Estate 1");
});

test("Sources that may refer to each other are opened together, so that no entity is judged by a parent's old state", async () => {
  const erp = estates(2);
  erp.put("children", "c0", { name: "House 0", parent: "p0" });
  const bench = await start({ erp, compareEveryMs: 3_600_000, ranks: { parents: 0, children: 0 } });
  await bench.pass(5_000);
  bench.portal.pull();
  // The portal was restored: it has lost the parent, and an older state of the other one; children are asked for first.
  bench.portal.entities = new Map([["property:p1", { name: "Older" }]]);
  const asked = gate();
  bench.store.renewEpoch("epoch-0002");
  bench.portal.last = 0;
  const order: string[] = [];
  const reconciled = bench.capture.reconcile(async function* (type) {
    order.push(type);
    const held = heldOf(bench.portal.entities, type);
    if (type === "property") await asked.passed;
    yield held;
  }, never);
  await bench.pass(10_000);
  expect(order).toEqual(["building", "property"]);
  expect(bench.store.outbox.bounds().items).toBe(0);
  asked.open();
  await reconciled;
  await bench.pass(10_000);
  // The portal of this bench throws at a child that comes before its parent.
  bench.portal.pull();
  expect(bench.portal.entities).toEqual(bench.expected());
  expect(bench.portal.log).toHaveLength(3 + 3);
});

test("A result that is told again in a new epoch names no number of the old one", async () => {
  const { store } = await start({ erp: estates(1) });
  const command = (id: string) => ({
    ...{ type: "command" as const, id, command: "ticket.create" as const, values: {} },
    issuedAt: new Date(0).toISOString(),
  });
  for (const id of ["settled-0001", "unsettled-0001"]) {
    store.inbox.receive(command(id), { now: 1, mayBeRepeated: false });
    store.inbox.claim(id);
    store.inbox.conclude(id, "applied", { number: "4711", seq: 812 });
  }
  store.inbox.settle("settled-0001", 1);
  store.renewEpoch("epoch-0002");
  // The portal that was restored asks for what it had settled once more.
  store.inbox.receive(command("settled-0001"), { now: 2, mayBeRepeated: true });
  const told = store.inbox.unsettled();
  expect(told.map(({ id, number, seq }) => [id, number, seq])).toEqual([
    ["settled-0001", "4711", undefined],
    ["unsettled-0001", "4711", undefined],
  ]);
});

test("A parent is not deleted while the inventory of what may refer to it is not taken yet", async () => {
  const erp = estates(3);
  erp.put("children", "c1", { name: "House", parent: "p1" });
  const bench = await start({ erp, cursor: false, compareEveryMs: 3_600_000 });
  await bench.pass(8_000);
  bench.portal.pull();
  erp.remove("children", "c1");
  erp.remove("parents", "p1");
  const asked = gate();
  bench.store.renewEpoch("epoch-0002");
  bench.portal.last = 0;
  const reconciled = bench.capture.reconcile(async function* (type) {
    const held = heldOf(bench.portal.entities, type);
    if (type === "building") await asked.passed;
    yield held;
  }, never);
  await bench.pass(20_000);
  bench.portal.pull();
  expect(bench.portal.log.filter(({ op }) => op === "delete")).toEqual([]);
  asked.open();
  await reconciled;
  await bench.pass(20_000);
  bench.portal.pull();
  expect(bench.portal.log.filter(({ op }) => op === "delete").map(({ id }) => id)).toEqual(["building:c1", "property:p1"]);
});

test("A parent is not deleted while something that only the inventory has named can't be read: it may be what refers to it", async () => {
  const erp = estates(3);
  erp.put("children", "c1", { name: "House", parent: "p1" });
  const bench = await start({ erp, cursor: false, compareEveryMs: 3_600_000 });
  await bench.pass(8_000);
  bench.portal.pull();
  // The portal holds a state that this store has never put: it was restored from a copy made before.
  bench.portal.entities.set("building:c1", { name: "House, later", propertyId: "p1" });
  erp.put("children", "c1", { name: "bad", parent: "p0" });
  erp.remove("parents", "p1");
  await newEpoch(bench, Promise.resolve());
  await bench.pass(30_000);
  bench.portal.pull();
  expect(bench.store.quarantine.list()).toMatchObject([
    { key: "p1", code: "has-dependents" },
    { key: "c1", code: "date-invalid" },
  ]);
  expect(bench.portal.log.filter(({ op }) => op === "delete")).toEqual([]);
  erp.put("children", "c1", { name: "House", parent: "p0" });
  bench.capture.syncNow("children", true);
  await bench.pass(70_000);
  bench.portal.pull();
  expect(bench.portal.entities).toEqual(bench.expected());
  expect(bench.portal.log.slice(-2).map(({ op, id }) => [op, id])).toEqual([
    ["upsert", "building:c1"],
    ["delete", "property:p1"],
  ]);
});
