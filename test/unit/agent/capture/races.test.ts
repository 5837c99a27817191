import { expect, test } from "vitest";
import { FuserError } from "../../../../base/errors.ts";
import { captureBench } from "./bench.ts";
import { fakeErp } from "./fake-erp.ts";
import { gate } from "./gate.ts";

const { start } = captureBench();

/** Something that a test holds open and lets go. */
function estates(count: number) {
  const erp = fakeErp();
  for (let no = 0; no < count; no++) erp.put("parents", `p${no}`, { name: `Estate ${no}`, parent: null });
  return erp;
}

test("A scan that was overtaken by a newer read does not bring the old state back", async () => {
  const erp = estates(3);
  const bench = await start({ erp });
  await bench.pass(5_000);
  const { passed, open } = gate();
  const row = erp.tables.parents.get("p1");
  erp.tables.parents.set("p1", { name: "Old", parent: null, stamp: row?.stamp ?? 0 });
  let held = false;
  erp.at = async (moment, table) => {
    if (moment !== "scan-page" || table !== "parents" || held) return;
    held = true;
    await passed;
  };
  bench.capture.syncNow("parents", true);
  await bench.pass(100);
  expect(held).toBe(true);
  erp.put("parents", "p1", { name: "New", parent: null });
  await bench.pass(6_000);
  open();
  await bench.pass(5_000);
  bench.portal.pull();
  expect(bench.portal.entities).toEqual(bench.expected());
  expect(bench.portal.log.filter(({ id }) => id === "property:p1").length).toBe(2);
});

test("A row that was deleted and drained while the scan still held its page does not come back", async () => {
  const erp = estates(3);
  const bench = await start({ erp, cursor: false, compareEveryMs: 3_600_000 });
  await bench.pass(5_000);
  const { passed, open } = gate();
  erp.tables.parents.set("p1", { name: "Changed unseen", parent: null, stamp: 1 });
  let held = false;
  erp.at = async (moment, table) => {
    if (moment !== "scan-page" || table !== "parents" || held) return;
    held = true;
    await passed;
  };
  bench.capture.syncNow("parents", true);
  await bench.pass(100);
  erp.remove("parents", "p1");
  bench.store.pending.mark("parents", ["p1"], { now: bench.clock.now(), confirm: false });
  await bench.pass(6_000);
  bench.portal.pull();
  expect(bench.portal.entities.has("property:p1")).toBe(false);
  open();
  await bench.pass(1_000);
  bench.portal.pull();
  expect(bench.portal.log.filter(({ id }) => id === "property:p1").map(({ op }) => op)).toEqual(["upsert", "delete"]);
});

test("A row that appeared while a scan ran is neither missed nor suspected", async () => {
  const erp = estates(6);
  const bench = await start({ erp });
  await bench.pass(5_000);
  const { passed, open } = gate();
  let pages = 0;
  erp.at = async (moment, table) => {
    if (moment === "scan-page" && table === "parents" && ++pages === 2) await passed;
  };
  bench.capture.syncNow("parents", true);
  await bench.pass(100);
  // Behind the page that was read, so that the scan never sees it.
  erp.put("parents", "p0a", { name: "New", parent: null });
  await bench.pass(6_000);
  const reads = erp.reads.get("p0a");
  open();
  await bench.pass(6_000);
  bench.portal.pull();
  expect(bench.portal.entities).toEqual(bench.expected());
  expect(erp.reads.get("p0a")).toBe(reads);
  expect(bench.portal.log.filter(({ op }) => op === "delete")).toEqual([]);
});

test("A signal while its key is being read is not lost with the result of that read", async () => {
  const erp = estates(2);
  const bench = await start({ erp, compareEveryMs: 3_600_000 });
  await bench.pass(5_000);
  bench.store.pending.mark("parents", ["p1"], { now: bench.clock.now(), confirm: false });
  const { passed, open } = gate();
  let held = false;
  erp.at = async (moment) => {
    if (moment !== "read-keys" || held) return;
    held = true;
    await passed;
  };
  await bench.pass(100);
  expect(held).toBe(true);
  // Under its old stamp: no poll will speak of it a second time.
  const stamp = erp.tables.parents.get("p1")?.stamp ?? 0;
  erp.tables.parents.set("p1", { name: "Changed meanwhile", parent: null, stamp });
  bench.store.pending.mark("parents", ["p1"], { now: bench.clock.now(), confirm: false });
  open();
  await bench.pass(1_000);
  bench.portal.pull();
  expect(bench.portal.entities.get("property:p1")).toEqual({ name: "Changed meanwhile" });
});

