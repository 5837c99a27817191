// Polls that bring the rows along, while changes come one upon the other: what they may be taken for, and what still has to be asked.
import { expect, test } from "vitest";
import { type Bench, captureBench } from "./bench.ts";
import { type FakeErp, fakeErp } from "./fake-erp.ts";
import { gate } from "./gate.ts";

const { start } = captureBench();

/** An agent whose polls bring rows along now: the last one had news. */
async function busy(moments: Partial<Record<string, number>> = {}): Promise<{ erp: FakeErp; bench: Bench }> {
  const erp = fakeErp("showing");
  for (let no = 0; no < 4; no++) erp.put("parents", `p${no}`, { name: `Estate ${no}`, parent: null });
  const polls = { everyMs: 50, overlap: 1_000 };
  const bench = await start({ erp, compareEveryMs: 3_600_000, cursorKind: "timestamp", polls });
  await bench.pass(5_000);
  erp.put("parents", "p0", { name: "The first change", parent: null });
  await bench.pass(100, 10);
  erp.at = async (moment) => {
    moments[moment] = (moments[moment] ?? 0) + 1;
  };
  return { erp, bench };
}

const namesOf = (bench: Bench, id: string): string[] => {
  const names: string[] = [];
  const { portal } = bench;
  const set = portal.entities.set.bind(portal.entities);
  portal.entities.set = (name, fields) => {
    if (name === id) names.push(String(fields.name));
    return set(name, fields);
  };
  portal.pull();
  return names;
};

test("A row that its poll brought along is sent without a read by key, and confirmed by one", async () => {
  const { erp, bench } = await busy();
  erp.reads.clear();
  erp.put("parents", "p1", { name: "Changed", parent: null });
  await bench.pass(60, 10);
  bench.portal.pull();
  expect(bench.portal.entities).toEqual(bench.expected());
  expect(erp.reads.get("p1")).toBeUndefined();
  expect(bench.store.pending.get("parents", "p1")).toMatchObject({ stage: "confirm", owesConfirm: true });
  await bench.pass(3_000);
  expect(erp.reads.get("p1")).toBe(1);
  expect(bench.store.pending.count()).toBe(0);
});

/** A poll that has seen an older state of p1 waits until what this returns is called. The newer one has the same stamp: no later poll tells of it. */
async function holdPoll(erp: FakeErp, bench: Bench): Promise<() => void> {
  const { passed, open } = gate();
  let held = false;
  erp.put("parents", "p1", { name: "Older", parent: null });
  erp.at = async (moment) => {
    if (moment !== "poll-rows" || held) return;
    held = true;
    await passed;
  };
  await bench.pass(60, 10);
  expect(held).toBe(true);
  const stamp = erp.tables.parents.get("p1")?.stamp as number;
  erp.tables.parents.set("p1", { name: "Newer", parent: null, stamp });
  return open;
}

test("A row that a poll brought along is not taken once its key was read by somebody else meanwhile", async () => {
  const { erp, bench } = await busy();
  const open = await holdPoll(erp, bench);
  await bench.until(bench.capture.readBack("parents", "p1", AbortSignal.timeout(5_000)));
  open();
  await bench.pass(1_000);
  expect(namesOf(bench, "property:p1")).toEqual(["Estate 1", "Newer"]);
});

test("A row that a poll brought along is not taken over what a compare shows meanwhile", async () => {
  const { erp, bench } = await busy();
  const open = await holdPoll(erp, bench);
  bench.capture.syncNow("parents", true);
  await bench.pass(2_000);
  open();
  await bench.pass(1_000);
  expect(namesOf(bench, "property:p1")).toEqual(["Estate 1", "Newer"]);
});

test("While a compare runs rows come by key, as it is told of these alone", async () => {
  const { erp, bench } = await busy();
  const { passed, open } = gate();
  erp.at = async (moment) => {
    if (moment === "scan-page") await passed;
  };
  bench.capture.syncNow("parents", true);
  await bench.pass(20, 10);
  erp.reads.clear();
  erp.put("parents", "p2", { name: "Changed", parent: null });
  await bench.pass(200, 10);
  expect(erp.reads.get("p2")).toBe(1);
  open();
  await bench.pass(5_000);
  bench.portal.pull();
  expect(bench.portal.entities).toEqual(bench.expected());
});

