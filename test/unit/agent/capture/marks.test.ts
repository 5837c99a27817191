import fc from "fast-check";
import { expect, test } from "vitest";
import { isLater, laterMark, lowestMark, markBefore } from "../../../../agent/capture/marks.ts";
import { judgeSamples, withSightings } from "../../../../agent/capture/samples.ts";
import { createSeenMarks } from "../../../../agent/capture/seen-marks.ts";
import { manualClock } from "../../../support/manual-clock.ts";

test.each([
  ["2026-11-22T06:00:00", 60_000, "2026-11-22T05:59:00"],
  ["2026-03-01T00:00:10.500", 11_000, "2026-02-28T23:59:59.500000"],
  ["2026-11-22", 86_400_000, "2026-11-21T00:00:00"],
  ["1000-01-01T00:00:00", 60_000, "1000-01-01T00:00:00"],
])("A timestamp %s moved back by %i ms is %s, without any zone", (mark, overlap, expected) => {
  expect(markBefore("timestamp", mark, overlap)).toBe(expected);
});

test("A sequence keeps all digits however large it is", () => {
  expect(markBefore("sequence", "18446744073709551615", 15)).toBe("18446744073709551600");
  expect(isLater("sequence", "10", "9")).toBe(true);
  expect(laterMark("sequence", "9007199254740993", "9007199254740992")).toBe("9007199254740993");
});

test("A mark moved back is never later, and every mark is later than the lowest", () => {
  const mark = fc.date({ min: new Date("1900-01-01"), max: new Date("2100-01-01"), noInvalidDate: true });
  fc.assert(
    fc.property(mark, fc.integer({ min: 1, max: 10 ** 9 }), (date, overlap) => {
      const text = date.toISOString().slice(0, 19);
      expect(isLater("timestamp", text, markBefore("timestamp", text, overlap))).toBe(true);
      expect(isLater("timestamp", text, lowestMark("timestamp"))).toBe(true);
    }),
  );
});

const second = (overlapMs: number) => {
  const clock = manualClock(0);
  return { clock, seen: createSeenMarks({ clock, grain: "second", overlapMs }) };
};

test("A row is news once per mark", () => {
  const { seen } = second(60_000);
  expect([seen.isNew("a", "1"), seen.isNew("a", "1"), seen.isNew("a", "2"), seen.isNew("b", "2")]).toEqual([
    true,
    false,
    true,
    true,
  ]);
});

test("A row marked by whole seconds is looked at once more when its overlap has passed", () => {
  const { clock, seen } = second(60_000);
  seen.isNew("a", "1");
  clock.advance(30_000);
  seen.isNew("b", "1");
  expect(seen.takeRechecks()).toEqual([]);
  clock.advance(30_000);
  expect([seen.takeRechecks(), seen.takeRechecks()]).toEqual([["a"], []]);
  clock.advance(30_000);
  expect(seen.takeRechecks()).toEqual(["b"]);
});

test("A row marked by whole days is news again every ten minutes, for a second change leaves no other trace", () => {
  const clock = manualClock(0);
  const seen = createSeenMarks({ clock, grain: "day", overlapMs: 86_400_000 });
  expect([seen.isNew("a", "2026-11-22"), seen.isNew("a", "2026-11-22")]).toEqual([true, false]);
  clock.advance(600_000);
  expect(seen.isNew("a", "2026-11-22")).toBe(true);
});

test("What is remembered of sightings is bounded, and forgetting means looking again", () => {
  const { seen } = second(60_000);
  for (let no = 0; no <= 50_000; no++) seen.isNew(`k${no}`, "1");
  expect([seen.isNew("k0", "1"), seen.isNew("k50000", "1")]).toEqual([true, false]);
});

test("A row is remembered as long as polls show it, and no longer", () => {
  const { seen } = second(60_000);
  const polled = (...keys: string[]): boolean[] => {
    seen.beginWhole();
    return keys.map((key) => seen.isNew(key, "1"));
  };
  expect(polled("shown", "gone")).toEqual([true, true]);
  expect([seen.isNew("between", "1"), seen.isNew("shown", "1")]).toEqual([true, false]);
  expect(polled("shown", "between")).toEqual([false, false]);
  expect(polled("shown", "between")).toEqual([false, false]);
  expect(polled("shown", "between", "gone")).toEqual([false, false, true]);
});

test("A row of whole days that polls keep showing is still news every ten minutes", () => {
  const clock = manualClock(0);
  const seen = createSeenMarks({ clock, grain: "day", overlapMs: 86_400_000 });
  const news: number[] = [];
  for (let minute = 0; minute <= 25; minute++) {
    seen.beginWhole();
    if (seen.isNew("a", "2026-11-22")) news.push(minute);
    clock.advance(60_000);
  }
  expect(news).toEqual([0, 10, 20]);
});

const samples = ["1", "2", "3", "4", "5"].map((mark) => ({ key: `k${mark}`, mark }));
const judge = (shown: Record<string, string>, existing: string[], reached = false) =>
  judgeSamples({ samples, kind: "sequence", shown: new Map(Object.entries(shown)), existing: new Set(existing), reached }).lost;

test("A row that exists under an older mark than before means lost history, even when newer rows are there", () => {
  expect(judge({ k1: "1", k2: "2", k3: "3", k4: "4" }, ["k1", "k2", "k3", "k4", "k5"])).toBe(true);
  expect(judge({ k1: "1", k2: "2", k4: "9", k5: "5" }, ["k1", "k2", "k3", "k4", "k5"], true)).toBe(true);
});

test("One or two newest rows that are gone are deletes, three at once are lost history", () => {
  expect(judge({ k1: "1", k2: "2", k3: "3", k4: "4" }, ["k1", "k2", "k3", "k4"])).toBe(false);
  expect(judge({ k1: "1", k2: "2", k3: "3" }, ["k1", "k2", "k3"])).toBe(false);
  expect(judge({ k1: "1", k2: "2" }, ["k1", "k2"])).toBe(true);
});

test("Rows that are gone behind newer ones were deleted one by one", () => {
  expect(judge({ k5: "5" }, ["k5"])).toBe(false);
  expect(judge({}, [], true)).toBe(false);
});

test("A row whose mark rose is no loss", () => {
  expect(judge({ k1: "9", k2: "2", k3: "3", k4: "4", k5: "5" }, ["k1", "k2", "k3", "k4", "k5"])).toBe(false);
});

test("Of the sightings the newest sixteen are kept, one per key, oldest first", () => {
  const many = Array.from({ length: 40 }, (_, no) => ({ key: `k${no % 20}`, mark: String(no) }));
  const kept = withSightings([], many, "sequence");
  expect(kept.map(({ mark }) => Number(mark))).toEqual(Array.from({ length: 16 }, (_, no) => 24 + no));
  expect(withSightings(kept, [{ key: "k19", mark: "1" }], "sequence")).toEqual(kept);
});
