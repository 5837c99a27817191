import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { ServerNote } from "../servers.ts";
import { type Ended, root, runNode } from "./child.ts";
import type { Suite } from "./suites.ts";

export interface SuiteResult {
  name: string;
  passed: number;
  skipped: number;
  /** Each failure as one line for the end of the run; their number is the number of failures. */
  failures: string[];
  skippedTitles: string[];
  ms: number;
  notes: ServerNote[];
  /** What was gathered of its output. */
  output?: string;
}

interface Place {
  /** Directory of this run; the suite's temporary files live in it. */
  runDirectory: string;
  /** Directory for what later runs may use again. */
  cache: string;
  /** Passed to vitest: file name filters and options. */
  filters: string[];
  /** It runs beside a suite that has precedence: its output is gathered, and it gives way to that one. */
  aside?: boolean;
}

const exitGraceMs = 3_000;

/** Vitest paints even into files. */
const colour: Record<string, string> = process.stdout.isTTY ? {} : { NO_COLOR: "1" };

/** Runs one suite in a vitest of its own and counts what it reported, what it broke off, and what it left behind. */
export async function runSuite(suite: Suite, { runDirectory, cache, filters, aside = false }: Place): Promise<SuiteResult> {
  const report = join(runDirectory, `${suite.name}.json`);
  const notes = join(runDirectory, `${suite.name}.notes`);
  const temporary = join(runDirectory, suite.name);
  mkdirSync(temporary);
  const ended = await runNode({
    args: [
      "node_modules/vitest/vitest.mjs",
      "run",
      `--project=${suite.name}`,
      "--reporter=default",
      "--reporter=json",
      `--outputFile.json=${report}`,
      ...(suite.filesAtOnce === undefined ? [] : [`--maxWorkers=${suite.filesAtOnce}`]),
      ...(filters.length > 0 ? ["--passWithNoTests", ...filters] : []),
    ],
    env: {
      ...colour,
      NODE_COMPILE_CACHE: join(cache, "compiled"),
      TMPDIR: temporary,
      TEMP: temporary,
      ERPFUSER_TEST_CACHE: cache,
      ERPFUSER_TEST_NOTES: notes,
    },
    inherit: !aside,
    givesWay: aside,
    limitMs: suite.limitMinutes * 60_000,
  });
  const result = countReport(suite.name, existsSync(report) ? JSON.parse(readFileSync(report, "utf8")) : undefined);
  result.ms = ended.ms;
  if (aside) result.output = ended.output;
  result.notes = existsSync(notes) ? readNotes(readFileSync(notes, "utf8")) : [];
  if (filters.length === 0 && result.passed + result.skipped + result.failures.length === 0) {
    result.failures.push(`${suite.name}: there was no test to run`);
  }
  result.failures.push(...endedBadly(suite, ended, result), ...(await leftBehind(suite.name, temporary)));
  return result;
}

function readNotes(text: string): ServerNote[] {
  return text.split("\n").flatMap((line) => (line === "" ? [] : [JSON.parse(line) as ServerNote]));
}

/** The part of vitest's JSON report that is read here. */
export interface Report {
  testResults: {
    name: string;
    status: string;
    message: string;
    assertionResults: { status: string; fullName: string }[];
  }[];
}

/** Counts tests; a file that fails outside its tests (import, hooks, leak check) is one more failure. */
export function countReport(name: string, report: Report | undefined): SuiteResult {
  const result: SuiteResult = { name, passed: 0, skipped: 0, failures: [], skippedTitles: [], ms: 0, notes: [] };
  for (const file of report?.testResults ?? []) {
    const path = relative(root, file.name);
    const failedBefore = result.failures.length;
    for (const { status, fullName } of file.assertionResults) {
      if (status === "passed") result.passed++;
      else if (status === "failed") result.failures.push(`${path}: ${fullName}`);
      else {
        result.skipped++;
        result.skippedTitles.push(`${path}: ${fullName}`);
      }
    }
    if (file.status === "failed" && result.failures.length === failedBefore) {
      result.failures.push(`${path}: ${file.message.split("\n")[0] || "failed outside its tests"}`);
    }
  }
  return result;
}

/** An end that the report does not account for must not look like success. */
function endedBadly(suite: Suite, ended: Ended, result: SuiteResult): string[] {
  if (ended.timedOut) return [`${suite.name}: did not end within ${suite.limitMinutes} minutes`];
  if (ended.code !== 0 && result.failures.length === 0)
    return [`${suite.name}: vitest ended with exit code ${ended.code} outside any test`];
  return [];
}

/** Files and processes that outlive their suite; the processes are ended. One that is just going has a moment to do so. */
async function leftBehind(suite: string, temporary: string): Promise<string[]> {
  const deadline = performance.now() + exitGraceMs;
  while (processesNaming(temporary).length > 0 && performance.now() < deadline) await sleep(50);
  const processes = processesNaming(temporary).map(({ pid, command }) => {
    endProcess(pid);
    return `${suite}: left a process running: ${command}`;
  });
  return [...processes, ...readdirSync(temporary).map((entry) => `${suite}: left ${entry} in the temporary directory`)];
}

function endProcess(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/** Processes that have `text` among their arguments; none where there is no /proc. */
function processesNaming(text: string): { pid: number; command: string }[] {
  if (!existsSync("/proc/self/cmdline")) return [];
  return readdirSync("/proc").flatMap((entry) => {
    const pid = Number(entry);
    if (!Number.isInteger(pid) || pid === process.pid) return [];
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim();
      return command.includes(text) ? [{ pid, command }] : [];
    } catch {
      return [];
    }
  });
}
