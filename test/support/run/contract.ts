// `npm run contract [-- --json] [-- FILES]`: the contract suite on every connector that can run here, or on `--connector NAME`; with `--url NAME://user@host/database`
// on a server that the user names. Ends with what passed and failed per connector; under --json as one JSON object on stdout. FILES: parts of test files' names.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { contractEnv } from "../../contract/erp/named.ts";
import { namedServers, readers, subjects } from "../../contract/erp/subjects.ts";
import { root, runNode } from "./child.ts";
import { type Figures, figuresOf, filesFor, type Run } from "./contract-figures.ts";
import { prepareNamed } from "./contract-named.ts";
import type { Report } from "./run-suite.ts";
import { align } from "./summary.ts";

const { values, positionals } = parseArgs({
  options: {
    connector: { type: "string" },
    url: { type: "string" },
    force: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
  },
  allowPositionals: true,
});
const limitMinutes = values.url === undefined ? 15 : 60;
const here = [...new Set(subjects.map(({ connector }) => connector))];
const known = values.url === undefined ? here : Object.keys(namedServers);
if (values.url !== undefined && values.connector === undefined) fail("--url goes with --connector.");
if (values.connector !== undefined && !known.includes(values.connector)) {
  fail(
    `--connector takes ${known.join(", ")}${values.url === undefined ? "; those with --url: " : ""}${values.url === undefined ? Object.keys(namedServers).join(", ") : ""}.`,
  );
}
const allFiles = readdirSync(join(root, "test/contract"))
  .filter((name) => /^connector-.*\.test\.ts$/.test(name))
  .filter((name) => positionals.length === 0 || positionals.some((part) => name.includes(part)));
if (allFiles.length === 0) fail(`No file of the contract suite is called ${positionals.join(", ")}.`);

const connectors: Record<string, Figures> = {};
for (const connector of values.connector === undefined ? here : [values.connector]) {
  connectors[connector] = await suiteOn(connector);
}
const failed = Object.values(connectors).reduce((sum, figures) => sum + figures.failed, 0);
if (values.json) console.log(JSON.stringify({ connectors }));
else {
  const rows = Object.entries(connectors).map(([name, figures]) => [
    name,
    String(figures.passed),
    String(figures.failed),
    figures.unsupported.join(", ") || "-",
  ]);
  console.log(align([["connector", "passed", "failed", "unsupported"], ...rows]));
}
process.exitCode = failed === 0 && Object.keys(connectors).length > 0 ? 0 : 1;

/** Runs the suite in a vitest of its own; never throws: what could not begin has failed. */
async function suiteOn(connector: string): Promise<Figures> {
  const began = performance.now();
  const directory = mkdtempSync(join(tmpdir(), "erpfuser-contract-"));
  try {
    const { figures, failures } = figuresOf(await runOn(connector, directory));
    const seconds = ((performance.now() - began) / 1_000).toFixed(0);
    console.error(`${connector}: ${figures.passed} passed, ${figures.failed} failed, ${seconds} s`);
    for (const line of failures) console.error(`  ${line}`);
    return figures;
  } catch (error) {
    console.error(`${connector}: did not start: ${(error as Error).message}`);
    return { passed: 0, failed: 1, unsupported: [] };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

async function runOn(connector: string, directory: string): Promise<Run> {
  const declared = declaredOf(connector);
  const { url, force } = values;
  const files = filesFor(allFiles, declared, { named: url !== undefined });
  const named = url === undefined ? undefined : await prepareNamed({ connector, url, force });
  if (named !== undefined) console.error(`${connector}: the server's parser takes all ${named.parsed} statements`);
  const report = join(directory, "report.json");
  const refusals = join(directory, "refusals");
  const { code, timedOut } = await runNode({
    args: [
      "node_modules/vitest/vitest.mjs",
      "run",
      "--project=contract",
      // One database for all: one file at a time.
      ...(named === undefined ? [] : ["--maxWorkers=1"]),
      // The figures are about promises; a busy machine or a server far away only takes longer.
      ...["--testTimeout=300000", "--hookTimeout=300000"],
      "--reporter=json",
      `--outputFile=${report}`,
      ...files.map((name) => `test/contract/${name}`),
    ],
    env: {
      NO_COLOR: "1",
      TMPDIR: directory,
      TEMP: directory,
      ERPFUSER_TEST_CACHE: process.env.ERPFUSER_TEST_CACHE ?? tmpdir(),
      ...named?.env,
      [contractEnv.connector]: connector,
      [contractEnv.refusals]: refusals,
    },
    limitMs: limitMinutes * 60_000,
  });
  return {
    connector,
    names: named === undefined ? namesOf(connector) : [`${connector} at `],
    report: existsSync(report) ? (JSON.parse(readFileSync(report, "utf8")) as Report) : undefined,
    code,
    timedOut,
    files,
    declared,
    refused: existsSync(refusals) ? readFileSync(refusals, "utf8").split("\n").filter(Boolean) : [],
  };
}

function namesOf(connector: string): string[] {
  return readers.filter((one) => one.connector === connector).map(({ name }) => name);
}

function declaredOf(connector: string): readonly string[] {
  const dialect = subjects.find((one) => one.connector === connector)?.dialect ?? namedServers[connector]?.dialect;
  return dialect?.capabilities.unsupported ?? [];
}

function fail(message: string): never {
  console.error(message);
  process.exit(2);
}
