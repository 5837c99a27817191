/** What a run of the contract suite comes to. Made so that whatever did not run counts as failed. Pure. */
import { basename } from "node:path";
import type { Report } from "./run-suite.ts";

export interface Figures {
  passed: number;
  failed: number;
  /** Promises that the connector declares not to have, and that were seen to be refused. */
  unsupported: readonly string[];
}

export interface Run {
  connector: string;
  /** How the titles of its tests begin. */
  names: readonly string[];
  /** vitest's report; undefined where it wrote none. */
  report: Report | undefined;
  /** vitest's exit code. */
  code: number;
  timedOut: boolean;
  /** Names of the test files that must have run. */
  files: readonly string[];
  /** Powers that the connector declares to lack, and those whose refusal was seen. */
  declared: readonly string[];
  refused: readonly string[];
}

const powerOfFile: Readonly<Record<string, string>> = {
  "connector-write.test.ts": "write",
  "connector-call.test.ts": "call",
  "connector-feed.test.ts": "feed",
};
/** These crash the server and throw its logs away: never on one that a user names. */
const harmful: readonly string[] = ["connector-feed.test.ts"];

/** Files that are about one power alone are not for a connector that declares to lack it: connector-powers.test.ts shows that it is refused. */
export function filesFor(all: readonly string[], declared: readonly string[], { named = false } = {}): string[] {
  return all.filter((name) => !declared.includes(powerOfFile[name] ?? "") && !(named && harmful.includes(name)));
}

/** Figures, and each failure as a line. A test that was skipped is one that failed: what a connector lacks it declares. */
export function figuresOf(run: Run): { figures: Figures; failures: string[] } {
  const { connector, names, report, code, timedOut, files, declared, refused } = run;
  const failures: string[] = [];
  let passed = 0;
  const seen = new Map<string, number>();
  for (const file of report?.testResults ?? []) {
    const name = basename(file.name);
    const before = failures.length;
    for (const { status, fullName } of file.assertionResults) {
      if (!names.some((own) => fullName.startsWith(own))) failures.push(`${name}: ${fullName} is no test of ${connector}`);
      else if (status === "passed") passed += 1;
      else failures.push(`${name}: ${fullName}${status === "failed" ? "" : ` (${status})`}`);
    }
    seen.set(name, file.assertionResults.length);
    if (file.status !== "passed" && failures.length === before) {
      failures.push(`${name}: ${file.message.split("\n")[0] || "failed outside its tests"}`);
    }
  }
  for (const name of files) if ((seen.get(name) ?? 0) === 0) failures.push(`${name}: no test of it ran for ${connector}`);
  // A refusal is seen where that test file runs at all.
  const powers = new Set(files.some((name) => name.includes("powers")) ? declared : []);
  for (const power of powers) {
    if (!refused.includes(power)) failures.push(`${power} is declared unsupported and was not seen to be refused`);
  }
  if (timedOut) failures.push("did not end in time");
  else if (code !== 0 && failures.length === 0) failures.push(`vitest ended with exit code ${code} outside any test`);
  return { figures: { passed, failed: failures.length, unsupported: [...new Set(refused)].sort() }, failures };
}
