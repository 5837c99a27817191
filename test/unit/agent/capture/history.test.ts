import { expect, test } from "vitest";
import { takenOverAt } from "../../../../agent/capture/identity.ts";
import { restoreLastsMs } from "../../../../agent/capture/lost-history.ts";
import { FuserError } from "../../../../base/errors.ts";
import { type Bench, captureBench } from "./bench.ts";
import { fakeErp } from "./fake-erp.ts";

const { start } = captureBench();

function estates(count: number) {
  const erp = fakeErp();
  for (let no = 0; no < count; no++) erp.put("parents", `p${no}`, { name: `Estate ${no}`, parent: null });
  return erp;
}
const deletes = (bench: Bench): string[] => bench.portal.log.filter(({ op }) => op === "delete").map(({ id }) => id);
const journal = (bench: Bench) => bench.store.journal.list({ kind: "history", limit: 9 });
/** Sources that were begun anew, each once. */
const concerned = (bench: Bench) =>
  journal(bench)
    .map(({ source }) => source)
    .sort();
/** The restore is over for certain, and a full compare has seen it. */
async function afterRestore(bench: Bench): Promise<void> {
  bench.clock.advance(restoreLastsMs);
  bench.capture.syncNow(undefined, true);
  await bench.pass(8_000);
}

/** The loss is settled: a later delete needs no approval. */
async function deletesWithoutApproval(bench: Bench, key: string): Promise<void> {
  bench.erp.remove("parents", key);
  bench.capture.syncNow(undefined, true);
  await bench.pass(8_000);
  bench.portal.pull();
  expect(bench.portal.entities).toEqual(bench.expected());
}

test("An ERP restored from its backup is recognised: changed rows go back, and what was added since is deleted only with approval", async () => {
  const erp = estates(5);
  const bench = await start({ erp, compareEveryMs: 3_600_000 });
  await bench.pass(5_000);
  const restore = erp.backup();
  erp.put("parents", "p1", { name: "Renamed since", parent: null });
  for (let no = 5; no < 9; no++) erp.put("parents", `p${no}`, { name: `Added ${no}`, parent: null });
  await bench.pass(5_000);
  bench.portal.pull();
  restore();
  await bench.pass(10_000);
  bench.portal.pull();
  expect(concerned(bench)).toEqual(["children", "parents"]);
  expect(bench.portal.entities.get("property:p1")).toEqual({ name: "Estate 1" });
  expect(deletes(bench)).toEqual([]);
  expect(bench.store.guards.list()).toMatchObject([{ kind: "history", count: 4, state: "open" }]);
  bench.capture.decideGuard(1, "approve");
  await bench.pass(5_000);
  bench.portal.pull();
  expect(bench.portal.entities).toEqual(bench.expected());
  await afterRestore(bench);
  await deletesWithoutApproval(bench, "p2");
});

test("An ERP that was restored while the agent was down is recognised at its start", async () => {
  const erp = estates(5);
  const bench = await start({ erp, compareEveryMs: 3_600_000 });
  await bench.pass(5_000);
  const restore = erp.backup();
  erp.put("parents", "p1", { name: "Renamed since", parent: null });
  await bench.pass(5_000);
  bench.portal.pull();
  restore();
  // Life has gone on past the position by the time the agent is back.
  for (let no = 0; no < 3; no++) erp.put("parents", "p4", { name: `After ${no}`, parent: null });
  await bench.crash();
  await bench.pass(8_000);
  bench.portal.pull();
  expect(concerned(bench)).toEqual(["children", "parents"]);
  expect(bench.portal.entities).toEqual(bench.expected());
});

test("A restore that one source shows concerns all of them: what is missing elsewhere waits for approval as well", async () => {
  const erp = estates(5);
  const bench = await start({ erp, compareEveryMs: 3_600_000 });
  await bench.pass(5_000);
  const restore = erp.backup();
  erp.put("children", "c1", { name: "Added since", parent: "p0" });
  erp.put("parents", "p1", { name: "Renamed since", parent: null });
  await bench.pass(5_000);
  bench.portal.pull();
  restore();
  await bench.pass(10_000);
  bench.portal.pull();
  expect(deletes(bench)).toEqual([]);
  expect(bench.store.guards.list()).toMatchObject([{ source: "children", kind: "history", count: 1, state: "open" }]);
});