test("What is committed long after its stamp is found by the next look at the whole overlap, a quarter of a second later at the latest", async () => {
  const { erp, bench } = await busy();
  for (let no = 0; no < 50; no++) erp.stamp();
  erp.put("parents", "p1", { name: "In time", parent: null });
  await bench.pass(60, 10);
  const late = (erp.tables.parents.get("p1")?.stamp as number) - 40;
  erp.tables.parents.set("p2", { name: "Late", parent: null, stamp: late });
  await bench.pass(300, 10);
  bench.portal.pull();
  expect(bench.portal.entities).toEqual(bench.expected());
});

test("What was committed late just before a crash is found after it: the position never passes what nobody has looked for", async () => {
  const { erp, bench } = await busy();
  const first = erp.tables.parents.get("p0")?.stamp as number;
  // Each turn is half a second of stamps: after four of them the first lies two overlaps behind.
  for (let turn = 1; turn <= 4; turn++) {
    for (let no = 1; no < 50; no++) erp.stamp();
    erp.put("parents", "p1", { name: `Turn ${turn}`, parent: null });
    // Within the overlap of any poll from now on, had it looked.
    if (turn === 2) erp.tables.parents.set("p2", { name: "Late", parent: null, stamp: first + 10 });
    await bench.pass(50, 10);
  }
  bench.portal.pull();
  expect(bench.portal.entities.get("property:p1")).toEqual({ name: "Turn 4" });
  await bench.crash();
  await bench.pass(5_000);
  bench.portal.pull();
  expect(bench.portal.entities).toEqual(bench.expected());
});

test("A restore that takes away the last rows only, and a crash with it, are no deletes: polls have seen further than the position tells", async () => {
  const { erp, bench } = await busy();
  const restore = erp.backup();
  const before = bench.store.sources.position("parents");
  for (const key of ["new-1", "new-2", "new-3"]) {
    erp.put("parents", key, { name: "Lost in a moment", parent: null });
    await bench.pass(50, 10);
  }
  bench.portal.pull();
  expect(bench.portal.entities.get("property:new-3")).toBeDefined();
  expect(bench.store.sources.position("parents")).toBe(before);
  restore();
  await bench.crash();
  await bench.pass(1_000);
  expect(bench.store.journal.list({ kind: "history", limit: 9 }).length).toBeGreaterThan(0);
  await bench.pass(20_000);
  bench.portal.pull();
  expect(bench.portal.log.filter(({ op }) => op === "delete")).toEqual([]);
});

test("A row that has left its source is noted by the poll, and deleted as any other that is not found", async () => {
  const { erp, bench } = await busy();
  erp.put("parents", "p3", { name: "Of another company", parent: null });
  erp.outside.add("p3");
  await bench.pass(60, 10);
  expect(bench.store.pending.get("parents", "p3")?.stage).toBe("confirm");
  await bench.pass(10_000);
  bench.portal.pull();
  expect(bench.portal.log.filter(({ op }) => op === "delete").map(({ id }) => id)).toEqual(["property:p3"]);
});

test("An idle agent's polls are the plain ones, and a poll that brings too many rows gives way to them", async () => {
  const moments: Partial<Record<string, number>> = {};
  const { erp, bench } = await busy(moments);
  await bench.pass(2_000, 10);
  for (const name of Object.keys(moments)) delete moments[name];
  await bench.pass(1_000, 10);
  expect(moments["poll-rows"]).toBeUndefined();
  for (let no = 0; no < 300; no++) erp.put("parents", `many-${no}`, { name: "One of many", parent: null });
  await bench.pass(500, 10);
  expect(moments["poll-rows"] ?? 0).toBeLessThan(3);
  await bench.pass(5_000);
  bench.portal.pull();
  expect(bench.portal.entities).toEqual(bench.expected());
});