test("An empty read is no delete when its row was only not visible yet, and the row is sent once it is", async () => {
  const erp = estates(2);
  const bench = await start({ erp });
  await bench.pass(5_000);
  erp.invisible.add("p1").add("new");
  erp.put("parents", "p1", { name: "Changed", parent: null });
  erp.put("parents", "new", { name: "New", parent: null });
  await bench.pass(1_500);
  expect(erp.reads.get("new")).toBe(1);
  erp.invisible.clear();
  await bench.pass(5_000);
  bench.portal.pull();
  expect(bench.portal.entities).toEqual(bench.expected());
  expect(bench.portal.log.filter(({ op }) => op === "delete")).toEqual([]);
});

test("Position, signalled key and what its read gave are one commit; the confirming read follows", async () => {
  const erp = estates(2);
  const commits: string[] = [];
  const onCommit = (moment: string, name: string): void => void (moment === "after-commit" && commits.push(name));
  const bench = await start({ erp, compareEveryMs: 3_600_000, onCommit });
  await bench.pass(5_000);
  bench.portal.pull();
  commits.length = 0;
  erp.put("parents", "p1", { name: "Changed", parent: null });
  await bench.pass(1_000);
  expect(commits).toEqual(["signal"]);
  expect(bench.store.sources.position("parents")).toBe(String(erp.tables.parents.get("p1")?.stamp));
  expect(bench.store.outbox.bounds().items).toBe(1);
  expect(bench.store.pending.get("parents", "p1")).toMatchObject({ stage: "confirm" });
  await bench.pass(4_000);
  expect(bench.store.pending.count()).toBe(0);
  expect(commits).toEqual(["signal", "drain"]);
});

test("Signals that come soon after one another are confirmed by one read, none of them too early", async () => {
  const erp = estates(3);
  const commits: { name: string; at: number }[] = [];
  let now = (): number => 0;
  const onCommit = (moment: string, name: string): void => void (moment === "after-commit" && commits.push({ name, at: now() }));
  const bench = await start({ erp, compareEveryMs: 3_600_000, onCommit });
  now = bench.clock.now;
  await bench.pass(5_000);
  commits.length = 0;
  for (const key of ["p1", "p2"]) {
    erp.put("parents", key, { name: "Changed", parent: null });
    bench.capture.syncNow("parents", false);
    await bench.pass(30);
  }
  await bench.pass(5_000);
  expect(commits.map(({ name }) => name)).toEqual(["signal", "signal", "drain"]);
  const [, second, confirmed] = commits.map(({ at }) => at) as [number, number, number];
  expect(confirmed - second).toBeGreaterThanOrEqual(2_000);
  expect(confirmed - second).toBeLessThanOrEqual(2_350);
});

test("A signalled key that can't be read is noted all the same, and its position with it", async () => {
  const erp = estates(2);
  const bench = await start({ erp, compareEveryMs: 3_600_000 });
  await bench.pass(5_000);
  bench.portal.pull();
  erp.at = async (moment) => {
    if (moment !== "read-keys") return;
    throw new FuserError("transient", "locked", { code: "erp-lock-timeout", operation: "read" });
  };
  erp.put("parents", "p1", { name: "Changed", parent: null });
  await bench.pass(1_000);
  expect(bench.store.sources.position("parents")).toBe(String(erp.tables.parents.get("p1")?.stamp));
  expect(bench.store.pending.get("parents", "p1")).toMatchObject({ stage: "marked" });
  erp.at = async () => {};
  await bench.pass(60_000);
  bench.portal.pull();
  expect(bench.portal.entities).toEqual(bench.expected());
});

