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
  const pace = createPace(clock, { gentle: false, rowsPerSecond: 1_000 });
  for (let read = 0; read < 10; read++) await pace.rest({ rows: 500, durationMs: 1 }, signal);
  // 5,000 rows, of which a second's worth may come at once.
  expect(slept.reduce((sum, ms) => sum + ms, 0)).toBeCloseTo(4_000, -1);
});

test("Reading slows down while the ERP answers many times slower than usual, and not for usual answers", async () => {
  const { clock, slept } = sleeplessClock();
  const pace = createPace(clock, { gentle: true, rowsPerSecond: 1_000_000 });
  for (let read = 0; read < 20; read++) await pace.rest({ rows: 500, durationMs: 50 }, signal);
  expect([slept, pace.slowness()]).toEqual([[], 1]);
  await pace.rest({ rows: 500, durationMs: 1_000 }, signal);
  expect(slept[0]).toBeGreaterThanOrEqual(1_000);
  expect(slept[0]).toBeLessThanOrEqual(3_000);
  expect(pace.slowness()).toBeGreaterThan(10);
  await pace.rest({ rows: 500, durationMs: 50 }, signal);
  expect(slept).toHaveLength(1);
});

test("At full pace only the admin's own cap holds reading back, whatever the ERP's answers take", async () => {
  const { clock, slept } = sleeplessClock();
  const pace = createPace(clock, { gentle: false, rowsPerSecond: undefined });
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