test("A backup that is loaded table by table: what a table loses after it was compared waits for approval as well", async () => {
  const erp = estates(5);
  for (let no = 0; no < 5; no++) erp.put("children", `c${no}`, { name: `House ${no}`, parent: `p${no}` });
  const bench = await start({ erp, compareEveryMs: 3_600_000 });
  await bench.pass(5_000);
  const restore = erp.backup();
  // The table has no cursor column to show the loss.
  erp.put("children", "added", { name: "Added since", parent: "p0" });
  erp.put("parents", "p1", { name: "Renamed since", parent: null });
  await bench.pass(5_000);
  bench.capture.syncNow(undefined, true);
  await bench.pass(8_000);
  bench.portal.pull();
  const { children } = erp.tables;
  restore();
  const { children: restored } = erp.tables;
  erp.tables.children = children;
  await bench.pass(restoreLastsMs / 10);
  expect(concerned(bench)).toEqual(["children", "parents"]);
  // So far all was found in order.
  expect([bench.store.pending.count(), bench.store.guards.list()]).toEqual([0, []]);
  erp.tables.children = restored;
  bench.capture.syncNow(undefined, true);
  await bench.pass(10_000);
  bench.portal.pull();
  expect(deletes(bench)).toEqual([]);
  expect(bench.store.guards.list()).toMatchObject([{ source: "children", kind: "history", count: 1, state: "open" }]);
  bench.capture.decideGuard(1, "approve");
  await bench.pass(5_000);
  bench.portal.pull();
  expect(bench.portal.entities).toEqual(bench.expected());
});

test("What a person keeps after a restore stays at the portal for good, until it is released or returns", async () => {
  const erp = estates(5);
  const bench = await start({ erp, compareEveryMs: 3_600_000 });
  await bench.pass(5_000);
  const restore = erp.backup();
  for (let no = 5; no < 9; no++) erp.put("parents", `p${no}`, { name: `Added ${no}`, parent: null });
  await bench.pass(5_000);
  bench.portal.pull();
  restore();
  await bench.pass(10_000);
  expect(bench.capture.decideGuard(1, "reject")).toBe(4);
  for (let turn = 0; turn < 2; turn++) {
    bench.capture.syncNow(undefined, true);
    await bench.pass(10_000);
  }
  bench.portal.pull();
  expect(deletes(bench)).toEqual([]);
  expect(bench.store.pending.count()).toBe(0);
  expect(bench.store.guards.list().filter(({ state }) => state === "open")).toEqual([]);
  const kept = () => bench.store.quarantine.list().map(({ key, code }) => `${key} ${code}`);
  expect(kept()).toEqual(["p5", "p6", "p7", "p8"].map((key) => `${key} kept-at-portal`));
  erp.put("parents", "p5", { name: "Entered again", parent: null });
  bench.capture.release("parents", "p6");
  await bench.pass(10_000);
  bench.portal.pull();
  expect(bench.portal.entities.get("property:p5")).toEqual({ name: "Entered again" });
  expect(deletes(bench)).toEqual(["property:p6"]);
  expect(kept()).toEqual(["p7", "p8"].map((key) => `${key} kept-at-portal`));
  // Of all at once the guard asks once more.
  bench.capture.release("parents");
  await bench.pass(10_000);
  bench.portal.pull();
  expect(deletes(bench)).toEqual(["property:p6"]);
  expect(bench.store.guards.list()).toContainEqual(expect.objectContaining({ kind: "history", count: 2, state: "open" }));
});

test("Deleting the newest row alone is no restore: it is a delete like any other, found without a compare", async () => {
  const erp = estates(5);
  const bench = await start({ erp, compareEveryMs: 3_600_000 });
  await bench.pass(5_000);
  erp.put("parents", "p9", { name: "Newest", parent: null });
  await bench.pass(5_000);
  bench.portal.pull();
  erp.remove("parents", "p9");
  await bench.pass(8_000);
  bench.portal.pull();
  expect(journal(bench)).toEqual([]);
  expect(deletes(bench)).toEqual(["property:p9"]);
  erp.put("parents", "p1", { name: "Goes on", parent: null });
  await bench.pass(5_000);
  bench.portal.pull();
  expect(bench.portal.entities).toEqual(bench.expected());
});

