import { expect, test } from "vitest";
import { metrics, verdictOf } from "../../../bench/metrics.ts";
import { parseOptions } from "../../../bench/options.ts";
import { allMet, jsonText, tableText } from "../../../bench/report.ts";
import { median, percentile } from "../../../bench/statistics.ts";

const machine = { cpu: "some", cores: 2, memoryGb: 24, kernel: "6", node: "26", load: 0 };
const resultOf = (figures: Record<string, number>) => ({ rows: 1_000, rounds: 1, machine, figures, details: {} });

test("The median is the middle value, of an even number the mean of the two in the middle", () => {
  expect(median([9, 1, 5])).toBe(5);
  expect(median([4, 1, 2, 3])).toBe(2.5);
  expect(median([])).toBeNaN();
});

test("A percentile lies between its neighbours in proportion", () => {
  const hundred = Array.from({ length: 101 }, (_, index) => index);
  expect(percentile(hundred, 99)).toBe(99);
  expect(percentile([0, 10], 25)).toBe(2.5);
});

test("A figure is judged by its own direction: more is better for a ratio, less for a time", () => {
  const metric = (name: string) => metrics.find((candidate) => candidate.name === name) as (typeof metrics)[number];
  expect(["0.29", "0.3", "0.6"].map((value) => verdictOf(metric("snapshotRatio"), Number(value)))).toEqual([
    "missed",
    "met",
    "stretch",
  ]);
  expect([16, 15, 5].map((value) => verdictOf(metric("latencyP99Ms"), value))).toEqual(["missed", "met", "stretch"]);
  expect(verdictOf(metric("snapshotRatio"), Number.NaN)).toBe("missed");
});

test("One missed figure fails the whole; what was not measured is not judged", () => {
  expect(allMet({ snapshotRatio: 0.5 })).toBe(true);
  expect(allMet({ snapshotRatio: 0.5, latencyP50Ms: 4 })).toBe(false);
});

test("The JSON object holds each figure under its name, and the table says for each what it must be", () => {
  const result = resultOf({ snapshotRatio: 0.25 });
  expect(JSON.parse(jsonText(result))).toMatchObject({
    snapshotRatio: 0.25,
    met: false,
    verdicts: { snapshotRatio: "missed" },
    rows: 1_000,
  });
  expect(tableText(result)).toMatch(/missed +snapshotRatio +0\.25 +must ≥ 0\.3 +stretch 0\.6/);
});

test("Metrics are chosen by their own name or their part's; five million rows are only read when asked for", () => {
  expect([...parseOptions(["--only", "latencyP99Ms,idle"]).parts]).toEqual(["latency", "idle"]);
  expect(parseOptions([]).parts.has("memory5m")).toBe(false);
  expect(parseOptions(["--full"]).parts.has("memory5m")).toBe(true);
  expect(() => parseOptions(["--only", "speed"])).toThrow("speed");
  expect(() => parseOptions(["--rows", "1234"])).toThrow("--rows");
});
