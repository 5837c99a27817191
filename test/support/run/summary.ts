import type { Server, ServerNote } from "../servers.ts";
import type { SuiteResult } from "./run-suite.ts";

/** What this machine has and what the caller insists on. */
export interface Ground {
  installed: ReadonlyMap<Server, string | undefined>;
  required: string[];
  /** True when all suites ran in full, so that a required server must have been at work. */
  complete: boolean;
}

/** How to get a server that is missing. */
const remedies: Record<Server, string> = {
  mariadb: "apt-get install mariadb-server",
  postgres: "apt-get install postgresql",
  sshd: "apt-get install openssh-server",
  chromium: "apt-get install chromium",
};

/** Failures of a run as a whole: a server that was required, and was not there or not used. */
export function unmetRequirements(results: SuiteResult[], { installed, required, complete }: Ground): string[] {
  return required.flatMap((wanted) => {
    const name = [...installed.keys()].find((server) => server === wanted);
    if (name === undefined)
      return [`ERPFUSER_TEST_REQUIRE names ${wanted}: no test knows such a server (${[...installed.keys()].join(", ")})`];
    if (installed.get(name) === undefined) return [`${name} is required and not installed: ${remedies[name]}`];
    const used = results.some(({ notes }) => notes.some(({ server, version }) => server === name && version !== undefined));
    return used || !complete ? [] : [`${name} is required and installed, but no test ran against it`];
  });
}

/** The table of suites, with the servers that each was seen to run against. */
export function suiteTable(results: SuiteResult[]): string {
  const rows = results.map(({ name, passed, failures, skipped, ms, notes }) => [
    name,
    String(passed),
    String(failures.length),
    String(skipped),
    (ms / 1000).toFixed(1),
    versionsOf(notes).join(", ") || "-",
  ]);
  return align([["suite", "passed", "failed", "skipped", "seconds", "ran against"], ...rows]);
}

/** One line per real server: seen where and in which version, or why not. */
export function serverTable(results: SuiteResult[], { installed }: Ground): string {
  const rows = [...installed].map(([name, program]) => {
    const users = results.filter(({ notes }) => notes.some(({ server, version }) => server === name && version !== undefined));
    const versions = new Set(users.flatMap(({ notes }) => versionsOf(notes.filter(({ server }) => server === name))));
    if (users.length > 0) return [name, `ran: ${[...versions].join(", ")}, in ${users.map((suite) => suite.name).join(", ")}`];
    if (program === undefined) return [name, `did not run: not installed (${remedies[name]})`];
    return [name, `did not run: ${program} is installed, but none of the tests that ran uses it`];
  });
  return align(rows);
}

/** The last line of `npm test`, read by machines. */
export function closingLine(results: SuiteResult[], otherFailures: string[]): string {
  const sum = (count: (result: SuiteResult) => number): number => results.reduce((total, result) => total + count(result), 0);
  const failed = sum(({ failures }) => failures.length) + otherFailures.length;
  return `${sum(({ passed }) => passed)} passed, ${failed} failed, ${sum(({ skipped }) => skipped)} skipped`;
}

function versionsOf(notes: ServerNote[]): string[] {
  return [...new Set(notes.flatMap(({ server, version }) => (version === undefined ? [] : [`${server} ${version}`])))];
}

/** Columns side by side, two blanks between. */
export function align(rows: string[][]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) => `  ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ")}`.trimEnd()).join("\n");
}
