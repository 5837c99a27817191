import { expect, test } from "vitest";
import { FuserError } from "../../../../base/errors.ts";
import type { Finding } from "../../../../base/findings.ts";
import { gate } from "./gate.ts";
import { livingOnFeed } from "./living-on-feed.ts";

const living = livingOnFeed();
const minuteMs = 60_000;

const lacking: Finding = {
  severity: "error",
  code: "erp-feed-rights",
  place: "ERP",
  message: "The account may not read the log",
  remedy: "GRANT REPLICATION SLAVE ON *.* TO fuser",
};
const failed = (kind: "config" | "transient", code: string): FuserError =>
  new FuserError(kind, "The log can't be read", { code, operation: "read the feed", hint: "GRANT it" });

test("A gap leads to a full compare of all sources without a person, and says once how long it was", async () => {
  const { erp, bench, feed, said, inStep } = await living();
  await bench.pass(6_000);
  feed.failure = { at: "read", error: failed("transient", "erp-unreachable") };
  feed.put("parents", "p1", { name: "In the gap", parent: null });
  await bench.pass(40_000, 500);
  feed.put("children", "c4", { name: "In the gap", parent: "p1" });
  feed.remove("children", "c2");
  erp.put("parents", "p3", { name: "Unseen", parent: null });
  feed.purge();
  feed.failure = undefined;
  await bench.pass(80_000, 500);
  inStep();
  expect(feed.begun).toBe(2);
  const gaps = said.filter(({ code }) => code === "erp-feed-gap");
  expect(gaps).toHaveLength(1);
  expect(gaps[0]?.fields.sinceLastHeard).toMatch(/^(4|5|6|7)\ds|1m/);
  expect(bench.store.guards.list()).toEqual([]);
  feed.put("parents", "p1", { name: "After", parent: null });
  await bench.pass(500);
  inStep();
});

test("The compare that a gap or an untold change owes survives a kill at any commit", async () => {
  for (const trouble of ["gap", "untold"] as const) {
    for (let commits = 1; commits <= 4; commits++) {
      const { erp, bench, feed, inStep } = await living();
      await bench.pass(6_000);
      bench.armCrash(commits, "after-commit");
      erp.put("parents", "p2", { name: "Unseen", parent: null });
      erp.remove("children", "c3");
      if (trouble === "untold") for (const table of ["parents", "children"] as const) feed.untold(table);
      else {
        feed.tell("parents", "p1");
        feed.purge();
        feed.failure = { at: "read", error: failed("transient", "erp-unreachable") };
      }
      await bench.pass(1_000);
      feed.failure = undefined;
      await bench.pass(2_000);
      await bench.crash();
      await bench.pass(80_000, 500);
      inStep();
    }
  }
});

test("A history that is another one is lost history: deletes wait for a person", async () => {
  const { erp, bench, feed, codes, inStep } = await living();
  await bench.pass(6_000);
  inStep();
  erp.remove("children", "c3");
  erp.put("parents", "p2", { name: "Of the backup", parent: null });
  feed.history = "h2";
  feed.failure = { at: "read", error: failed("transient", "erp-unreachable") };
  feed.tell("parents", "p1");
  await bench.pass(500);
  feed.failure = undefined;
  await bench.pass(20_000);
  bench.portal.pull();
  expect(codes()).toContain("erp-feed-other-history");
  expect(bench.portal.entities.get("property:p2")).toMatchObject({ name: "Of the backup" });
  expect(bench.portal.entities.has("building:c3")).toBe(true);
  expect(bench.store.guards.list()).toMatchObject([{ kind: "history", source: "children", state: "open", count: 1 }]);
  expect(bench.store.sources.position("feed:log")).toMatch(/^h2:/);
});

test("An ERP that was set back while its feed is read: the feed begins anew, and what it tells of the old history moves no position", async () => {
  const { erp, bench, feed, codes } = await living();
  erp.identity = { ...erp.identity, position: { 0: "0-1-10" } };
  await bench.pass(70_000, 500);
  erp.identity = { ...erp.identity, position: { 0: "0-1-5" } };
  // Told in the very moment in which the loss is noted.
  for (let no = 0; no < 70; no++) {
    feed.tell("parents", "p1");
    await bench.pass(1_000, 250);
  }
  expect(codes()).toContain("erp-history-lost");
  expect(feed.begun).toBe(2);
});

