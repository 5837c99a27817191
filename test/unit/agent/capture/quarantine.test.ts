import { expect, test } from "vitest";
import { captureBench } from "./bench.ts";
import { fakeErp } from "./fake-erp.ts";

const { start } = captureBench();

function estates(count: number) {
  const erp = fakeErp();
  for (let no = 0; no < count; no++) erp.put("parents", `p${no}`, { name: `Estate ${no}`, parent: null });
  return erp;
}

test("A bad row is named with its reason, delays no other entity, and is sent once mended", async () => {
  const erp = estates(3);
  erp.put("parents", "p1", { name: "bad", parent: null });
  const bench = await start({ erp });
  await bench.pass(5_000);
  bench.portal.pull();
  expect([...bench.portal.entities.keys()]).toEqual(["property:p0", "property:p2"]);
  expect(bench.store.quarantine.list()).toMatchObject([{ source: "parents", key: "p1", code: "date-invalid", field: "name" }]);
  erp.put("parents", "p1", { name: "Mended", parent: null });
  await bench.pass(5_000);
  bench.portal.pull();
  expect(bench.portal.entities).toEqual(bench.expected());
  expect(bench.store.quarantine.count()).toBe(0);
});

test("A row that turns bad leaves the portal's state as it is, and is not read again by each compare", async () => {
  const erp = estates(2);
  const bench = await start({ erp });
  await bench.pass(5_000);
  erp.put("parents", "p1", { name: "bad", parent: null });
  await bench.pass(5_000);
  erp.reads.clear();
  bench.capture.syncNow(undefined, true);
  await bench.pass(5_000);
  bench.portal.pull();
  expect(bench.portal.entities.get("property:p1")).toEqual({ name: "Estate 1" });
  expect(erp.reads.get("p1")).toBeUndefined();
});

test("A bad row that returns to its last sent state leaves quarantine and sends nothing", async () => {
  const erp = estates(2);
  const bench = await start({ erp });
  await bench.pass(5_000);
  bench.portal.pull();
  erp.put("parents", "p1", { name: "bad", parent: null });
  await bench.pass(5_000);
  erp.put("parents", "p1", { name: "Estate 1", parent: null });
  await bench.pass(5_000);
  const before = bench.portal.log.length;
  bench.portal.pull();
  expect([bench.store.quarantine.count(), bench.portal.log.length]).toEqual([0, before]);
});

test("An unknown parent is read first, so that its child goes right behind it and is never parked", async () => {
  const erp = estates(1);
  const bench = await start({ erp, cursor: false, compareEveryMs: 3_600_000 });
  await bench.pass(5_000);
  // No signal has spoken of the parent yet.
  erp.put("parents", "new", { name: "New", parent: null });
  erp.put("children", "c1", { name: "House", parent: "new" });
  bench.store.pending.mark("children", ["c1"], { now: bench.clock.now(), confirm: false });
  const parked: number[] = [];
  bench.store.pending.onMark(() => parked.push(bench.store.quarantine.count()));
  await bench.pass(1_000);
  bench.portal.pull();
  expect(bench.portal.entities).toEqual(bench.expected());
  expect(parked.every((count) => count === 0)).toBe(true);
});

test("A child whose parent does not exist is parked and named, delays no other, and goes when the parent has arrived", async () => {
  const erp = estates(2);
  erp.put("children", "c0", { name: "Lost", parent: "p9" });
  erp.put("children", "c1", { name: "House", parent: "p1" });
  const bench = await start({ erp });
  await bench.pass(8_000);
  bench.portal.pull();
  expect(bench.portal.entities).toEqual(bench.expected());
  expect(bench.store.quarantine.list()).toMatchObject([
    { key: "c0", code: "parent-missing", waitsFor: { source: "parents", key: "p9" } },
  ]);
  erp.put("parents", "p9", { name: "Late", parent: null });
  await bench.pass(5_000);
  bench.portal.pull();
  expect(bench.portal.entities).toEqual(bench.expected());
  expect(bench.store.quarantine.count()).toBe(0);
});

test("A reference that may be left out is, while its parent is not there, and comes with the parent", async () => {
  const erp = estates(1);
  erp.put("children", "c0", { name: "House", parent: "p9" });
  const bench = await start({ erp, missing: "omit" });
  await bench.pass(5_000);
  bench.portal.pull();
  expect(bench.portal.entities.get("building:c0")).toEqual({ name: "House" });
  expect(bench.store.quarantine.count()).toBe(0);
  erp.put("parents", "p9", { name: "Late", parent: null });
  await bench.pass(5_000);
  bench.portal.pull();
  expect(bench.portal.entities.get("building:c0")).toEqual({ name: "House", propertyId: "p9" });
});

test("A parent that goes takes a reference that may be left out with it, and not its child", async () => {
  const erp = estates(2);
  erp.put("children", "c0", { name: "House", parent: "p1" });
  const bench = await start({ erp, missing: "omit" });
  await bench.pass(5_000);
  erp.remove("parents", "p1");
  bench.capture.syncNow(undefined, true);
  await bench.pass(90_000);
  bench.portal.pull();
  expect(bench.portal.entities).toEqual(
    new Map([
      ["property:p0", { name: "Estate 0" }],
      ["building:c0", { name: "House" }],
    ]),
  );
});

