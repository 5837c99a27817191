import { expect, test } from "vitest";
import { seed } from "../support/seed.ts";
import { type FuzzReport, fuzz } from "./fuzz.ts";
import { targets } from "./targets.ts";

const forMs = 4_000;

/** A fault with the command that shows it again. */
function toldOf({ target, faults }: FuzzReport): string[] {
  return faults.map((fault) => `${fault.seen}\n${fault.input}\nnpm run fuzz -- --target ${target} --choices ${fault.choices}`);
}

for (const target of targets) {
  test(`${target.name}: whatever comes, every promise is kept (seed ${seed})`, async () => {
    const report = await fuzz(target, { seed, forMs, atLeast: 20 });
    expect(toldOf(report)).toEqual([]);
    expect(report.cases).toBeGreaterThanOrEqual(20);
  }, 120_000);
}
