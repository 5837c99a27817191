// `npm test [-- --suite unit,contract] [-- FILTERS]`: checks, then every suite; ends with what ran against what, and one closing line.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { parseArgs } from "node:util";
import { findServer, knownServers, requiredServers } from "../servers.ts";
import { runChecks } from "./check-steps.ts";
import { runSuite, type SuiteResult } from "./run-suite.ts";
import { suites, turnsOf } from "./suites.ts";
import { closingLine, type Ground, serverTable, suiteTable, unmetRequirements } from "./summary.ts";

const { values, positionals } = parseArgs({ options: { suite: { type: "string" } }, allowPositionals: true });
const wanted = values.suite?.split(",") ?? suites.map(({ name }) => name);
const unknown = wanted.filter((name) => !suites.some((suite) => suite.name === name));
if (unknown.length > 0) {
  console.error(`No such suite: ${unknown.join(", ")}. There are ${suites.map(({ name }) => name).join(", ")}.`);
  process.exit(2);
}
const chosen = suites.filter(({ name }) => wanted.includes(name));
const ground: Ground = {
  installed: new Map(knownServers.map((server) => [server, findServer(server)])),
  required: requiredServers(),
  complete: chosen.length === suites.length && positionals.length === 0,
};

let interrupted = false;
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => {
    interrupted = true;
  });
}

printPlan();
const results: SuiteResult[] = [await check()];
const runDirectory = mkdtempSync(join(tmpdir(), "erpfuser-run-"));
try {
  for (const turn of turnsOf(chosen)) {
    if (interrupted) break;
    const [first, ...others] = turn.map(({ name }) => name);
    console.log(`\n── ${first}${others.length > 0 ? ` (${others.join(" and ")} beside it, shown after it)` : ""} ──`);
    const place = { runDirectory, cache: tmpdir(), filters: positionals };
    const ended = await Promise.all(turn.map((suite, index) => runSuite(suite, { ...place, aside: index > 0 })));
    for (const { name, output } of ended) if (output !== undefined) console.log(`\n── ${name} ──\n${output.trim()}`);
    results.push(...ended);
  }
} finally {
  rmSync(runDirectory, { recursive: true, force: true });
}
printVerdict();

function printPlan(): void {
  console.log(
    `Plan: check, then ${turnsOf(chosen)
      .map((turn) => turn.map(({ name }) => name).join(" beside "))
      .join(", ")}${positionals.length > 0 ? ` (only ${positionals.join(" ")})` : ""}`,
  );
  for (const { name, what } of chosen) console.log(`  ${name.padEnd(10)}  ${what}`);
  console.log("Real servers on this machine:");
  for (const [name, program] of ground.installed) {
    const must = ground.required.includes(name) ? ", required" : "";
    console.log(`  ${name.padEnd(10)}  ${program ?? "not installed: the tests that need it are skipped"}${must}`);
  }
  console.log(`  sqlite      ${sqliteVersion()}, part of Node ${process.versions.node}`);
}

async function check(): Promise<SuiteResult> {
  console.log("\n── check ──");
  const verdicts = await runChecks();
  const failures = verdicts.filter(({ code }) => code !== 0).map(({ name }) => `check: ${name}`);
  const ms = Math.max(...verdicts.map((verdict) => verdict.ms));
  return { name: "check", passed: verdicts.length - failures.length, skipped: 0, failures, skippedTitles: [], ms, notes: [] };
}

function printVerdict(): void {
  const others = [...unmetRequirements(results, ground), ...(interrupted ? ["the run was interrupted"] : [])];
  const failures = [...results.flatMap((result) => result.failures), ...others];
  const skipped = results.flatMap((result) => result.skippedTitles);
  console.log(`\nWhat ran\n${suiteTable(results)}`);
  console.log(`\nReal servers\n${serverTable(results, ground)}`);
  console.log(`  sqlite    ${sqliteVersion()}, part of Node ${process.versions.node}, which runs the stores of agent and portal`);
  console.log("  Every other database and version: not verified by this run.");
  if (skipped.length > 0) console.log(`\nSkipped\n${skipped.map((line) => `  ${line}`).join("\n")}`);
  if (failures.length > 0) console.log(`\nFailed\n${failures.map((line) => `  ${line}`).join("\n")}`);
  console.log(`\n${closingLine(results, others)}`);
  process.exitCode = failures.length === 0 ? 0 : 1;
}

function sqliteVersion(): string {
  using database = new DatabaseSync(":memory:");
  return String(database.prepare("SELECT sqlite_version() AS version").get()?.version);
}
