/** Makes a failing history as short as it can: leaves out ever smaller parts for as long as the same kind of violation comes back. */
import type { Entry, History } from "./history/plan.ts";
import { type Outcome, run } from "./run.ts";

export interface Shrunk {
  history: History;
  outcome: Outcome;
  runs: number;
}

/** What a violation is, without the numbers and names of the run. */
export function kindOfViolation(violation: string): string {
  return violation.split(":")[0] as string;
}

/** `budget`: most runs that it may take. */
export async function shrink(history: History, failed: Outcome, budget = 300): Promise<Shrunk> {
  const wanted = kindOfViolation(failed.violation ?? "");
  let best: { entries: readonly Entry[]; outcome: Outcome } = { entries: history.entries, outcome: failed };
  let runs = 0;
  const fails = async (entries: readonly Entry[]): Promise<boolean> => {
    runs += 1;
    const outcome = await run({ ...history, entries });
    if (outcome.violation === undefined || kindOfViolation(outcome.violation) !== wanted) return false;
    best = { entries, outcome };
    return true;
  };
  // What came after the violation had no part in it.
  await fails(history.entries.filter(({ at }) => at <= failed.atMs));
  for (let size = Math.ceil(best.entries.length / 2); size >= 1 && runs < budget; ) {
    let start = 0;
    let shorter = false;
    while (start < best.entries.length && runs < budget) {
      const without = [...best.entries.slice(0, start), ...best.entries.slice(start + size)];
      if (await fails(without)) shorter = true;
      else start += size;
    }
    if (size === 1 && !shorter) break;
    size = shorter && size === 1 ? 1 : Math.max(1, Math.floor(size / 2));
    if (size === 1 && best.entries.length === 0) break;
  }
  return { history: { ...history, entries: best.entries }, outcome: best.outcome, runs };
}