test("A table that changed without naming rows is compared in full, and the others are not", async () => {
  const { erp, bench, feed, scans, inStep } = await living();
  await bench.pass(minuteMs, 500);
  scans.length = 0;
  erp.remove("children", "c1");
  erp.put("children", "c2", { name: "Truncated and loaded", parent: "p1" });
  feed.untold("children");
  await bench.pass(10_000);
  inStep();
  expect(new Set(scans)).toEqual(new Set(["children"]));
  await bench.pass(5 * minuteMs, 10_000);
  expect(scans.filter((table) => table === "children")).toHaveLength(scans.length);
});

test("A compare that had begun before a table changed untold is followed by another one", async () => {
  const { erp, bench, feed, inStep } = await living();
  await bench.pass(6_000);
  const { passed, open } = gate();
  let held = false;
  erp.at = async (moment, table) => {
    if (moment !== "scan-page" || table !== "parents" || held) return;
    held = true;
    await passed;
  };
  bench.capture.syncNow("parents", true);
  while (!held) await bench.pass(100);
  erp.put("parents", "p1", { name: "Untold", parent: null });
  feed.untold("parents");
  await bench.pass(5_000);
  open();
  await bench.pass(70_000, 250);
  inStep();
});

test("A compare does not count that began before an untold change was visible to it", async () => {
  const { erp, bench, feed, inStep } = await living();
  await bench.pass(6_000);
  erp.invisible.add("p9");
  erp.put("parents", "p9", { name: "Loaded", parent: null });
  feed.untold("parents");
  await bench.pass(100);
  bench.capture.syncNow("parents", true);
  await bench.pass(1_400);
  erp.invisible.delete("p9");
  await bench.pass(70_000, 250);
  inStep();
});

test("Changes that name no rows, again and again, do not keep the ERP busy with compares", async () => {
  const { bench, feed, scans } = await living();
  await bench.pass(6_000);
  scans.length = 0;
  for (let times = 0; times < 75; times++) {
    feed.untold("parents");
    await bench.pass(4_000, 4_000);
  }
  expect(scans.length).toBeGreaterThan(2);
  expect(scans.length).toBeLessThan(7);
});

test("Where a right is missing at the start, the sources are compared each quarter of an hour, the statement is said, and the feed is taken up by itself", async () => {
  const { erp, bench, feed, said, scans, inStep } = await living({}, (fake) => {
    fake.findings = [lacking];
  });
  await bench.pass(6_000);
  inStep();
  expect(bench.capture.status().map(({ state, reason, way }) => [state, reason, way.by, way.instead?.message])).toEqual([
    ["active", "erp-feed-rights", "compare", lacking.message],
    ["active", "erp-feed-rights", "compare", lacking.message],
  ]);
  expect(said.filter(({ code }) => code === lacking.code).map(({ fields }) => fields.hint)).toEqual([lacking.remedy]);
  erp.put("parents", "p1", { name: "By the compare", parent: null });
  scans.length = 0;
  await bench.pass(16 * minuteMs, 10_000);
  inStep();
  expect(scans.filter((table) => table === "parents")).toHaveLength(1);
  erp.put("parents", "p1", { name: "Before it is mended", parent: null });
  feed.findings = [];
  await bench.pass(6 * minuteMs, 10_000);
  inStep();
  expect(feed.begun).toBe(1);
  expect(bench.capture.status().map(({ reason, way }) => [reason, way.by])).toEqual([
    [undefined, "feed"],
    [undefined, "feed"],
  ]);
  feed.put("parents", "p1", { name: "By the feed", parent: null });
  await bench.pass(500);
  inStep();
});

test("A compare under way as the feed begins counts for nothing, and is made again", async () => {
  const { erp, bench, feed, inStep } = await living({}, (fake) => {
    fake.findings = [lacking];
  });
  const { passed, open } = gate();
  let held = false;
  erp.at = async (moment, table) => {
    if (moment !== "scan-page" || table !== "parents" || held) return;
    held = true;
    await passed;
  };
  while (!held) await bench.pass(100);
  // After the page was read and before the position: told by nobody.
  erp.put("parents", "p1", { name: "In between", parent: null });
  feed.findings = [];
  bench.capture.syncNow("children", false);
  await bench.pass(2_000);
  expect(feed.begun).toBe(1);
  open();
  await bench.pass(70_000, 250);
  inStep();
});