test("While a cursor column can't be asked rows that are gone are not believed to be; their source goes on, and deletes them once it can", async () => {
  const erp = estates(3);
  for (const key of ["c1", "c2"]) erp.put("children", key, { name: `House ${key}`, parent: "p1" });
  const bench = await start({ erp, compareEveryMs: 3_600_000 });
  await bench.pass(5_000);
  erp.put("parents", "p2", { name: "Sampled", parent: null });
  await bench.pass(5_000);
  erp.at = async (moment, table) => {
    if (moment !== "poll" || table !== "parents") return;
    throw new FuserError("config", "No such table", { code: "erp-object-missing", operation: "look for changes" });
  };
  erp.remove("children", "c2");
  erp.put("children", "c1", { name: "Renamed", parent: "p1" });
  bench.store.pending.mark("children", ["c2"], { now: bench.clock.now(), confirm: false });
  await bench.pass(20_000);
  bench.portal.pull();
  expect(deletes(bench)).toEqual([]);
  expect(bench.portal.entities.get("building:c1")).toMatchObject({ name: "Renamed" });
  const states = Object.fromEntries(bench.capture.status().map(({ source, state }) => [source, state]));
  expect(states).toEqual({ parents: "failing", children: "active" });
  erp.at = async () => undefined;
  bench.capture.syncNow(undefined, false);
  await bench.pass(60_000);
  bench.portal.pull();
  expect(deletes(bench)).toEqual(["building:c2"]);
  expect(bench.portal.entities).toEqual(bench.expected());
});

test("A table that was emptied and filled again goes on without a restore being suspected from its first row", async () => {
  const erp = estates(1);
  const bench = await start({ erp, compareEveryMs: 3_600_000 });
  await bench.pass(5_000);
  erp.remove("parents", "p0");
  await bench.pass(8_000);
  erp.put("parents", "p1", { name: "Next", parent: null });
  await bench.pass(5_000);
  bench.portal.pull();
  expect(bench.portal.entities).toEqual(bench.expected());
  expect(journal(bench)).toEqual([]);
});

test("A row that is deleted while its mark is looked up is no sign of an older state", async () => {
  const erp = fakeErp();
  for (const key of ["p1", "p2"]) erp.put("parents", key, { name: "Estate", parent: null });
  const bench = await start({ erp, compareEveryMs: 3_600_000 });
  await bench.pass(5_000);
  erp.put("parents", "p1", { name: "Changed", parent: null });
  await bench.pass(5_000);
  bench.portal.pull();
  // After a start the rows that were seen last are looked up: whether they are there, then their marks.
  let looked = 0;
  erp.at = async (moment, table, keys) => {
    if (moment !== "read-keys" || table !== "parents" || keys.length < 2) return;
    looked += 1;
    erp.remove("parents", "p1");
  };
  await bench.crash();
  await bench.pass(10_000);
  expect(looked).toBeGreaterThan(0);
  expect(journal(bench)).toEqual([]);
  bench.capture.syncNow("parents", true);
  await bench.pass(10_000);
  bench.portal.pull();
  expect(bench.portal.entities).toEqual(bench.expected());
});

test("A database whose own position went back has lost its history, whatever its rows show", async () => {
  const erp = estates(3);
  erp.identity.position = { "0": "0-1-500" };
  const bench = await start({ erp, compareEveryMs: 3_600_000 });
  await bench.pass(5_000);
  bench.portal.pull();
  erp.identity.position = { "0": "0-1-499" };
  erp.remove("parents", "p1");
  await bench.pass(75_000);
  bench.portal.pull();
  expect(journal(bench).length).toBeGreaterThan(0);
  expect(deletes(bench)).toEqual([]);
  expect(bench.store.guards.list()).toMatchObject([{ kind: "history", count: 1 }]);
});

