// What the ERP's server keeps for a feed must not fill its disk while nobody reads it.
import { expect, test } from "vitest";
import { FuserError } from "../../../../base/errors.ts";
import { captureBench } from "./bench.ts";
import type { FakeFeed } from "./fake-feed.ts";
import { livingOnFeed, never } from "./living-on-feed.ts";

const living = livingOnFeed();
const { start } = captureBench();
const minuteMs = 60_000;

const refused = (feed: FakeFeed): void => {
  const error = new FuserError("config", "Not allowed", {
    code: "erp-feed-refused",
    operation: "read the feed",
    hint: "GRANT it",
  });
  feed.failure = { at: "read", error };
  feed.tell("parents", "p1");
};
/** The server keeps so much of what was not read. */
const keeping = (feed: FakeFeed, bytes: number): void => {
  feed.kept = { bytes, isRead: false };
};

test("What is kept for a feed that can't be used is dropped after an hour, which is said; what a try to begin anew leaves behind, too; then it begins by itself", async () => {
  const { erp, bench, feed, said, inStep } = await living();
  await bench.pass(40_000, 500);
  refused(feed);
  await bench.pass(50 * minuteMs, 30_000);
  expect(feed.dropped).toBe(0);
  await bench.pass(90 * minuteMs, 30_000);
  expect(feed.dropped).toBe(2);
  expect(said.filter(({ code }) => code === "feed-dropped")).toHaveLength(2);
  erp.put("parents", "p2", { name: "Unseen", parent: null });
  feed.failure = undefined;
  await bench.pass(8 * minuteMs, 5_000);
  inStep();
  expect(bench.capture.feed()?.state.name).toBe("reading");
});

test("A gigabyte that is kept for a feed which can't be used is not waited for", async () => {
  const { bench, feed } = await living();
  await bench.pass(40_000, 500);
  refused(feed);
  keeping(feed, 500_000_000);
  await bench.pass(6 * minuteMs, 30_000);
  expect(feed.dropped).toBe(0);
  keeping(feed, 1_200_000_000);
  await bench.pass(6 * minuteMs, 30_000);
  expect(feed.dropped).toBe(1);
});

test("A feed that is read is left alone, however quiet it is and however much is kept; so is one that somebody else reads", async () => {
  const { bench, feed } = await living();
  await bench.pass(40_000, 500);
  keeping(feed, 5_000_000_000);
  feed.breakOff();
  await bench.pass(70 * minuteMs, 30_000);
  expect(feed.dropped).toBe(0);
  refused(feed);
  feed.kept = { bytes: 5_000_000_000, isRead: true };
  await bench.pass(70 * minuteMs, 30_000);
  expect(feed.dropped).toBe(0);
});

test("What can't be dropped is said, and tried again", async () => {
  const { bench, feed, codes } = await living();
  await bench.pass(40_000, 500);
  refused(feed);
  feed.undroppable = new FuserError("config", "Not allowed", { code: "erp-rights", operation: "drop" });
  await bench.pass(66 * minuteMs, 30_000);
  expect(codes()).toContain("erp-rights");
  feed.undroppable = undefined;
  await bench.pass(6 * minuteMs, 30_000);
  expect(feed.dropped).toBe(1);
});

test("Warnings of a feed's check are said beside the error that keeps it from being used", async () => {
  const { bench, codes } = await living({}, (feed) => {
    const finding = { place: "ERP", message: "…", remedy: "ALTER SYSTEM …" };
    feed.findings = [
      { ...finding, severity: "error", code: "erp-feed-rights" },
      { ...finding, severity: "warning", code: "erp-feed-disk" },
    ];
  });
  await bench.pass(20 * minuteMs, 30_000);
  expect(codes().filter((code) => code === "erp-feed-disk")).toHaveLength(1);
});

test("What is kept for a feed that no source lives on any more is dropped at the start", async () => {
  const { erp, bench, feed } = await living();
  await bench.pass(40_000, 500);
  const position = bench.store.sources.position("feed:log");
  const other = await start({
    ...{ erp, feed, feeds: [], cursor: false, compareEveryMs: never },
    prepare: (store) => store.transaction(() => store.sources.setPosition("feed:log", position), "join"),
  });
  await other.pass(2_000);
  expect(feed.dropped).toBe(1);
  expect(other.store.sources.position("feed:log")).toBeUndefined();
});

test("What is kept under the agent's name and was never its own is said at each start, and left to a person; one that is read is none of its business", async () => {
  for (const isRead of [false, true]) {
    const { bench, feed, codes } = await living({ feeds: [], cursor: false }, (fake) => {
      fake.kept = { bytes: 7_000_000, isRead };
    });
    await bench.pass(2_000);
    expect(feed.dropped).toBe(0);
    expect(codes()).toEqual(isRead ? [] : ["feed-unused"]);
    await bench.crash();
    await bench.pass(2_000);
    expect(codes()).toHaveLength(isRead ? 0 : 2);
  }
});