test("Rights taken away while it is read: compares take its place, and afterwards it is read on from where it stopped", async () => {
  const { erp, bench, feed, codes, inStep } = await living();
  await bench.pass(6_000);
  feed.failure = { at: "read", error: failed("config", "erp-feed-refused") };
  feed.put("parents", "p1", { name: "Not told yet", parent: null });
  await bench.pass(2_000);
  expect(codes()).toContain("erp-feed-refused");
  erp.put("parents", "p2", { name: "Seen by the compare", parent: null });
  await bench.pass(16 * minuteMs, 10_000);
  inStep();
  const at = bench.store.sources.position("feed:log");
  feed.failure = undefined;
  await bench.pass(6 * minuteMs, 10_000);
  expect(feed.reads.at(-1)).toBe(at);
  expect(feed.begun).toBe(1);
  expect(bench.capture.feed()).toMatchObject({ state: { name: "reading" }, silent: [] });
});

test("A server that is away for some seconds is waited for; one that stays away is done without", async () => {
  const { bench, feed, codes } = await living();
  await bench.pass(12_000);
  feed.failure = { at: "read", error: failed("transient", "erp-unreachable") };
  feed.put("parents", "p1", { name: "Away", parent: null });
  await bench.pass(30_000);
  expect(bench.capture.feed()?.state.name).toBe("reading");
  await bench.pass(3 * minuteMs, 10_000);
  expect(bench.capture.feed()?.state).toMatchObject({ name: "fallen-back", code: "erp-unreachable" });
  feed.failure = undefined;
  await bench.pass(2 * minuteMs, 10_000);
  expect(bench.capture.feed()?.state.name).toBe("reading");
  // Once that it broke off, once that compares take its place.
  expect(codes().filter((code) => code === "erp-unreachable")).toHaveLength(2);
});

test("A feed that fails right behind its position is done without, though it opens each time, and is tried ever less often", async () => {
  const { erp, bench, feed, codes, inStep } = await living();
  await bench.pass(40_000, 500);
  feed.failure = { at: "read", error: failed("transient", "erp-poisoned") };
  feed.tell("parents", "p1");
  await bench.pass(3 * minuteMs, 1_000);
  expect(bench.capture.feed()?.state).toMatchObject({ name: "fallen-back", code: "erp-poisoned" });
  expect(feed.reads.length).toBeLessThan(15);
  expect(codes().filter((code) => code === "erp-poisoned")).toHaveLength(2);
  erp.put("parents", "p2", { name: "By a compare", parent: null });
  await bench.pass(16 * minuteMs, 10_000);
  inStep();
});

test("A feed that loses its place again and again without getting on is done without, and the ERP is not compared all the time", async () => {
  const { bench, feed, scans } = await living();
  await bench.pass(40_000, 500);
  scans.length = 0;
  feed.failure = {
    at: "read",
    error: new FuserError("history-lost", "Gone", { code: "erp-feed-gap", operation: "read the feed" }),
  };
  feed.tell("parents", "p1");
  await bench.pass(30 * minuteMs, 10_000);
  expect(bench.capture.feed()?.state).toMatchObject({ name: "fallen-back", code: "erp-feed-gap" });
  expect(scans.filter((table) => table === "parents").length).toBeLessThan(10);
});

test("A feed that a database does not have is said, and its sources are compared", async () => {
  const { bench, codes, inStep } = await living({ parts: {} }, undefined, "without");
  await bench.pass(6_000);
  inStep();
  expect(codes()).toContain("erp-feed-missing");
});

/** How long it takes from a change that the feed says nothing of until that is said, ms. */
async function untilSaid({ bench, said }: Awaited<ReturnType<typeof living>>): Promise<number> {
  const from = bench.clock.monotonic();
  while (!said.some(({ code }) => code === "feed-silent") && bench.clock.monotonic() < from + 5 * minuteMs) await bench.pass(500);
  return bench.clock.monotonic() - from;
}

const lookMs = 30_000;