test("A restore to just before a write of our own is seen by the position, for that is asked soon after the write", async () => {
  const erp = estates(3);
  erp.identity.position = { "0": "0-1-500" };
  const bench = await start({ erp, compareEveryMs: 3_600_000 });
  await bench.pass(5_000);
  erp.identity.position = { "0": "0-1-501" };
  await bench.capture.readBack("parents", "p1", new AbortController().signal);
  await bench.pass(2_000);
  erp.identity.position = { "0": "0-1-500" };
  await bench.pass(62_000);
  expect(journal(bench).length).toBeGreaterThan(0);
});

test("After a write of our own its source is polled soon, not once for each, and a restore to just before it is seen by its mark", async () => {
  const erp = estates(3);
  const bench = await start({ erp, compareEveryMs: 3_600_000, cursor: true, polls: { everyMs: 1_800_000, overlap: 20 } });
  await bench.pass(5_000);
  const restore = erp.backup();
  erp.put("parents", "p1", { name: "Written by a command", parent: null });
  let polls = 0;
  const { changedSince } = erp.connector;
  erp.connector.changedSince = (query, ...more) => {
    polls += query.table === "parents" ? 1 : 0;
    return changedSince(query, ...more);
  };
  for (let command = 0; command < 20; command++) await bench.capture.readBack("parents", "p1", new AbortController().signal);
  await bench.pass(3_000);
  expect(polls).toBeGreaterThan(0);
  expect(polls).toBeLessThan(5);
  bench.portal.pull();
  restore();
  bench.capture.syncNow("parents", false);
  await bench.pass(5_000);
  expect(journal(bench).map(({ source }) => source)).toContain("parents");
});

test("A lost history without anything missing needs no approval and settles by itself", async () => {
  const erp = estates(3);
  erp.identity.position = { "0": "0-1-500" };
  const bench = await start({ erp, compareEveryMs: 3_600_000 });
  await bench.pass(5_000);
  erp.identity.position = { "0": "0-1-400" };
  await bench.pass(70_000);
  expect(bench.store.guards.list()).toEqual([]);
  await afterRestore(bench);
  await deletesWithoutApproval(bench, "p1");
});

test("A clock that was a year ahead when the history was lost puts the end of the restore off by no more than the hour", async () => {
  const erp = estates(3);
  erp.identity.position = { "0": "0-1-500" };
  const bench = await start({ erp, compareEveryMs: 3_600_000 });
  await bench.pass(5_000);
  bench.clock.setWall(bench.clock.now() + 8_760 * 3_600_000);
  erp.identity.position = { "0": "0-1-400" };
  await bench.pass(70_000);
  expect(concerned(bench)).toEqual(["children", "parents"]);
  bench.clock.setWall(bench.clock.now() - 8_760 * 3_600_000);
  bench.capture.syncNow(undefined, true);
  await bench.pass(8_000);
  await afterRestore(bench);
  await deletesWithoutApproval(bench, "p1");
});

test("Another database under the agent's feet ends its run with a remedy, and nothing of it is sent", async () => {
  const erp = estates(3);
  const bench = await start({ erp });
  await bench.pass(5_000);
  bench.portal.pull();
  erp.identity.database = "copy";
  erp.tables.parents.clear();
  await expect(bench.until(bench.failure())).rejects.toThrow(
    expect.objectContaining({ code: "erp-other-database", hint: expect.stringContaining("--accept-database") }),
  );
  bench.portal.pull();
  expect(deletes(bench)).toEqual([]);
});

test("Another server of the same family that goes on where the first one stopped is compared in full, and its deletes are as good as any", async () => {
  const erp = estates(3);
  Object.assign(erp.identity, { family: "one,other", position: { "0": "0-1-500" } });
  const bench = await start({ erp, compareEveryMs: 3_600_000 });
  await bench.pass(70_000);
  bench.portal.pull();
  expect(takenOverAt(bench.store.meta)).toBeUndefined();
  Object.assign(erp.identity, { database: "other", position: { "0": "0-2-501" } });
  erp.remove("parents", "p1");
  await bench.pass(130_000);
  bench.portal.pull();
  expect(journal(bench)).toEqual([]);
  // Commands may have been lost all the same.
  expect(takenOverAt(bench.store.meta)).toBeLessThan(bench.clock.now());
  expect(bench.portal.entities).toEqual(bench.expected());
  expect(bench.store.guards.list()).toEqual([]);
});

