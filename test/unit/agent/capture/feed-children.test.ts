import { expect, test } from "vitest";
import { FuserError } from "../../../../base/errors.ts";
import type { Bench, BenchOptions } from "./bench.ts";
import { gate } from "./gate.ts";
import { livingOnFeed, never } from "./living-on-feed.ts";

const living = livingOnFeed();

const touching: BenchOptions = {
  childrenTouchParents: true,
  feeds: ["parents"],
  compareEveryMs: never,
};

/** Parents that were read since. */
async function readSince(bench: Bench, change: () => void): Promise<string[]> {
  bench.erp.reads.clear();
  change();
  await bench.pass(6_000);
  return [...bench.erp.reads.keys()].filter((key) => key.startsWith("p")).sort();
}

test.each([
  ["the keys of both parents", false],
  ["the child's own key alone", true],
])("A child's change touches its parent, before and after a move, where the feed tells %s", async (_, ownOnly) => {
  const { erp, bench, feed } = await living(touching);
  feed.ownOnly = ownOnly;
  await bench.pass(8_000);
  expect(await readSince(bench, () => feed.put("children", "c1", { name: "Changed", parent: "p1" }))).toEqual(["p1"]);
  expect(await readSince(bench, () => feed.put("children", "c1", { name: "Moved", parent: "p2" }))).toEqual(["p1", "p2"]);
  expect(await readSince(bench, () => feed.put("children", "c7", { name: "New", parent: "p3" }))).toEqual(["p3"]);
  expect(await readSince(bench, () => feed.remove("children", "c7"))).toEqual(["p3"]);
  expect(await readSince(bench, () => feed.remove("children", "c1"))).toEqual(["p2"]);
  expect(bench.store.pending.count()).toBe(0);
  expect(bench.store.sources.child("parents/children", "c2")?.parent).toBe("p2");
  // It becomes visible as moved only after its event.
  const late = await readSince(bench, () => {
    erp.invisible.add("c8");
    feed.put("children", "c8", { name: "Late", parent: "p1" });
    bench.clock.after(1_000, () => erp.invisible.delete("c8"));
  });
  expect(late).toEqual(["p1"]);
});

test("A child that came and went before anybody saw whose it was leads to a compare of the parents", async () => {
  const { bench, feed, scans } = await living(touching);
  feed.ownOnly = true;
  await bench.pass(8_000);
  scans.length = 0;
  feed.put("children", "c7", { name: "Short", parent: "p3" });
  feed.remove("children", "c7");
  await bench.pass(6_000);
  expect(scans).toEqual([]);
  await bench.pass(910_000, 10_000);
  expect(scans).toEqual(["parents"]);
  await bench.pass(1_800_000, 20_000);
  expect(scans).toEqual(["parents"]);
});

test("A child that moves while it is read by its own key is not put back to the parent that it had", async () => {
  const { erp, bench, feed } = await living(touching);
  feed.ownOnly = true;
  await bench.pass(8_000);
  const { passed, open } = gate();
  let held = false;
  erp.at = async (moment, table) => {
    // The second one: after it nobody looks again.
    if (moment !== "read-keys" || table !== "children" || held || erp.reads.get("c1") !== 2) return;
    held = true;
    await passed;
  };
  erp.reads.clear();
  feed.tell("children", "c1");
  await bench.pass(3_000);
  expect(held).toBe(true);
  feed.ownOnly = false;
  feed.put("children", "c1", { name: "Moved", parent: "p2" });
  await bench.pass(200);
  open();
  await bench.pass(6_000);
  expect(bench.store.sources.child("parents/children", "c1")?.parent).toBe("p2");
  feed.ownOnly = true;
  expect(await readSince(bench, () => feed.remove("children", "c1"))).toEqual(["p2"]);
});

test("A compare that holds an older page does not put a moved child back to the parent that it had", async () => {
  const { erp, bench, feed } = await living(touching);
  await bench.pass(8_000);
  const { passed, open } = gate();
  let held = false;
  erp.at = async (moment, table) => {
    if (moment !== "scan-page" || table !== "children" || held) return;
    held = true;
    await passed;
  };
  bench.capture.syncNow("parents", true);
  while (!held) await bench.pass(100);
  feed.put("children", "c1", { name: "Moved", parent: "p2" });
  await bench.pass(500);
  open();
  await bench.pass(6_000);
  expect(bench.store.sources.child("parents/children", "c1")?.parent).toBe("p2");
  expect(bench.store.pending.count()).toBe(0);
});

test("A child that can't be read holds up no other", async () => {
  const { erp, bench, feed } = await living(touching);
  feed.ownOnly = true;
  await bench.pass(8_000);

  erp.at = async (moment, table, keys) => {
    if (moment !== "read-keys" || table !== "children" || !keys.includes("c1")) return;
    throw new FuserError("transient", "Locked", { code: "erp-locked", operation: "read" });
  };
  // That c2 is now a child of p3 only its own read can tell.
  const read = await readSince(bench, () => {
    feed.tell("children", "c1");
    feed.put("children", "c2", { name: "Moved", parent: "p3" });
  });
  expect(read).toContain("p3");
  erp.at = async () => {};
  await bench.pass(40_000, 500);
  expect(bench.store.pending.count()).toBe(0);
});

test("A child is read by its own key at once, however much of its share a compare has used up", async () => {
  const { erp, bench, feed } = await living({ ...touching, parts: { gentle: true, rowsPerSecond: 10 } });
  feed.ownOnly = true;
  for (let no = 10; no < 90; no++) erp.put("parents", `p${no}`, { name: `Estate ${no}`, parent: null });
  await bench.pass(60_000, 500);
  let scanned = false;
  const kept = erp.at;
  erp.at = async (moment, table, keys) => {
    scanned ||= moment === "scan-page" && table === "parents";
    await kept(moment, table, keys);
  };
  bench.capture.syncNow("parents", true);
  while (!scanned) await bench.pass(100);
  erp.reads.clear();
  feed.put("children", "c2", { name: "Moved", parent: "p3" });
  await bench.pass(500);
  expect([...erp.reads.keys()]).toContain("p3");
});
