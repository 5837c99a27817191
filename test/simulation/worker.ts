/** A process that plays one history after the other, with one planted bug or none; seeds come and reports go over its channel to main.ts. */
import type { History } from "./history/plan.ts";
import { plant } from "./planted.ts";
import type { Report, Task } from "./reports.ts";

const bug = process.argv[2];
if (bug) plant(bug);
// Loaded only now, so that the bug is in them.
const { planHistory } = await import("./history/plan.ts");
const { run } = await import("./run.ts");
const { shrink } = await import("./shrink.ts");

process.on("message", (task: Task) => void perform(task).then((report) => process.send?.(report)));
// Nobody waits for what is under way any more.
process.on("disconnect", () => process.exit());
process.send?.("ready");

async function perform({ seed, only, shorten, trace }: Task): Promise<Report> {
  const planned = planHistory(seed);
  const history: History =
    only === undefined ? planned : { ...planned, entries: planned.entries.filter(({ number }) => only.includes(number)) };
  const before = process.cpuUsage();
  const outcome = await run(history, { trace });
  const { user, system } = process.cpuUsage(before);
  const { violation, changes, orders, faults, atMs } = outcome;
  const report: Report = {
    seed,
    violation,
    changes,
    orders,
    faults,
    simulatedMs: atMs,
    cpuMs: Math.round((user + system) / 1_000),
    trace: outcome.trace,
    shortest: undefined,
  };
  if (violation === undefined || !shorten) return report;
  const shrunk = await shrink(history, outcome);
  const entries = shrunk.history.entries.map(({ number, at, what }) => ({ number, at, what }));
  return { ...report, shortest: { violation: shrunk.outcome.violation ?? "", entries, runs: shrunk.runs } };
}
