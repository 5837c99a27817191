import { expect, test } from "vitest";
import { exceedsGuard } from "../../../../agent/quality/guards.ts";

const limits = { rows: 100, percent: 10 };

test.each([
  ["nothing vanishes", { waiting: 0, recent: 5_000, of: 10 }, false],
  ["as many as allowed", { waiting: 100, recent: 0, of: 100_000 }, false],
  ["one more than allowed", { waiting: 101, recent: 0, of: 100_000 }, true],
  ["the rest of an hour's allowance", { waiting: 1, recent: 100, of: 100_000 }, true],
  ["less than a tenth of a source", { waiting: 19, recent: 0, of: 200 }, false],
  ["exactly a tenth of a source", { waiting: 20, recent: 0, of: 200 }, true],
  ["exactly a tenth of a small source", { waiting: 3, recent: 0, of: 30 }, true],
  ["a tenth within the hour, counted from what was there", { waiting: 10, recent: 10, of: 200 }, true],
  ["less than a tenth within the hour, counted from what was there", { waiting: 9, recent: 10, of: 200 }, false],
  ["one or two, however small the source", { waiting: 2, recent: 0, of: 2 }, false],
])("Deletes are held or not: %s", (_, count, held) => {
  expect(exceedsGuard(limits, count)).toBe(held);
});