test("A feed that says nothing of a table while it changes is noticed within two looks, said, and the table is compared", async () => {
  for (const afterLookMs of [0, 1_000, 15_000, 29_000]) {
    const scene = await living();
    const { erp, bench, feed, said, inStep, scans } = scene;
    await bench.pass(minuteMs + afterLookMs, 500);
    scans.length = 0;
    feed.mute.add("children");
    feed.put("children", "c1", { name: "Not told", parent: "p1" });
    feed.put("parents", "p1", { name: "Told", parent: null });
    const opened = feed.reads.length;
    expect(await untilSaid(scene)).toBeLessThanOrEqual(2 * lookMs);
    expect(said.filter(({ code }) => code === "feed-silent").map(({ fields }) => fields.table)).toEqual(["children"]);
    expect(bench.capture.status().find(({ source }) => source === "children")?.way.instead?.code).toBe("feed-silent");
    await bench.pass(5_000, 500);
    inStep();
    expect(feed.reads.length).toBeGreaterThan(opened);
    expect(new Set(scans)).toEqual(new Set(["children"]));
    feed.mute.clear();
    erp.put("children", "c1", { name: "Told again", parent: "p1" });
    feed.tell("children", "c1");
    await bench.pass(1_000);
    expect(bench.capture.status().find(({ source }) => source === "children")?.way.instead).toBeUndefined();
  }
});

test("A reader that was silent, has moved its position on and is killed before the looks could tell is found by the next one within two looks", async () => {
  for (const killedAfterMs of [5_000, 35_000]) {
    const scene = await living();
    const { bench, feed, inStep } = scene;
    await bench.pass(minuteMs, 500);
    feed.mute.add("children");
    feed.put("children", "c1", { name: "Not told", parent: "p1" });
    // It moves the position past the change.
    feed.put("parents", "p1", { name: "Told", parent: null });
    await bench.pass(killedAfterMs, 500);
    await bench.crash();
    feed.mute.clear();
    expect(await untilSaid(scene)).toBeLessThanOrEqual(2 * lookMs);
    await bench.pass(5_000, 500);
    inStep();
  }
});

test("A restart suspects no table of which was told before it", async () => {
  const { bench, feed, codes } = await living();
  await bench.pass(minuteMs + 5_000, 500);
  feed.put("children", "c1", { name: "Told", parent: "p1" });
  await bench.pass(5_000, 500);
  await bench.crash();
  await bench.pass(5 * minuteMs, 5_000);
  expect(codes()).not.toContain("feed-silent");
});

test("A feed that breaks off again and again is looked after all the same", async () => {
  const scene = await living();
  const { bench, feed } = scene;
  await bench.pass(minuteMs, 500);
  feed.mute.add("children");
  feed.put("children", "c1", { name: "Not told", parent: "p1" });
  const breaking = (): void => {
    feed.put("parents", "p1", { name: "Told", parent: null });
    feed.breakOff();
    cancel = bench.clock.after(20_000, breaking);
  };
  let cancel = bench.clock.after(20_000, breaking);
  expect(await untilSaid(scene)).toBeLessThanOrEqual(3 * lookMs);
  cancel();
});

test("Marks that change although no row of ours does lead to a compare each quarter of an hour at most", async () => {
  const { bench, feed, scans, said } = await living();
  await bench.pass(6_000);
  scans.length = 0;
  for (let look = 0; look < 70; look++) {
    feed.marks.parents += 1;
    await bench.pass(30_000, 10_000);
  }
  expect(scans.filter((table) => table === "parents").length).toBeGreaterThanOrEqual(2);
  expect(scans.filter((table) => table === "parents").length).toBeLessThanOrEqual(3);
  expect(said.filter(({ code }) => code === "feed-silent").length).toBeLessThanOrEqual(5);
});

test("A table that changes and is told of is never suspected", async () => {
  const { bench, feed, codes } = await living();
  await bench.pass(6_000);
  for (let no = 0; no < 15; no++) {
    feed.put("parents", "p1", { name: `Name ${no}`, parent: null });
    await bench.pass(10_000 + no * 2_000, 5_000);
  }
  expect(codes()).not.toContain("feed-silent");
});

test("A feed without any sign of life for nine heartbeats is opened anew", async () => {
  const { bench, feed, codes, inStep } = await living();
  await bench.pass(6_000);
  feed.deaf = true;
  feed.tell("parents", "p1");
  await bench.pass(92_000, 500);
  expect(codes()).toContain("feed-deaf");
  feed.deaf = false;
  await bench.pass(20_000);
  inStep();
  expect(bench.capture.feed()?.state.name).toBe("reading");
});