test("An entity larger than a frame is quarantined with its size, and the others go", async () => {
  const erp = estates(3);
  const bench = await start({ erp });
  bench.store.outbox.setMaxFrameBytes(2_000);
  await bench.pass(5_000);
  erp.put("parents", "p1", { name: "x".repeat(5_000), parent: null });
  erp.put("parents", "p2", { name: "Changed", parent: null });
  await bench.pass(5_000);
  bench.portal.pull();
  expect(bench.portal.entities.get("property:p2")).toEqual({ name: "Changed" });
  expect(bench.store.quarantine.list()).toMatchObject([
    { key: "p1", code: "too-large", message: expect.stringContaining("5011 bytes") },
  ]);
});

test("What the portal refuses is parked with its reason, not sent again as it is, and sent when it changes", async () => {
  const erp = estates(3);
  const bench = await start({ erp });
  await bench.pass(5_000);
  bench.portal.pull(({ id }) => (id === "p1" ? { code: "invalid", reason: "name is taken" } : undefined));
  expect(bench.store.quarantine.list()).toMatchObject([{ key: "p1", code: "refused-invalid", message: "name is taken" }]);
  expect(bench.portal.entities.size).toBe(2);
  bench.capture.syncNow(undefined, true);
  await bench.pass(5_000);
  const next = bench.store.outbox.bounds().next;
  expect(next).toBe(4);
  erp.put("parents", "p1", { name: "Free name", parent: null });
  await bench.pass(5_000);
  bench.portal.pull();
  expect(bench.portal.entities).toEqual(bench.expected());
  expect(bench.store.quarantine.count()).toBe(0);
});

test("A refused state is sent again as it is once a person has released it", async () => {
  const erp = estates(2);
  const bench = await start({ erp });
  await bench.pass(5_000);
  bench.portal.pull(({ id }) => (id === "p1" ? { code: "invalid", reason: "no" } : undefined));
  expect(bench.capture.release("parents", "p1")).toBe(1);
  await bench.pass(1_000);
  bench.portal.pull();
  expect(bench.portal.entities).toEqual(bench.expected());
  expect(bench.store.quarantine.count()).toBe(0);
});

test("A changed mapping sends a refused state again", async () => {
  const options = { erp: estates(2), fingerprint: "1" };
  const bench = await start(options);
  await bench.pass(5_000);
  bench.portal.pull(({ id }) => (id === "p1" ? { code: "invalid", reason: "no" } : undefined));
  options.fingerprint = "2";
  await bench.crash();
  await bench.pass(5_000);
  const before = bench.portal.log.length;
  bench.portal.pull();
  expect(bench.portal.entities).toEqual(bench.expected());
  // Only what the portal did not have: the other one is equal under the new mapping too.
  expect(bench.portal.log.length - before).toBe(1);
});

test("What the portal wants later is sent again after the time it named", async () => {
  const bench = await start({ erp: estates(2) });
  await bench.pass(5_000);
  bench.portal.pull(({ id }) => (id === "p1" ? { code: "later", reason: "busy", retryAfterMs: 20_000 } : undefined));
  await bench.pass(15_000);
  bench.portal.pull();
  expect(bench.portal.entities.has("property:p1")).toBe(false);
  await bench.pass(6_000);
  bench.portal.pull();
  expect(bench.portal.entities).toEqual(bench.expected());
});

test("A child refused for its parent waits for it; a parent parked itself brings the child along when it is mended", async () => {
  const erp = estates(2);
  erp.put("children", "c0", { name: "House", parent: "p1" });
  const bench = await start({ erp });
  await bench.pass(5_000);
  bench.portal.pull(({ id }) => {
    if (id === "p1") return { code: "invalid", reason: "no" };
    return id === "c0" ? { code: "unknown-parent", reason: "p1 is not known" } : undefined;
  });
  expect(bench.store.quarantine.list()).toMatchObject([
    { key: "p1", code: "refused-invalid" },
    { key: "c0", code: "refused-unknown-parent", waitsFor: { source: "parents", key: "p1" } },
  ]);
  erp.put("parents", "p1", { name: "Mended", parent: null });
  await bench.pass(5_000);
  bench.portal.pull();
  expect(bench.portal.entities).toEqual(bench.expected());
  expect(bench.store.quarantine.count()).toBe(0);
});

test("A parent that only the portal lost is sent again for the child that misses it, once", async () => {
  const erp = estates(2);
  const bench = await start({ erp });
  await bench.pass(5_000);
  bench.portal.pull();
  bench.portal.entities.delete("property:p1");
  erp.put("children", "c0", { name: "House", parent: "p1" });
  await bench.pass(5_000);
  const missing = ({ id }: { id: string }) => (id === "c0" ? ({ code: "unknown-parent", reason: "p1" } as const) : undefined);
  bench.portal.pull(missing);
  await bench.pass(5_000);
  bench.portal.pull();
  expect(bench.portal.entities).toEqual(bench.expected());
  // A portal that goes on refusing is not fed for ever.
  erp.put("children", "c0", { name: "House renamed", parent: "p1" });
  for (let round = 0; round < 5; round++) {
    await bench.pass(5_000);
    bench.portal.pull(missing);
  }
  expect(bench.portal.log.filter(({ id }) => id === "property:p1")).toHaveLength(2);
});

test("The refusal of a state that a later one in the outbox replaces changes nothing", async () => {
  const erp = estates(2);
  const bench = await start({ erp });
  await bench.pass(5_000);
  erp.put("parents", "p1", { name: "Second", parent: null });
  await bench.pass(5_000);
  bench.portal.pull(({ id, seq }) => (id === "p1" && seq <= 2 ? { code: "invalid", reason: "old" } : undefined));
  expect(bench.store.quarantine.count()).toBe(0);
  expect(bench.portal.entities).toEqual(bench.expected());
});
