import { expect, test } from "vitest";
import { FuserError } from "../../../../base/errors.ts";
import { captureBench } from "./bench.ts";
import { fakeErp } from "./fake-erp.ts";
import { fakeFeed } from "./fake-feed.ts";
import { gate } from "./gate.ts";
import { livingOnFeed, never } from "./living-on-feed.ts";

const { start } = captureBench();
const living = livingOnFeed();
test("A change that a feed tells of is at the portal within moments, and so is a delete", async () => {
  const { bench, feed, inStep } = await living();
  await bench.pass(6_000);
  inStep();
  feed.put("parents", "p1", { name: "Renamed", parent: null });
  await bench.pass(200);
  inStep();
  feed.remove("children", "c2");
  await bench.pass(5_000);
  inStep();
  expect(bench.portal.log.filter(({ op }) => op === "delete").map(({ id }) => id)).toEqual(["building:c2"]);
});

test("The feed begins before the first compare of its sources: what changes in between is not missed", async () => {
  const { erp, bench, feed, inStep } = await living();
  expect(feed.begun).toBe(1);
  const { passed, open } = gate();
  let held = false;
  erp.at = async (moment, table) => {
    if (moment !== "scan-page" || table !== "parents" || held) return;
    held = true;
    await passed;
  };
  while (!held) await bench.pass(100);
  // The scan holds its page already.
  feed.put("parents", "p1", { name: "During the scan", parent: null });
  await bench.pass(500);
  open();
  await bench.pass(8_000);
  inStep();
});

test("No compare begins while the feed has not begun", async () => {
  const erp = fakeErp();
  const slow = fakeFeed(erp);
  slow.failure = { at: "begin", error: new FuserError("transient", "Not now", { code: "erp-unreachable", operation: "begin" }) };
  const seen: string[] = [];
  erp.at = async (moment, table) => void (moment === "scan-page" && seen.push(table));
  const bench = await start({ erp, feed: slow, compareEveryMs: never });
  await bench.pass(20_000);
  expect(seen).toEqual([]);
  slow.failure = undefined;
  await bench.pass(30_000);
  expect(seen).toContain("parents");
});

test("A row that becomes visible only after its event is read again, and an empty read alone deletes nothing", async () => {
  const { erp, bench, feed, inStep } = await living();
  await bench.pass(6_000);
  erp.invisible.add("p4");
  feed.put("parents", "p4", { name: "Late", parent: null });
  await bench.pass(1_000);
  erp.invisible.delete("p4");
  erp.invisible.add("p1");
  feed.tell("parents", "p1");
  await bench.pass(1_000);
  erp.invisible.delete("p1");
  await bench.pass(6_000);
  inStep();
  expect(bench.portal.log.some(({ op }) => op === "delete")).toBe(false);
});

test("An event that comes before the change it tells of is answered by a second read", async () => {
  const { erp, bench, feed, inStep } = await living();
  await bench.pass(6_000);
  feed.tell("parents", "p1");
  await bench.pass(1_000);
  erp.put("parents", "p1", { name: "Visible only now", parent: null });
  await bench.pass(3_000);
  inStep();
});

test("Rows of the table that are not the source's count for no guard", async () => {
  const { erp, bench, feed, inStep } = await living({ guard: { rows: 3, percent: 100 } });
  await bench.pass(6_000);
  feed.remove("children", "c2");
  await bench.pass(1_000);
  // Found absent once as the delete is confirmed.
  for (let no = 0; no < 20; no++) {
    erp.outside.add(`o${no}`);
    feed.put("children", `o${no}`, { name: "Not of the source", parent: null });
  }
  await bench.pass(8_000);
  expect(bench.store.guards.list()).toEqual([]);
  for (const key of erp.outside) erp.remove("children", key);
  inStep();
});

test("Keys and position are committed together: killed at any commit, the agent misses nothing and reads on from where it was", async () => {
  for (const moment of ["before-commit", "after-commit"] as const) {
    for (let commits = 1; commits <= 3; commits++) {
      const { bench, feed, inStep } = await living();
      await bench.pass(6_000);
      bench.armCrash(commits, moment);
      feed.put("parents", "p1", { name: `Crash ${moment} ${commits}`, parent: null });
      feed.put("children", "c9", { name: "New", parent: "p2" });
      await bench.pass(300);
      feed.remove("children", "c3");
      await bench.pass(300);
      await bench.crash();
      expect(feed.begun).toBe(1);
      await bench.pass(10_000, 500);
      inStep();
    }
  }
});