test("A signal that comes during a read which answers another one is not answered by it", async () => {
  const erp = estates(2);
  const bench = await start({ erp, compareEveryMs: 3_600_000 });
  await bench.pass(5_000);
  const [reading, held] = [gate(), gate()];
  let once = false;
  erp.at = async (moment) => {
    if (moment !== "read-keys" || once) return;
    once = true;
    held.open();
    await reading.passed;
  };
  erp.put("parents", "p1", { name: "Read", parent: null });
  const change = bench.pass(1_000);
  await held.passed;
  // Under the stamp that was seen already: no poll will speak of it a second time.
  const stamp = erp.tables.parents.get("p1")?.stamp ?? 0;
  erp.tables.parents.set("p1", { name: "Changed meanwhile", parent: null, stamp });
  bench.store.pending.mark("parents", ["p1"], { now: bench.clock.now(), confirm: false });
  reading.open();
  await change;
  await bench.pass(5_000);
  bench.portal.pull();
  expect(bench.portal.entities.get("property:p1")).toEqual({ name: "Changed meanwhile" });
});

test("A command's read that finds nothing decides nothing: the key is read in its turn, and its absence confirmed", async () => {
  const erp = estates(2);
  const bench = await start({ erp, compareEveryMs: 3_600_000 });
  await bench.pass(5_000);
  bench.portal.pull();
  erp.invisible.add("p1");
  bench.store.pending.mark("parents", ["p1"], { now: bench.clock.now(), confirm: false });
  await bench.pass(500);
  expect(bench.store.pending.get("parents", "p1")).toMatchObject({ stage: "confirm" });
  const read = bench.capture.readBack("parents", "p1", new AbortController().signal);
  await bench.pass(1);
  expect(await read).toBeUndefined();
  erp.invisible.clear();
  await bench.pass(5_000);
  bench.portal.pull();
  expect(bench.portal.log.filter(({ op }) => op === "delete")).toEqual([]);
  expect(bench.portal.entities).toEqual(bench.expected());
});

test("A first read that shows the row of before is set right by the second one", async () => {
  const erp = estates(2);
  const bench = await start({ erp, compareEveryMs: 3_600_000 });
  await bench.pass(5_000);
  erp.reads.clear();
  // The cursor column shows the change, the read a moment later still the old row.
  const late = erp.tables.parents.get("p1");
  erp.put("parents", "p1", { name: "Changed", parent: null });
  const changed = erp.tables.parents.get("p1");
  if (late === undefined || changed === undefined) throw new Error("no row");
  erp.tables.parents.set("p1", { ...late, stamp: changed.stamp });
  await bench.pass(1_500);
  expect(erp.reads.get("p1")).toBe(1);
  erp.tables.parents.set("p1", changed);
  await bench.pass(4_000);
  bench.portal.pull();
  expect(bench.portal.entities.get("property:p1")).toEqual({ name: "Changed" });
});

test("A row that is there at the first read and gone at the second is deleted only after a third", async () => {
  const erp = estates(2);
  const bench = await start({ erp, compareEveryMs: 3_600_000 });
  await bench.pass(5_000);
  erp.reads.clear();
  erp.put("parents", "p1", { name: "Changed", parent: null });
  await bench.pass(1_500);
  erp.invisible.add("p1");
  await bench.pass(2_000);
  expect(erp.reads.get("p1")).toBe(2);
  bench.portal.pull();
  expect(bench.portal.entities.has("property:p1")).toBe(true);
  await bench.pass(2_500);
  bench.portal.pull();
  expect(erp.reads.get("p1")).toBe(3);
  expect(bench.portal.entities.has("property:p1")).toBe(false);
});

test("A change committed late, under a mark below the position, is found within the overlap and marked only once", async () => {
  const erp = estates(2);
  const bench = await start({ erp, compareEveryMs: 3_600_000 });
  await bench.pass(5_000);
  erp.reads.clear();
  const early = erp.stamp();
  erp.put("parents", "p0", { name: "Committed first", parent: null });
  await bench.pass(5_000);
  erp.tables.parents.set("p1", { name: "Committed late", parent: null, stamp: early });
  await bench.pass(10_000);
  bench.portal.pull();
  expect(bench.portal.entities.get("property:p1")).toEqual({ name: "Committed late" });
  expect(erp.reads.get("p1")).toBe(2);
});

