import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { bugs } from "./bugs.ts";
import { planHistory } from "./history/plan.ts";
import type { Report, Task } from "./reports.ts";
import { run } from "./run.ts";
import { campaign } from "./workers.ts";

const plain = { only: undefined, shorten: false, trace: false };

async function reports(tasks: Task[], bug?: string): Promise<Report[]> {
  const found: Report[] = [];
  const waiting = tasks.toReversed();
  await campaign({ bug, next: () => waiting.pop(), onReport: (report) => void found.push(report) });
  return found.sort((one, other) => one.seed - other.seed);
}

test("Hours of chance with faults of every kind break no invariant", async () => {
  const found = await reports(Array.from({ length: 4 }, (_, index) => ({ ...plain, seed: 1 + index })));
  expect(found).toHaveLength(4);
  for (const { seed, violation, changes, orders, faults } of found) {
    expect(violation, `npm run simulate -- --seed ${seed}`).toBeUndefined();
    expect(changes).toBeGreaterThanOrEqual(50);
    expect(orders).toBeGreaterThanOrEqual(1);
    expect(faults).toBeGreaterThanOrEqual(1);
  }
});

test("One seed tells one story, however often it is told", async () => {
  const history = planHistory(3);
  const [first, second] = [await run(history, { trace: true }), await run(history, { trace: true })];
  expect(first.trace.length).toBeGreaterThan(100);
  expect(second).toEqual(first);
});

test("A planted bug is found, its history is made short, and the short one fails alike when it is replayed", async () => {
  const bug = "ack before commit";
  const [hit] = await reports([{ ...plain, seed: 1, shorten: true }], bug);
  expect(hit?.shortest).toBeDefined();
  const { seed, shortest } = hit as Report & { shortest: NonNullable<Report["shortest"]> };
  expect(shortest.entries.length).toBeLessThan(planHistory(seed).entries.length / 2);
  const only = shortest.entries.map(({ number }) => number);
  const [replayed] = await reports([{ ...plain, seed, only }], bug);
  expect(replayed?.violation).toBe(shortest.violation);
});

test("Each of the planted bugs fits the product as it is", () => {
  expect(Object.keys(bugs)).toHaveLength(21);
  for (const [bug, edits] of Object.entries(bugs)) {
    for (const { file, from } of edits) expect(readFileSync(file, "utf8").split(from), `${bug}, ${file}`).toHaveLength(2);
  }
});
