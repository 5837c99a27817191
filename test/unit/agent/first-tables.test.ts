import { expect, test } from "vitest";
import { createFirstTables } from "../../../agent/first-tables.ts";
import { manualClock } from "../../support/manual-clock.ts";

test("Reads wait for the portal's tables at the first start, no longer than its patience lasts, and not at all where there is none to wait for", async () => {
  const clock = manualClock();
  const versions: (string | null)[] = ["1", null];
  const lookups = { used: () => versions.map((version, at) => ({ name: `t${at}`, version })) };
  let woken = 0;
  const run = (tables: ReturnType<typeof createFirstTables>) => tables.run(() => (woken += 1), new AbortController().signal);
  const pass = async (ms: number) => {
    for (let left = ms; left > 0; left -= 250) {
      clock.advance(250);
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  const slow = createFirstTables(lookups, clock);
  const waiting = run(slow);
  // Nobody asks while the portal is away.
  await pass(10_000);
  expect([slow.areThere(), woken]).toEqual([false, 0]);
  await pass(2_750);
  expect([slow.areThere(), woken]).toEqual([false, 0]);
  await pass(500);
  await waiting;
  expect([slow.areThere(), woken]).toEqual([true, 1]);

  const quick = createFirstTables(lookups, clock);
  expect(quick.areThere()).toBe(false);
  versions[1] = "1";
  expect(quick.areThere()).toBe(true);
  // What the portal once has sent is there: no table is waited for again.
  await run(createFirstTables(lookups, clock));
  expect(woken).toBe(1);
});