test.each(["timestamp", "sequence"] as const)(
  "What a transaction open for ten minutes has changed under marks long passed is at the portal by the next compare, no delete of it lost (%s)",
  async (cursorKind) => {
    const erp = fakeErp(cursorKind === "timestamp" ? "showing" : "plain");
    for (const key of ["p0", "p1", "p2"]) erp.put("parents", key, { name: "Before", parent: null });
    const polls = { everyMs: 1_000, overlap: 500 };
    const bench = await start({ erp, cursorKind, polls, compareEveryMs: 900_000 });
    await bench.pass(5_000);
    const [inserted, updated] = [erp.stamp(), erp.stamp()];
    for (let minute = 0; minute < 10; minute++) {
      for (let other = 0; other < 100; other++) erp.stamp();
      erp.put("parents", "p0", { name: `Minute ${minute}`, parent: null });
      await bench.pass(60_000, 5_000);
    }
    erp.tables.parents.set("late", { name: "Inserted", parent: null, stamp: inserted });
    erp.tables.parents.set("p1", { name: "Updated", parent: null, stamp: updated });
    erp.remove("parents", "p2");
    await bench.pass(60_000, 5_000);
    bench.portal.pull();
    // The polls have passed it over: nothing but the compare can find it.
    expect(bench.portal.entities.get("property:late")).toBeUndefined();
    expect(bench.portal.entities.get("property:p0")).toEqual({ name: "Minute 9" });
    await bench.pass(900_000, 5_000);
    bench.portal.pull();
    expect(bench.portal.entities).toEqual(bench.expected());
    expect(bench.portal.entities.get("property:late")).toEqual({ name: "Inserted" });
  },
);

test("A row changed between two pages of the first sync and signalled before its end arrives in its last state", async () => {
  const erp = estates(6);
  const { passed, open } = gate();
  let pages = 0;
  erp.at = async (moment, table) => {
    if (moment === "scan-page" && table === "parents" && ++pages === 2) await passed;
  };
  const bench = await start({ erp });
  await bench.pass(1_000);
  erp.put("parents", "p0", { name: "Changed", parent: null });
  await bench.pass(6_000);
  open();
  await bench.pass(6_000);
  bench.portal.pull();
  expect(bench.portal.entities).toEqual(bench.expected());
});

test("Reads of one key never overlap, whoever asks for them", async () => {
  const erp = estates(2);
  const bench = await start({ erp });
  await bench.pass(5_000);
  let reading = 0;
  let most = 0;
  erp.at = async (moment) => {
    if (moment !== "read-keys") return;
    most = Math.max(most, ++reading);
    await bench.clock.sleep(700);
    reading -= 1;
  };
  const never = new AbortController().signal;
  const all = [1, 2, 3].map(() => bench.capture.readBack("parents", "p1", never));
  erp.put("parents", "p1", { name: "Changed", parent: null });
  await bench.until(Promise.all(all));
  await bench.pass(8_000);
  expect(most).toBe(1);
});

test("A command's effect is read back at once and its number returned, also when the drain was faster", async () => {
  const erp = estates(2);
  const bench = await start({ erp });
  await bench.pass(5_000);
  bench.portal.pull();
  const never = new AbortController().signal;
  erp.put("parents", "p7", { name: "By command", parent: null });
  const first = bench.capture.readBack("parents", "p7", never);
  await bench.pass(1);
  const seq = await first;
  expect(seq).toBe(bench.portal.last + 1);
  const again = bench.capture.readBack("parents", "p7", never);
  await bench.pass(1);
  expect(await again).toBe(seq);
  bench.portal.pull();
  expect(bench.portal.entities.get("property:p7")).toEqual({ name: "By command" });
});

