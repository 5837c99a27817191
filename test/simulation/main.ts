// `npm run simulate -- --seeds N [--seed S] [--minutes M] [--jobs J] [--json]`, `--seed S [--only 3,17]` replays one history and tells it, `--bugs [--bug NAME]` looks for planted bugs.
import { parseArgs } from "node:util";
import { bugs } from "./bugs.ts";
import type { Report, Shortest, Task } from "./reports.ts";
import { campaign } from "./workers.ts";

const { values } = parseArgs({
  options: {
    seeds: { type: "string" },
    seed: { type: "string" },
    only: { type: "string" },
    minutes: { type: "string" },
    jobs: { type: "string" },
    json: { type: "boolean", default: false },
    bugs: { type: "boolean", default: false },
    bug: { type: "string" },
  },
});
const first = number("seed", values.seed) ?? 1;
const processes = number("jobs", values.jobs);
const minutesAtMost = number("minutes", values.minutes, /^\d+(\.\d+)?$/) ?? Number.POSITIVE_INFINITY;
const say = (text: string): void => {
  if (!values.json) console.log(text);
};

if (values.bugs || (values.bug !== undefined && values.seeds !== undefined)) await findBugs();
else if (values.seeds !== undefined) await simulate(number("seeds", values.seeds) ?? 0);
else await replay();

function number(name: string, text: string | undefined, form = /^\d+$/): number | undefined {
  if (text === undefined) return undefined;
  if (form.test(text)) return Number(text);
  console.error(`--${name} takes a number`);
  process.exit(2);
}

function task(seed: number, more: Partial<Task> = {}): Task {
  return { seed, only: undefined, shorten: false, trace: false, ...more };
}

/** Seeds `first` and on, until there are so many or the time is over; every violation is told with the command that replays it, and made short where time does not press. */
async function simulate(count: number): Promise<void> {
  const begun = performance.now();
  const sum = {
    seeds: 0,
    simulatedHours: 0,
    changes: 0,
    orders: 0,
    faults: 0,
    cpuMs: 0,
    leastChanges: Number.POSITIVE_INFINITY,
    leastOrders: Number.POSITIVE_INFINITY,
    leastFaults: Number.POSITIVE_INFINITY,
  };
  const violations: { seed: number; violation: string; shortest: Shortest | undefined; replay: string }[] = [];
  let seed = first;
  let saidAt = begun;
  await campaign({
    processes,
    next: () =>
      seed < first + count && performance.now() - begun < minutesAtMost * 60_000
        ? task(seed++, { shorten: violations.length < 3 && values.minutes === undefined })
        : undefined,
    onReport(report) {
      sum.seeds += 1;
      sum.simulatedHours += 1;
      for (const what of ["changes", "orders", "faults", "cpuMs"] as const) sum[what] += report[what];
      sum.leastChanges = Math.min(sum.leastChanges, report.changes);
      sum.leastOrders = Math.min(sum.leastOrders, report.orders);
      sum.leastFaults = Math.min(sum.leastFaults, report.faults);
      if (report.violation !== undefined) {
        const replayIt = replayOf(report);
        violations.push({ seed: report.seed, violation: report.violation, shortest: report.shortest, replay: replayIt });
        say(failureText(report, replayIt));
      }
      if (performance.now() - saidAt > 15_000) {
        saidAt = performance.now();
        say(
          `${sum.seeds} of ${count} seeds, ${violations.length} violations, ${rate(sum.seeds, begun)} simulated hours a minute`,
        );
      }
    },
  });
  const isFull = sum.leastChanges >= 50 && sum.leastOrders >= 1 && sum.leastFaults >= 1;
  const result = {
    ...sum,
    next: seed,
    hoursPerMinute: rate(sum.seeds, begun),
    seconds: Math.round((performance.now() - begun) / 1_000),
    violations,
  };
  if (values.json) console.log(JSON.stringify(result));
  say(
    `${sum.seeds} seeds, ${first} to ${seed - 1}: ${violations.length} violations; ${result.hoursPerMinute} simulated hours a minute, ${Math.round(sum.cpuMs / Math.max(1, sum.seeds))} ms of CPU for each; each hour with at least ${sum.leastChanges} changes, ${sum.leastOrders} commands, ${sum.leastFaults} faults`,
  );
  if (!isFull) say("An hour that holds less than 50 changes, a command and a fault proves too little");
  process.exitCode = violations.length === 0 && isFull ? 0 : 1;
}

function rate(seeds: number, begun: number): number {
  return Math.round(seeds / ((performance.now() - begun) / 60_000));
}

function replayOf({ seed, shortest }: Report): string {
  const only = shortest === undefined ? "" : ` --only ${shortest.entries.map((entry) => entry.number).join(",") || "none"}`;
  const planted = values.bug === undefined ? "" : ` --bug "${values.bug}"`;
  return `npm run simulate -- --seed ${seed}${only}${planted}`;
}

function failureText({ seed, violation, shortest }: Report, replayIt: string): string {
  const lines = [`Seed ${seed}: ${violation}`];
  if (shortest !== undefined) {
    lines.push(`  shortest history found (${shortest.runs} runs): ${shortest.violation}`);
    for (const { number: place, at, what } of shortest.entries) lines.push(`    ${minutes(at)}  ${place}: ${what}`);
  }
  return [...lines, `  ${replayIt}`].join("\n");
}

function minutes(ms: number): string {
  return `${String(Math.floor(ms / 60_000)).padStart(2)}:${String(Math.floor((ms % 60_000) / 1_000)).padStart(2, "0")}`;
}

/** One history, told line by line. */
async function replay(): Promise<void> {
  const only = values.only === undefined ? undefined : values.only === "none" ? [] : values.only.split(",").map(Number);
  let tasks = [task(first, { only, trace: true })];
  await campaign({
    bug: values.bug,
    processes: 1,
    next: () => tasks.pop(),
    onReport(report) {
      tasks = [];
      for (const line of report.trace) say(line);
      if (values.json) console.log(JSON.stringify(report));
      say(report.violation === undefined ? `Seed ${first}: all held` : `Seed ${first}: ${report.violation}`);
      process.exitCode = report.violation === undefined ? 0 : 1;
    },
  });
}

/** Each bug until it is found, or the seeds are used up. */
async function findBugs(): Promise<void> {
  const most = number("seeds", values.seeds) ?? 2_000;
  const found: { bug: string; seeds: number | undefined; violation: string | undefined }[] = [];
  for (const bug of values.bug === undefined ? Object.keys(bugs) : [values.bug]) {
    let seed = first;
    let hit: Report | undefined;
    await campaign({
      ...{ bug, processes },
      next: () => (hit === undefined && seed < first + most ? task(seed++) : undefined),
      onReport(report) {
        if (report.violation !== undefined && (hit === undefined || report.seed < hit.seed)) hit = report;
      },
    });
    const seeds = hit === undefined ? undefined : hit.seed - first + 1;
    found.push({ bug, seeds, violation: hit?.violation });
    say(
      `${bug}: ${seeds === undefined ? `NOT FOUND in ${most} seeds` : `after ${seeds} seeds: ${hit?.violation?.slice(0, 160)}`}`,
    );
  }
  if (values.json) console.log(JSON.stringify({ bugs: found }));
  process.exitCode = found.every(({ seeds }) => seeds !== undefined) ? 0 : 1;
}