test("A server that has counted past what it lacks of the one before it is a loss of history all the same, where it tells whose its numbers are", async () => {
  const erp = estates(3);
  Object.assign(erp.identity, { family: "one,other", position: { "0": "0-1-500" }, parts: { "0-1": "500" } });
  const bench = await start({ erp, compareEveryMs: 3_600_000 });
  await bench.pass(5_000);
  bench.portal.pull();
  Object.assign(erp.identity, { database: "other", position: { "0": "0-2-510" }, parts: { "0-2": "510" } });
  await bench.pass(75_000);
  expect(journal(bench)).toEqual([]);
  Object.assign(erp.identity, { database: "third", position: { "0": "0-3-520" }, parts: { "0-2": "509", "0-3": "520" } });
  erp.remove("parents", "p1");
  await bench.pass(75_000);
  bench.portal.pull();
  expect(journal(bench).length).toBeGreaterThan(0);
  expect(deletes(bench)).toEqual([]);
});

test("What ended before the position is compared where it is told, and missed by nobody where it no longer is", async () => {
  const erp = estates(3);
  Object.assign(erp.identity, { position: { "1": "500" } });
  const bench = await start({ erp, compareEveryMs: 3_600_000 });
  await bench.pass(5_000);
  Object.assign(erp.identity, { position: { "2": "510" }, past: { "1": "500" } });
  await bench.pass(75_000);
  // The account lost the right by which it was told.
  Object.assign(erp.identity, { position: { "2": "520" }, past: {} });
  await bench.pass(75_000);
  expect(journal(bench)).toEqual([]);
  Object.assign(erp.identity, { position: { "3": "530" }, past: { "1": "500", "2": "519" } });
  await bench.pass(75_000);
  expect(journal(bench).length).toBeGreaterThan(0);
});

test("Another server of the same family that lacks what the first one had is a loss of history, and one of another family ends the run", async () => {
  const erp = estates(3);
  Object.assign(erp.identity, { family: "one,other", position: { "0": "0-1-500" } });
  const bench = await start({ erp, compareEveryMs: 3_600_000 });
  await bench.pass(5_000);
  bench.portal.pull();
  Object.assign(erp.identity, { database: "other", position: { "0": "0-1-499" } });
  erp.remove("parents", "p1");
  await bench.pass(75_000);
  bench.portal.pull();
  expect(journal(bench).length).toBeGreaterThan(0);
  expect(deletes(bench)).toEqual([]);
  Object.assign(erp.identity, { database: "third", family: "one,third" });
  await expect(bench.until(bench.failure())).rejects.toThrow(expect.objectContaining({ code: "erp-other-database" }));
});

test("Another replica of the same database that has taken over is compared in full, whatever its position; one that is only read from meanwhile is none", async () => {
  const erp = estates(3);
  Object.assign(erp.identity, { server: "one", position: { rowversion: "500" } });
  const bench = await start({ erp, cursor: false, compareEveryMs: 3_600_000 });
  await bench.pass(70_000);
  // No compare follows from what only answers reads, nor from the primary that is back.
  erp.identity.server = undefined;
  erp.put("parents", "p2", { name: "Changed by nobody who told", parent: null });
  await bench.pass(130_000);
  erp.identity.server = "one";
  await bench.pass(130_000);
  bench.portal.pull();
  expect(bench.portal.entities).not.toEqual(bench.expected());
  Object.assign(erp.identity, { server: "other", position: { rowversion: "501" } });
  await bench.pass(130_000);
  bench.portal.pull();
  expect(journal(bench)).toEqual([]);
  expect(bench.portal.entities).toEqual(bench.expected());
  await bench.crash();
  await bench.pass(5_000);
  expect(bench.portal.entities).toEqual(bench.expected());
});

test("Samples older than remembered are found by the position of one row alone", async () => {
  const erp = estates(5);
  const bench = await start({ erp, compareEveryMs: 3_600_000 });
  await bench.pass(5_000);
  const restore = erp.backup();
  erp.put("parents", "p3", { name: "Only change since", parent: null });
  await bench.pass(5_000);
  bench.portal.pull();
  restore();
  await bench.pass(8_000);
  bench.portal.pull();
  expect(concerned(bench)).toEqual(["children", "parents"]);
  expect(bench.portal.entities).toEqual(bench.expected());
});

