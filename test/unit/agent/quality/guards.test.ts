import { expect, test } from "vitest";
import { exceedsGuard } from "../../../../agent/quality/guards.ts";

const limits = { rows: 100, percent: 10 };

test.each([
  ["nothing vanishes", { vanishing: 0, recent: 5_000, known: 10 }, false],
  ["as many as allowed", { vanishing: 100, recent: 0, known: 100_000 }, false],
  ["one more than allowed", { vanishing: 101, recent: 0, known: 100_000 }, true],
  ["the rest of an hour's allowance", { vanishing: 1, recent: 100, known: 100_000 }, true],
  ["less than a tenth of a source", { vanishing: 19, recent: 0, known: 200 }, false],
  ["exactly a tenth of a source", { vanishing: 20, recent: 0, known: 200 }, true],
  ["exactly a tenth of a small source", { vanishing: 3, recent: 0, known: 30 }, true],
  ["a tenth within the hour, counted from what was there", { vanishing: 10, recent: 10, known: 190 }, true],
  ["less than a tenth within the hour, counted from what was there", { vanishing: 9, recent: 10, known: 190 }, false],
  ["one or two, however small the source", { vanishing: 2, recent: 0, known: 2 }, false],
])("Deletes are held or not: %s", (_, count, held) => {
  expect(exceedsGuard(limits, count)).toBe(held);
});
