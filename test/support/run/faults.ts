// `npm run faults -- --times 20 [--only NAME] [--seed S] [--minutes M] [--jobs J]`: the fault rows again and again, each round with a seed of its own, and a
// table of what passed. Ends at the first round in which a row fails, with 1 and what repeats it, and begins no round after M minutes. NAME is part of a
// file's name or of a row's title; J files run at a time, 2 unless told.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { root, runNode } from "./child.ts";
import { align } from "./summary.ts";

const { values } = parseArgs({
  options: {
    times: { type: "string", default: "1" },
    only: { type: "string", multiple: true },
    seed: { type: "string" },
    minutes: { type: "string", default: "Infinity" },
    jobs: { type: "string", default: "2" },
  },
});
const times = Number(values.times);
const firstSeed = Number(values.seed ?? Math.floor(Math.random() * 1_000_000));
const minutes = Number(values.minutes);
const jobs = Number(values.jobs);
const isCount = (number: number): boolean => Number.isInteger(number) && number >= 1;
if (!isCount(times) || !isCount(jobs) || !Number.isInteger(firstSeed) || !(minutes > 0)) {
  console.error("--times and --jobs take a number from 1, --seed a whole number, --minutes a number above 0.");
  process.exit(2);
}

interface Row {
  title: string;
  passed: number;
  slowestMs: number;
}

/** The part of vitest's JSON report that is read here. */
interface Report {
  testResults: {
    name: string;
    message: string;
    status: string;
    assertionResults: { status: string; fullName: string; duration?: number; failureMessages: string[] }[];
  }[];
}

const files = readdirSync(join(root, "test/fault")).filter((name) => name.endsWith(".test.ts"));

/** Arguments of vitest for the rows that are wanted. */
function filters(names: readonly string[]): string[] {
  const isFile = (name: string): boolean => files.some((file) => file.includes(name));
  const titles = names.filter((name) => !isFile(name)).map((name) => name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return [...names.filter(isFile), ...(titles.length > 0 ? ["-t", titles.join("|")] : [])];
}

/** A title that is the same in every round. */
const nameOf = (fullName: string): string => fullName.replace(/, seed \d+/, "");

async function round(seed: number): Promise<{ report: Report | undefined; output: string }> {
  const directory = mkdtempSync(join(tmpdir(), "erpfuser-faults-"));
  try {
    const file = join(directory, "report.json");
    const ended = await runNode({
      args: [
        "node_modules/vitest/vitest.mjs",
        "run",
        "--project=fault",
        `--maxWorkers=${jobs}`,
        "--reporter=default",
        "--reporter=json",
        `--outputFile.json=${file}`,
        ...filters(values.only ?? []),
      ],
      env: {
        NO_COLOR: "1",
        ERPFUSER_TEST_SEED: String(seed),
        ERPFUSER_TEST_CACHE: tmpdir(),
        NODE_COMPILE_CACHE: join(tmpdir(), "compiled"),
        TMPDIR: directory,
        TEMP: directory,
      },
    });
    const text = readdirSync(directory).includes("report.json") ? readFileSync(file, "utf8") : undefined;
    return { report: text === undefined ? undefined : (JSON.parse(text) as Report), output: ended.output };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Adds what passed; returns what failed. */
function count(rows: Map<string, Row>, report: Report | undefined): string[] {
  const failures: string[] = [];
  for (const file of report?.testResults ?? []) {
    const before = failures.length;
    for (const { status, fullName, duration = 0, failureMessages } of file.assertionResults) {
      const title = nameOf(fullName);
      if (status === "failed") failures.push(`${title}\n${failureMessages.join("\n")}`);
      if (status !== "passed") continue;
      const row = rows.get(title) ?? { title, passed: 0, slowestMs: 0 };
      rows.set(title, { title, passed: row.passed + 1, slowestMs: Math.max(row.slowestMs, duration) });
    }
    if (file.status === "failed" && failures.length === before) failures.push(`${file.name}: ${file.message}`);
  }
  return failures;
}

const rows = new Map<string, Row>();
const started = performance.now();
let rounds = 0;
for (let turn = 0; turn < times && performance.now() - started < minutes * 60_000; turn++) {
  rounds += 1;
  const seed = firstSeed + turn;
  const began = performance.now();
  const { report, output } = await round(seed);
  const failures = count(rows, report);
  if (rows.size === 0 && failures.length === 0) failures.push("there was no row to run");
  console.error(`round ${turn + 1} of ${times}, seed ${seed}: ${((performance.now() - began) / 1_000).toFixed(0)} s`);
  if (failures.length === 0) continue;
  process.exitCode = 1;
  console.error(`${output}\n${failures.join("\n\n")}\n\nIt is repeated by: npm run faults -- --seed ${seed}${again()}`);
  break;
}
printTable();

function again(): string {
  return (values.only ?? []).map((name) => ` --only ${JSON.stringify(name)}`).join("");
}

function printTable(): void {
  const lines = [...rows.values()].map(({ title, passed, slowestMs }) => [
    `${passed}/${rounds}`,
    `${(slowestMs / 1_000).toFixed(1)} s`,
    title,
  ]);
  console.log(align([["passed", "slowest", `row (seeds ${firstSeed} to ${firstSeed + rounds - 1})`], ...lines]));
}
