import { expect, test } from "vitest";
import { seededRandom } from "../../support/erp/random.ts";
import { fitLine, type Line } from "../../support/slope.ts";

const series = (slope: number, noise: (index: number) => number): Line | undefined =>
  fitLine(Array.from({ length: 60 }, (_, index) => [index, 100 + slope * index + noise(index)]));

/** Noise of which each value resembles the one before, as memory does between two collections. */
function drifting(seed: number): (index: number) => number {
  const random = seededRandom(seed);
  let value = 0;
  return () => {
    value = value * 0.8 + (random() - 0.5);
    return value;
  };
}

test("A line without noise has its slope and no doubt", () => {
  expect(series(2, () => 0)).toEqual({ slope: expect.closeTo(2), low: expect.closeTo(2), high: expect.closeTo(2) });
});

test("Of a hundred flat series that drift, few look like growth", () => {
  const growing = Array.from({ length: 100 }, (_, seed) => series(0, drifting(seed)) as Line).filter(({ low }) => low > 0);
  expect(growing.length).toBeLessThanOrEqual(10);
});

test("Growth beyond the noise is seen", () => {
  for (let seed = 0; seed < 20; seed++) expect((series(0.2, drifting(seed)) as Line).low).toBeGreaterThan(0);
});

test("Too few points, or all of one moment, say nothing", () => {
  expect(
    fitLine([
      [1, 1],
      [2, 2],
    ]),
  ).toBeUndefined();
  expect(fitLine(Array.from({ length: 20 }, (_, index) => [7, index]))).toBeUndefined();
});