test("A database that a person has accepted in place of another one is compared in full, and deletes wait for approval", async () => {
  const erp = estates(5);
  const bench = await start({ erp, compareEveryMs: 3_600_000 });
  await bench.pass(5_000);
  bench.portal.pull();
  erp.identity.database = "moved";
  erp.remove("parents", "p1");
  bench.store.meta.set("erp.identity", undefined);
  await bench.crash();
  await bench.pass(8_000);
  bench.portal.pull();
  expect(journal(bench).length).toBeGreaterThan(0);
  expect(deletes(bench)).toEqual([]);
  expect(bench.store.guards.list()).toMatchObject([{ kind: "history", count: 1 }]);
});

test("A row that a restore took away is not deleted before the cursor columns were asked, where the database itself tells no history", async () => {
  const erp = estates(5);
  const bench = await start({ erp, compareEveryMs: 3_600_000, parts: { confirmAfterMs: 100 } });
  await bench.pass(5_000);
  const restore = erp.backup();
  erp.put("children", "added", { name: "Added since", parent: "p0" });
  erp.put("parents", "p1", { name: "Renamed since", parent: null });
  await bench.pass(5_000);
  bench.portal.pull();
  restore();
  // A compare finds it before the next poll could tell.
  bench.capture.wake();
  bench.store.pending.mark("children", ["added"], { now: bench.clock.now(), confirm: false });
  await bench.pass(600);
  expect(concerned(bench)).toEqual(["children", "parents"]);
  await bench.pass(10_000);
  bench.portal.pull();
  expect(deletes(bench)).toEqual([]);
  expect(bench.store.guards.list()).toMatchObject([{ source: "children", kind: "history", count: 1, state: "open" }]);
});

test("A row that a restore took away a moment ago is not deleted before the history was asked for", async () => {
  const erp = estates(5);
  erp.identity.position = { "0": "0-1-10" };
  const bench = await start({ erp, compareEveryMs: 3_600_000 });
  await bench.pass(5_000);
  const restore = erp.backup();
  erp.put("parents", "late", { name: "Added since", parent: null });
  erp.identity.position = { "0": "0-1-11" };
  // Its identity was compared once more, and is so again only in a minute.
  await bench.pass(62_000);
  bench.portal.pull();
  restore();
  erp.identity.position = { "0": "0-1-10" };
  await bench.pass(20_000);
  bench.portal.pull();
  expect(deletes(bench)).toEqual([]);
  expect(bench.store.guards.list()).toMatchObject([{ source: "parents", kind: "history", count: 1, state: "open" }]);
});

test("A second backup loaded after the first, further on than that one, is found by a compare once the ERP answers again", async () => {
  const erp = estates(5);
  const bench = await start({ erp, compareEveryMs: 86_400_000 });
  await bench.pass(5_000);
  const first = erp.backup();
  erp.put("parents", "p1", { name: "Renamed since", parent: null });
  const second = erp.backup();
  for (let no = 5; no < 9; no++) erp.put("parents", `p${no}`, { name: `Added ${no}`, parent: null });
  await bench.pass(5_000);
  // Whatever has told of no loss is compared in its turn.
  bench.capture.erpReturned();
  expect(bench.store.meta.get("compare-owed.parents")).toBeUndefined();
  first();
  await bench.pass(10_000);
  bench.portal.pull();
  expect(bench.portal.entities.get("property:p1")).toEqual({ name: "Estate 1" });
  const { comparedAt } = bench.store.sources.get("parents");
  // Clerks go on meanwhile: neither position nor marks go back.
  for (let no = 0; no < 4; no++) erp.stamp();
  erp.put("parents", "p3", { name: "Changed between", parent: null });
  await bench.pass(5_000);
  second();
  for (let no = 0; no < 9; no++) erp.stamp();
  erp.put("parents", "p3", { name: "Changed after", parent: null });
  bench.capture.erpReturned();
  await bench.pass(70_000, 1_000);
  bench.portal.pull();
  expect(bench.store.sources.get("parents").comparedAt).toBeGreaterThan(comparedAt as number);
  expect(bench.portal.entities.get("property:p1")).toEqual({ name: "Renamed since" });
});