const crashes = Array.from(
  { length: 12 },
  (_, no) => [no + 1, no % 2 ? ("before-commit" as const) : ("after-commit" as const)] as const,
);
test.each(crashes)(
  "A crash at commit %i, %s, of a day's work loses nothing and sends no delete twice",
  async (commits, moment) => {
    const erp = estates(4);
    for (let no = 0; no < 4; no++) erp.put("children", `c${no}`, { name: `House ${no}`, parent: `p${no}` });
    const bench = await start({ erp });
    await bench.pass(3_000);
    bench.portal.pull();
    bench.armCrash(commits, moment);
    erp.put("parents", "p0", { name: "Changed", parent: null });
    erp.put("children", "c9", { name: "New", parent: "p9" });
    erp.put("parents", "p9", { name: "New", parent: null });
    erp.remove("children", "c1");
    bench.capture.syncNow(undefined, true);
    await bench.pass(3_000);
    await bench.crash();
    bench.capture.syncNow(undefined, true);
    await bench.pass(10_000);
    bench.portal.pull();
    expect(bench.portal.entities).toEqual(bench.expected());
    expect(bench.portal.log.filter(({ op }) => op === "delete")).toHaveLength(1);
    expect(bench.store.pending.count()).toBe(0);
  },
);

test("A query that brings one key twice is settled by a read of that key, and nothing else is disturbed", async () => {
  const erp = estates(3);
  const inner = erp.connector.scan;
  erp.connector = {
    ...erp.connector,
    async *scan(query, signal) {
      for await (const batch of inner(query, signal)) {
        const { length, keyDigests, digests } = batch;
        yield {
          length: length * 2,
          key: (index: number) => batch.key(index % length),
          keyDigests: BigUint64Array.of(...keyDigests, ...keyDigests),
          digests: BigUint64Array.of(...digests, ...digests).map((digest, index) => digest + BigInt(index)),
          row: (index: number) => batch.row(index % length),
          written: undefined,
        };
      }
    },
  };
  const bench = await start({ erp });
  await bench.pass(8_000);
  bench.portal.pull();
  expect(bench.portal.entities).toEqual(bench.expected());
  expect(bench.portal.log).toHaveLength(3);
});

test("A compare that a new epoch overtakes begins anew, so that nothing compared before counts", async () => {
  const erp = estates(6);
  const bench = await start({ erp, cursor: false, compareEveryMs: 3_600_000 });
  await bench.pass(5_000);
  bench.portal.pull();
  const { passed, open } = gate();
  let pages = 0;
  erp.at = async (moment, table) => {
    if (moment === "scan-page" && table === "parents" && ++pages === 2) await passed;
  };
  bench.capture.syncNow("parents", true);
  await bench.pass(100);
  // The portal was restored: it lost an entity of the first page, which this compare has already found unchanged.
  bench.store.renewEpoch("epoch-0002");
  bench.portal.entities.clear();
  bench.portal.last = 0;
  await bench.capture.reconcile(async function* () {}, new AbortController().signal);
  open();
  await bench.pass(8_000);
  bench.portal.pull();
  expect(bench.portal.entities).toEqual(bench.expected());
});

test("Signals that could not be committed are signals still", async () => {
  const erp = estates(2);
  let full = false;
  const bench = await start({
    erp,
    compareEveryMs: 3_600_000,
    onCommit(moment, name) {
      if (full && moment === "before-commit" && name === "signal") {
        throw new FuserError("transient", "full", { code: "store-full", operation: "commit" });
      }
    },
  });
  await bench.pass(5_000);
  full = true;
  erp.put("parents", "p1", { name: "Changed", parent: null });
  await bench.pass(3_000);
  expect(bench.store.pending.count()).toBe(0);
  full = false;
  await bench.pass(10_000);
  bench.portal.pull();
  expect(bench.portal.entities.get("property:p1")).toEqual({ name: "Changed" });
});

test("A key that can't be read delays no other, and is read once it can", async () => {
  const erp = estates(40);
  const bench = await start({ erp, compareEveryMs: 3_600_000 });
  await bench.pass(5_000);
  bench.portal.pull();
  let locked = true;
  erp.at = async (moment, _table, keys) => {
    if (!locked || moment !== "read-keys" || !keys.includes("p17")) return;
    throw new FuserError("transient", "lock wait", { code: "erp-lock-timeout", operation: "read" });
  };
  for (let no = 0; no < 40; no++) erp.put("parents", `p${no}`, { name: `Renamed ${no}`, parent: null });
  await bench.pass(20_000);
  bench.portal.pull();
  const stale = [...bench.portal.entities].filter(([, { name }]) => !String(name).startsWith("Renamed"));
  expect(stale.map(([name]) => name)).toEqual(["property:p17"]);
  locked = false;
  await bench.pass(60_000);
  bench.portal.pull();
  expect(bench.portal.entities).toEqual(bench.expected());
});

