import { expect, test } from "vitest";
import { createDoorbell } from "../../../../agent/capture/doorbell.ts";
import { createPace } from "../../../../agent/capture/pace.ts";
import { createTurn } from "../../../../agent/capture/turn.ts";
import type { Clock } from "../../../../base/time.ts";
import { manualClock } from "../../../support/manual-clock.ts";

const signal = new AbortController().signal;

/** A clock whose sleeps end at once and are written down. */
function sleeplessClock(): { clock: Clock; slept: number[]; pass(ms: number): void } {
  const inner = manualClock(0);
  const slept: number[] = [];
  const sleep = async (ms: number): Promise<void> => {
    slept.push(ms);
    inner.advance(ms);
  };
  return { clock: { ...inner, sleep }, slept, pass: (ms) => inner.advance(ms) };
}

test("No more rows are read per second than the cap allows", async () => {
  const { clock, slept } = sleeplessClock();
  const pace = createPace(clock, { gentle: false, rowsPerSecond: 1_000, reads: "stream" });
  for (let read = 0; read < 10; read++) await pace.rest({ rows: 500, durationMs: 1 }, signal);
  // 5,000 rows, of which a second's worth may come at once.
  expect(slept.reduce((sum, ms) => sum + ms, 0)).toBeCloseTo(4_000, -1);
});

const total = (slept: readonly number[]): number => slept.reduce((sum, ms) => sum + ms, 0);

test("A gentle pace reads a million rows that cost next to nothing in one to two minutes, and evenly", async () => {
  const { clock, slept } = sleeplessClock();
  const pace = createPace(clock, { gentle: true, rowsPerSecond: undefined, reads: "stream" });
  for (let read = 0; read < 2_000; read++) await pace.rest({ rows: 500, durationMs: 0.2 }, signal);
  expect(total(slept)).toBeGreaterThan(60_000);
  expect(total(slept)).toBeLessThan(120_000);
  expect(Math.max(...slept)).toBeLessThan(100);
});

test("A gentle pace rests nine times as long as the ERP works for it, where rows are costly", async () => {
  const { clock, slept, pass } = sleeplessClock();
  const pace = createPace(clock, { gentle: true, rowsPerSecond: undefined, reads: "stream" });
  for (let read = 0; read < 100; read++) {
    pass(20);
    await pace.rest({ rows: 1_000, durationMs: 20 }, signal);
  }
  // But for what may be saved up.
  expect(total(slept) / (100 * 20)).toBeGreaterThan(7.5);
  expect(total(slept) / (100 * 20)).toBeLessThan(9.5);
});

test("A server that sends ahead, so that most of its costly batches come at once, is paid for each of them", async () => {
  const { clock, slept, pass } = sleeplessClock();
  const pace = createPace(clock, { gentle: true, rowsPerSecond: undefined, reads: "stream" });
  for (let read = 0; read < 320; read++) {
    const durationMs = read % 8 === 0 ? 20 : 0.1;
    pass(durationMs);
    await pace.rest({ rows: 1_000, durationMs }, signal);
  }
  expect(total(slept)).toBeGreaterThan(320 * 20 * 7);
});

test("One slow answer among many quick ones is not taken for what a row costs", async () => {
  const { clock, slept, pass } = sleeplessClock();
  const pace = createPace(clock, { gentle: true, rowsPerSecond: 1_000_000_000, reads: "stream" });
  for (let read = 0; read < 100; read++) {
    pass(10);
    await pace.rest({ rows: 1_000, durationMs: read === 50 ? 15 : 0.1 }, signal);
  }
  expect(slept).toEqual([]);
});

test("However slowly the ERP answers, a read of costly rows is followed by a rest no longer than it took, and the debt is forgotten", async () => {
  const { clock, slept, pass } = sleeplessClock();
  const pace = createPace(clock, { gentle: true, rowsPerSecond: undefined, reads: "stream" });
  for (let read = 0; read < 50; read++) {
    pass(1_000);
    await pace.rest({ rows: 1_000, durationMs: 1_000 }, signal);
  }
  expect(Math.max(...slept)).toBeLessThanOrEqual(1_100);
  slept.length = 0;
  pass(60_000);
  for (let read = 0; read < 3; read++) await pace.rest({ rows: 10, durationMs: 1 }, signal);
  expect(slept).toEqual([]);
});

