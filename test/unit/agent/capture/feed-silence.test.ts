import { expect, test } from "vitest";
import { createSilence, type Silence } from "../../../../agent/capture/feed-silence.ts";
import { manualClock } from "../../../support/manual-clock.ts";

const minuteMs = 60_000;

/** A transaction, told as a whole. */
function tell(silence: Silence, table: number): void {
  silence.asked();
  silence.heard({ tables: [table], moved: true });
}

test("A table is silent at the second look after its mark changed, if nothing was told of it until then", () => {
  const clock = manualClock();
  const silence = createSilence([undefined, undefined], clock);
  expect(silence.look(["a", "a"])).toEqual([]);
  expect(silence.look(["b", "b"])).toEqual([]);
  tell(silence, 1);
  silence.asked();
  clock.advance(1_000);
  expect(silence.look(["b", "b"])).toEqual([0]);
  expect(silence.silent()).toEqual([0]);
  tell(silence, 0);
  expect(silence.silent()).toEqual([]);
});

test("What was told since the look before explains a mark; what was told earlier does not", () => {
  const silence = createSilence([undefined], manualClock());
  tell(silence, 0);
  silence.look(["a"]);
  tell(silence, 0);
  expect([silence.look(["b"]), silence.look(["b"])]).toEqual([[], []]);
  expect([silence.look(["c"]), silence.look(["c"])]).toEqual([[], [0]]);
});

test("A table that changed just before another one is found silent is compared with it", () => {
  const silence = createSilence([undefined, undefined], manualClock());
  silence.look(["a", "a"]);
  silence.look(["b", "a"]);
  expect(silence.look(["b", "b"])).toEqual([0, 1]);
});

test("A table that is silent again within a quarter of an hour is compared at its end", () => {
  const clock = manualClock();
  const silence = createSilence([undefined], clock);
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
  const silence = createSilence([undefined], manualClock());
  for (const marks of [["a"], [undefined], ["a"], [], ["a"]]) expect(silence.look(marks)).toEqual([]);
});

/** Suspected at the look that is made here. */
function suspected(clock = manualClock()) {
  const silence = createSilence([undefined, undefined], clock);
  silence.look(["a", "a"]);
  silence.look(["a", "b"]);
  return { clock, silence };
}

test("Within a large transaction that is told in parts the feed is behind, and not silent of other tables", () => {
  const { clock, silence } = suspected();
  for (let look = 0; look < 5; look++) {
    for (let part = 0; part < 10; part++) {
      silence.asked();
      clock.advance(3_000);
      silence.heard({ tables: part % 2 === 0 ? [0] : [], moved: false });
    }
    expect(silence.look(["b", "b"])).toEqual([]);
  }
  silence.asked();
  silence.heard({ tables: [0], moved: true });
  // Then comes what waited behind it, or it does not.
  silence.asked();
  clock.advance(1_000);
  expect(silence.look(["b", "b"])).toEqual([1]);
});

test("While batch comes upon batch the feed is behind; told of everything since the look, it is not", () => {
  const { clock, silence } = suspected();
  for (let batch = 0; batch < 1_000; batch++) {
    silence.asked();
    clock.advance(30);
    silence.heard({ tables: [0], moved: true });
  }
  expect(silence.look(["b", "b"])).toEqual([]);
  tell(silence, 0);
  silence.asked();
  clock.advance(300);
  silence.heard({ tables: [0], moved: true });
  expect(silence.look(["b", "b"])).toEqual([1]);
});

test("A table told of by a feed that was behind is suspected no more", () => {
  const { silence } = suspected();
  silence.asked();
  silence.heard({ tables: [0], moved: false });
  expect(silence.look(["b", "b"])).toEqual([]);
  tell(silence, 1);
  expect([silence.look(["b", "b"]), silence.look(["b", "b"])]).toEqual([[], []]);
});

test("What an earlier process saw counts: a mark, a suspicion, and that something was told since", () => {
  const { silence } = suspected();
  const next = createSilence(silence.remember(), manualClock());
  expect(next.look(["a", "b"])).toEqual([1]);
  tell(silence, 1);
  const after = createSilence(silence.remember(), manualClock());
  expect([after.look(["a", "c"]), after.look(["a", "c"])]).toEqual([[], []]);
});

test("A compare that was put off outlives a kill", () => {
  const { clock, silence } = suspected();
  expect(silence.look(["a", "b"])).toEqual([1]);
  clock.advance(minuteMs);
  for (const mark of ["c", "c"]) expect(silence.look(["a", mark])).toEqual([]);
  expect(createSilence(silence.remember(), manualClock()).look(["a", "c"])).toEqual([1]);
});
