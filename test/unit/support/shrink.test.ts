import { expect, test } from "vitest";
import { caseSeed, recordedChance, replayedChance } from "../../fuzz/chance.ts";
import { shrink } from "../../fuzz/shrink.ts";

const numbers = (chance: ReturnType<typeof replayedChance>): number[] =>
  Array.from({ length: chance.below(20) }, () => chance.below(1_000));

test("Kept choices make the same case again, and none make the simplest", () => {
  const { chance, choices } = recordedChance(caseSeed(1, 2));
  const made = numbers(chance);
  expect(made.length).toBeGreaterThan(0);
  expect(numbers(replayedChance(choices))).toEqual(made);
  expect(numbers(replayedChance([]))).toEqual([]);
});

test("What fails is made small: of many numbers only the one that matters is left, and just large enough", async () => {
  const choices = [12, 3, 700, 999, 501, 2, 4, 800, 1, 1, 640, 30, 20];
  const fails = async (candidate: readonly number[]): Promise<boolean> =>
    numbers(replayedChance(candidate)).some((number) => number >= 500);
  expect(await fails(choices)).toBe(true);
  const best = await shrink({ choices, fails, now: () => performance.now(), withinMs: 5_000 });
  expect(numbers(replayedChance(best))).toEqual([500]);
});
