import { expect, test } from "vitest";
import { createSilence } from "../../../../agent/capture/feed-silence.ts";
import { manualClock } from "../../../support/manual-clock.ts";

const minuteMs = 60_000;

test("A table is silent at the second look after its mark changed, if nothing was told of it until then", () => {
  const silence = createSilence(2, manualClock());
  expect(silence.look(["a", "a"])).toEqual([]);
  expect(silence.look(["b", "b"])).toEqual([]);
  silence.told([1]);
  expect(silence.look(["b", "b"])).toEqual([0]);
  expect(silence.silent()).toEqual([0]);
  silence.told([0]);
  expect(silence.silent()).toEqual([]);
});

test("What was told since the look before explains a mark; what was told earlier does not", () => {
  const silence = createSilence(1, manualClock());
  silence.told([0]);
  silence.look(["a"]);
  silence.told([0]);
  expect([silence.look(["b"]), silence.look(["b"])]).toEqual([[], []]);
  expect([silence.look(["c"]), silence.look(["c"])]).toEqual([[], [0]]);
});

test("A table that changed just before another one is found silent is compared with it", () => {
  const silence = createSilence(2, manualClock());
  silence.look(["a", "a"]);
  silence.look(["b", "a"]);
  expect(silence.look(["b", "b"])).toEqual([0, 1]);
});

test("A table that is silent again within a quarter of an hour is compared at its end", () => {
  const clock = manualClock();
  const silence = createSilence(1, clock);
  silence.look(["a"]);
  silence.look(["b"]);
  expect(silence.look(["b"])).toEqual([0]);
  clock.advance(minuteMs);
  silence.look(["c"]);
  expect(silence.look(["c"])).toEqual([]);
  clock.advance(13 * minuteMs);
  expect(silence.look(["c"])).toEqual([]);
  clock.advance(minuteMs);
  expect(silence.look(["c"])).toEqual([0]);
  clock.advance(15 * minuteMs);
  expect(silence.look(["c"])).toEqual([]);
  expect(silence.silent()).toEqual([]);
});

test("A table of which the server can tell nothing is never suspected", () => {
  const silence = createSilence(1, manualClock());
  for (const marks of [["a"], [undefined], ["a"], [], ["a"]]) expect(silence.look(marks)).toEqual([]);
});