test("Reading yields to an ERP that suddenly answers many times slower than usual", async () => {
  const { clock, slept, pass } = sleeplessClock();
  const pace = createPace(clock, { gentle: true, rowsPerSecond: undefined, reads: "stream" });
  const read = async (durationMs: number): Promise<void> => {
    pass(10_000);
    await pace.rest({ rows: 500, durationMs }, signal);
  };
  for (let turn = 0; turn < 20; turn++) await read(20);
  expect(slept).toEqual([]);
  await read(1_000);
  expect(slept[0]).toBeGreaterThanOrEqual(1_000);
  expect(slept[0]).toBeLessThanOrEqual(10_000);
});

test("Single changes are read without a rest, also many a second", async () => {
  const { clock, slept, pass } = sleeplessClock();
  const pace = createPace(clock, { gentle: true, rowsPerSecond: undefined, reads: "stream" });
  for (let second = 0; second < 60; second++) {
    for (let read = 0; read < 10; read++) {
      pass(100);
      await pace.rest({ rows: 20, durationMs: 4 }, signal);
    }
  }
  expect(slept).toEqual([]);
});

test("Reads by key cost what they took themselves: a stall of a few rows is no measure for many", async () => {
  const { clock, slept, pass } = sleeplessClock();
  const pace = createPace(clock, { gentle: true, rowsPerSecond: undefined, reads: "keys" });
  // A machine that is busy with other work: now and then a read of a few keys waits for its turn.
  const read = async (rows: number, durationMs: number): Promise<void> => {
    pass(durationMs);
    await pace.rest({ rows, durationMs }, signal);
  };
  for (let turn = 0; turn < 40; turn++) await read(5, turn % 3 === 0 ? 150 : 15);
  slept.length = 0;
  await read(500, 100);
  expect(total(slept)).toBeLessThanOrEqual(130);
});

test("While it rests for long a pace says so, and no longer", async () => {
  const clock = manualClock(0);
  const pace = createPace(clock, { gentle: true, rowsPerSecond: undefined, reads: "keys" });
  const resting: boolean[] = [pace.isResting()];
  const rest = pace.rest({ rows: 500, durationMs: 2_000 }, signal);
  resting.push(pace.isResting());
  clock.advance(10_000);
  await rest;
  resting.push(pace.isResting());
  expect(resting).toEqual([false, true, false]);
});

test("At full pace only the admin's own cap holds reading back, whatever the ERP's answers take", async () => {
  const { clock, slept } = sleeplessClock();
  const pace = createPace(clock, { gentle: false, rowsPerSecond: undefined, reads: "stream" });
  for (const durationMs of [1, 1, 1, 5_000]) await pace.rest({ rows: 1_000_000, durationMs }, signal);
  expect(slept).toEqual([]);
});

test("Who takes turns runs one after the other, also behind a failure", async () => {
  const turn = createTurn();
  const order: string[] = [];
  const step = (name: string, fail = false) =>
    turn(async () => {
      order.push(`${name} begins`);
      await Promise.resolve();
      order.push(`${name} ends`);
      if (fail) throw new Error(name);
      return name;
    });
  const [first, second] = await Promise.allSettled([step("one", true), step("two")]);
  expect(order).toEqual(["one begins", "one ends", "two begins", "two ends"]);
  expect([first?.status, second?.status]).toEqual(["rejected", "fulfilled"]);
});

test("A bell wakes its sleeper, a bell rung before is not forgotten, and time wakes as well", async () => {
  const clock = manualClock(0);
  const bell = createDoorbell(clock);
  const sleeping = bell.sleep(1_000, signal);
  bell.ring();
  await sleeping;
  bell.ring();
  await bell.sleep(1_000, signal);
  const timed = bell.sleep(1_000, signal);
  clock.advance(1_000);
  await timed;
});

test("A sleeper that is aborted says so and leaves no timer behind", async () => {
  const clock = manualClock(0);
  const bell = createDoorbell(clock);
  const stop = new AbortController();
  const sleeping = bell.sleep(1_000, stop.signal);
  stop.abort(new Error("stop"));
  await expect(sleeping).rejects.toThrow("stop");
  bell.ring();
  await bell.sleep(1_000, signal);
});
