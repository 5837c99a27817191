/**
 * `npm run fuzz -- [--target NAME] [--minutes M] [--seed S] [--json]`: every target in turn, or one. `--case N` runs one case of a seed, `--choices LIST` a
 * shrunken one, as a failure prints them. Ends with 1 when a promise was broken or memory grew.
 */
import { writeSync } from "node:fs";
import { parseArgs } from "node:util";
import { Worker } from "node:worker_threads";
import { type FuzzReport, fuzz, replay } from "./fuzz.ts";
import { targets } from "./targets.ts";

const { values } = parseArgs({
  options: {
    target: { type: "string" },
    minutes: { type: "string", default: "1" },
    seed: { type: "string" },
    case: { type: "string" },
    choices: { type: "string" },
    json: { type: "boolean", default: false },
  },
});
const say = (text: string): void => void process.stderr.write(`${text}\n`);
const chosen = targets.filter(({ name }) => values.target === undefined || name === values.target);
const minutes = Number(values.minutes);
const seed = values.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(values.seed);
if (chosen.length === 0 || !(minutes > 0) || !Number.isInteger(seed)) {
  say(
    `usage: npm run fuzz -- [--target ${targets.map(({ name }) => name).join("|")}] [--minutes M] [--seed S] [--case N] [--choices LIST] [--json]`,
  );
  process.exit(2);
}

process.exitCode = values.choices === undefined ? await run() : await again(values.choices);

async function run(): Promise<number> {
  const reports: FuzzReport[] = [];
  for (const target of chosen) {
    say(`${target.name}: ${minutes} min, seed ${seed}`);
    const watch = watchOver(target.name);
    const only = values.case === undefined ? {} : { onlyCase: Number(values.case) };
    const report = await fuzz(target, { seed, forMs: minutes * 60_000, onCase: watch.beat, ...only });
    await watch.stop();
    reports.push(report);
    tell(report);
  }
  if (values.json) process.stdout.write(`${JSON.stringify(reports)}\n`);
  return reports.every(({ faults, memory }) => faults.length === 0 && !memory.grows) ? 0 : 1;
}

function tell(report: FuzzReport): void {
  const { cases, executions, unit, seconds, slowestMs, memory, faults } = report;
  const { slope } = memory;
  const perMinute =
    slope === undefined
      ? "too few samples"
      : `${slope.slope.toFixed(2)} MB/min (${slope.low.toFixed(2)} to ${slope.high.toFixed(2)})`;
  say(`  ${cases} cases, ${executions} ${unit} in ${seconds} s, slowest case ${slowestMs} ms`);
  say(
    `  memory after collection ${memory.firstMb} MB to ${memory.lastMb} MB, slope ${perMinute}${memory.grows ? ": IT GROWS" : ""}`,
  );
  for (const fault of faults) {
    say(
      `\nBROKEN ${fault.promise}\n${fault.seen}\n  seed ${fault.seed}, case ${fault.case}; smallest case found:\n  ${fault.input}`,
    );
    say(`  again: npm run fuzz -- --target ${report.target} --choices ${fault.choices}\n`);
  }
}

async function again(choices: string): Promise<number> {
  const [target] = chosen as [(typeof targets)[number]];
  const { input, fault } = await replay(target, choices.split(",").map(Number));
  say(`${target.name}: ${input}`);
  say(fault === undefined ? "It keeps all promises." : `BROKEN ${fault.promise}\n${fault.seen}`);
  return fault === undefined ? 0 : 1;
}

/** A case that never lets go of the thread can't be stopped from within: another thread names it and ends the process. */
function watchOver(name: string): { beat: (number: number) => void; stop: () => Promise<number> } {
  const shared = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(new URL("./watchdog.ts", import.meta.url), { workerData: { shared, name, seed } });
  worker.on("error", (error) => writeSync(2, `${String(error)}\n`));
  return { beat: (number) => void Atomics.store(shared, 0, number + 1), stop: () => worker.terminate() };
}
