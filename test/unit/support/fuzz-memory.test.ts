import { expect, test } from "vitest";
import { judgeMemory } from "../../fuzz/fuzz.ts";

/** Ten minutes, sixty samples, that wander slowly by five MB either way. */
const wandering = (perMinute: number): { at: number; mb: number }[] =>
  Array.from({ length: 60 }, (_, index) => ({ at: index * 10_000, mb: 60 + 5 * Math.sin(index / 8) + (perMinute * index) / 6 }));

test.each([
  { perMinute: 0, grows: false },
  { perMinute: 3, grows: true },
])("memory that wanders and grows by $perMinute MB a minute: growth is $grows", ({ perMinute, grows }) => {
  expect(judgeMemory(wandering(perMinute)).grows).toBe(grows);
});

test("samples that are too few tell no slope", () => {
  expect(judgeMemory(wandering(3).slice(0, 5))).toMatchObject({ slope: undefined, grows: false });
});