test.each(["rejected", "transient"] as const)(
  "Rows all over a table that can't be read (%s) hold up their source for no longer than their own tries",
  async (kind) => {
    const erp = estates(60);
    const bench = await start({ erp, compareEveryMs: 3_600_000 });
    await bench.pass(5_000);
    bench.portal.pull();
    const bad = new Set(Array.from({ length: 12 }, (_, no) => `p${no * 5}`));
    erp.at = async (moment, _table, keys) => {
      if (moment !== "read-keys" || !keys.some((key) => bad.has(key))) return;
      throw new FuserError(kind, "no", { code: "erp-row", operation: "read" });
    };
    for (let no = 0; no < 60; no++) erp.put("parents", `p${no}`, { name: `Renamed ${no}`, parent: null });
    await bench.pass(2_000);
    bench.portal.pull();
    const renamed = () => [...bench.portal.entities.values()].filter(({ name }) => String(name).startsWith("Renamed")).length;
    expect(renamed()).toBe(48);
    // What changes from now on is as quick as ever.
    erp.put("parents", "p1", { name: "Renamed twice", parent: null });
    await bench.pass(2_000);
    bench.portal.pull();
    expect(bench.portal.entities.get("property:p1")).toEqual({ name: "Renamed twice" });
    erp.at = async () => {};
    await bench.pass(310_000);
    bench.portal.pull();
    expect(bench.portal.entities).toEqual(bench.expected());
    expect(bench.store.quarantine.count()).toBe(0);
  },
);

test("A row that the driver can't decode is parked by name, and its source goes on", async () => {
  const erp = estates(3);
  const inner = erp.connector.scan;
  erp.connector = {
    ...erp.connector,
    async *scan(query, signal) {
      for await (const batch of inner(query, signal)) {
        const row = (index: number) => {
          if (batch.key(index) === "p1") throw new RangeError("secret value out of range");
          return batch.row(index);
        };
        yield { ...batch, row };
      }
    },
  };
  const bench = await start({ erp, cursor: false, compareEveryMs: 3_600_000 });
  await bench.pass(5_000);
  bench.portal.pull();
  expect([...bench.portal.entities.keys()]).toEqual(["property:p0", "property:p2"]);
  const [entry] = bench.store.quarantine.list();
  expect(entry).toMatchObject({ key: "p1", code: "row-unreadable" });
  expect(JSON.stringify(entry, (_, value) => (typeof value === "bigint" ? String(value) : value))).not.toContain("secret");
});

test("A row that comes back while its last read is under way is not deleted", async () => {
  const erp = estates(2);
  const bench = await start({ erp, cursor: false, compareEveryMs: 3_600_000 });
  await bench.pass(5_000);
  const row = erp.tables.parents.get("p1");
  if (row === undefined) throw new Error("no row");
  erp.remove("parents", "p1");
  bench.store.pending.mark("parents", ["p1"], { now: bench.clock.now(), confirm: false });
  await bench.pass(1_000);
  expect(bench.store.pending.get("parents", "p1")?.stage).toBe("confirm");
  const { passed, open } = gate();
  let held = false;
  erp.at = async (moment) => {
    if (moment !== "read-keys" || held) return;
    held = true;
    await passed;
  };
  await bench.pass(2_000);
  expect(held).toBe(true);
  erp.tables.parents.set("p1", row);
  bench.store.pending.mark("parents", ["p1"], { now: bench.clock.now(), confirm: false });
  open();
  await bench.pass(5_000);
  bench.portal.pull();
  expect(bench.portal.log.map(({ op }) => op)).toEqual(["upsert", "upsert"]);
  expect(bench.store.pending.count()).toBe(0);
});