test("The next batch is asked for only once the position of the last one is stored", async () => {
  const { bench, feed } = await living();
  await bench.pass(6_000);
  const asked: string[] = [];
  feed.onAsk = (position) => {
    asked.push(position);
    expect(bench.store.sources.position("feed:log")).toBe(position);
  };
  for (let no = 0; no < 3; no++) {
    feed.put("parents", "p1", { name: `${no}`, parent: null });
    await bench.pass(100);
  }
  expect(asked).toEqual(["h1:1", "h1:2", "h1:3"]);
});

test("While nothing may be read signals are still taken, and thousands of them wait as one key each", async () => {
  const { bench, feed, inStep } = await living();
  await bench.pass(6_000);
  bench.online = false;
  for (let no = 0; no < 5_000; no++) {
    feed.put("parents", `p${(no % 3) + 1}`, { name: `Name ${no}`, parent: null });
    if (no % 500 === 0) await bench.pass(10, 10);
  }
  await bench.pass(1_000);
  expect(bench.store.sources.position("feed:log")).toBe("h1:5000");
  expect(bench.store.pending.count()).toBe(3);
  bench.online = true;
  bench.capture.wake();
  await bench.pass(6_000);
  inStep();
});

test("Reads that hang hold up no batch", async () => {
  const { erp, bench, feed, inStep } = await living();
  await bench.pass(6_000);
  const { passed, open } = gate();
  erp.at = async (moment) => {
    if (moment === "read-keys") await passed;
  };
  for (let no = 1; no <= 3; no++) {
    feed.put("parents", `p${no}`, { name: "While it hangs", parent: null });
    await bench.pass(500);
    expect(bench.store.sources.position("feed:log")).toBe(`h1:${no}`);
  }
  open();
  await bench.pass(6_000);
  inStep();
});

test("A source that joins the feed later is compared in full once, the others are not", async () => {
  const { erp, bench, feed, inStep } = await living({ feeds: ["parents"], cursor: false });
  await bench.pass(6_000);
  inStep();
  const scans: string[] = [];
  erp.at = async (moment, table) => void (moment === "scan-page" && scans.push(table));
  // Changed in a time of which nothing tells; then the configuration names the feed for it.
  erp.put("children", "c1", { name: "Unseen", parent: "p1" });
  const other = await start({ erp, feed, compareEveryMs: never, prepare: (store) => join(store, bench) });
  await other.pass(8_000);
  expect(new Set(scans)).toEqual(new Set(["children"]));
  other.portal.pull();
  expect(other.portal.entities.get("building:c1")).toMatchObject({ name: "Unseen" });
  expect(feed.begun).toBe(1);
});

/** As the store of the first agent stands: both compared, the feed's position for the parents alone. */
function join(store: Awaited<ReturnType<typeof start>>["store"], from: Awaited<ReturnType<typeof start>>): void {
  store.transaction(() => {
    store.sources.setPosition("feed:log", from.store.sources.position("feed:log"));
    for (const source of ["parents", "children"]) {
      const { fingerprint, comparedAt } = from.store.sources.get(source);
      store.sources.update(source, { fingerprint, comparedAt });
    }
    for (const name of ["feed-covers", "erp.identity"]) store.meta.set(name, from.store.meta.get(name));
  }, "join");
}

test("A source that leaves the feed is compared in full once, for what changed since the feed's last word", async () => {
  const { erp, bench, feed } = await living();
  await bench.pass(6_000);
  const covers = bench.store.meta.get("feed-covers");
  const scans: string[] = [];
  const other = await start({
    erp,
    feed,
    feeds: ["parents"],
    compareEveryMs: never,
    prepare(store) {
      join(store, bench);
      expect(store.meta.get("feed-covers")).toBe(covers);
    },
  });
  erp.at = async (moment, table) => void (moment === "scan-page" && scans.push(table));
  await other.pass(8_000);
  expect(new Set(scans)).toEqual(new Set(["children"]));
});
