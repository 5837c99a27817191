// `npm run soak -- [--minutes M] [--warm-up W] [--seed S] [--units N] [--json]`: ends with one JSON object under --json, and with 1 when something grew, leaked or differed.
import { parseArgs } from "node:util";
import { soak } from "./soak.ts";

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "30" },
    "warm-up": { type: "string", default: "20" },
    seed: { type: "string" },
    units: { type: "string", default: "1000" },
    json: { type: "boolean", default: false },
  },
});
const say = (text: string): void => void process.stderr.write(`${text}\n`);
const minutes = Number(values.minutes);
const warmUp = Number(values["warm-up"]);
const seed = values.seed === undefined ? Math.floor(Math.random() * 1_000_000) : Number(values.seed);
if (!(minutes > 0) || !(warmUp >= 0) || !Number.isInteger(seed)) {
  say("usage: npm run soak -- [--minutes M] [--warm-up W] [--seed S] [--units N] [--json]");
  process.exit(2);
}
const stop = new AbortController();
for (const name of ["SIGINT", "SIGTERM"] as const) process.once(name, () => stop.abort());
const report = await soak({ warmUp, minutes, seed, units: Number(values.units), say, signal: stop.signal });
if (values.json) process.stdout.write(`${JSON.stringify(report)}\n`);
else say(JSON.stringify(report, null, 2));
for (const violation of report.violations) say(`VIOLATED: ${violation}`);
process.exitCode = report.violations.length === 0 ? 0 : 1;
