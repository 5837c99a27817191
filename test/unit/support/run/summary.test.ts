import { describe, expect, test } from "vitest";
import type { SuiteResult } from "../../../support/run/run-suite.ts";
import { closingLine, type Ground, serverTable, suiteTable, unmetRequirements } from "../../../support/run/summary.ts";

const empty: SuiteResult = { name: "unit", passed: 0, skipped: 0, failures: [], skippedTitles: [], ms: 0, notes: [] };
const onMariaDb: SuiteResult = { ...empty, name: "fault", passed: 3, notes: [{ server: "mariadb", version: "10.11.19" }] };

function ground(change: Partial<Ground> = {}): Ground {
  return {
    installed: new Map([
      ["mariadb", "/usr/sbin/mariadbd"],
      ["chromium", undefined],
    ]),
    required: [],
    complete: true,
    ...change,
  };
}

describe("the end of npm test", () => {
  test("sums all suites in its closing line, failures of the run as a whole included", () => {
    const results = [{ ...empty, passed: 5, skipped: 2, failures: ["a"] }, onMariaDb];
    expect(closingLine(results, ["chromium is required"])).toBe("8 passed, 2 failed, 2 skipped");
  });

  test("names the servers that each suite really ran against, each version once", () => {
    const twice = {
      ...onMariaDb,
      notes: [...onMariaDb.notes, ...onMariaDb.notes, { server: "chromium" as const, missing: true }],
    };
    const lines = suiteTable([empty, twice]).split("\n");
    expect(lines).toHaveLength(3);
    expect(lines[1]).toMatch(/^ {2}unit .* -$/);
    expect(lines[2]).toMatch(/^ {2}fault +3 +0 +0 +0\.0 +mariadb 10\.11\.19$/);
  });

  test("says of each server where it ran, or why not", () => {
    expect(serverTable([onMariaDb], ground()).split("\n")).toEqual([
      "  mariadb   ran: mariadb 10.11.19, in fault",
      "  chromium  did not run: not installed (apt-get install chromium)",
    ]);
    expect(serverTable([empty], ground())).toContain("/usr/sbin/mariadbd is installed, but none of the tests that ran uses it");
  });
});

describe("a required server", () => {
  test("fails the run when it is not installed", () => {
    expect(unmetRequirements([onMariaDb], ground({ required: ["mariadb", "chromium"] }))).toEqual([
      "chromium is required and not installed: apt-get install chromium",
    ]);
  });

  test("fails a complete run in which no test used it, but not a part of a run", () => {
    expect(unmetRequirements([empty], ground({ required: ["mariadb"] }))).toHaveLength(1);
    expect(unmetRequirements([empty], ground({ required: ["mariadb"], complete: false }))).toEqual([]);
  });

  test("fails the run when no test knows it", () => {
    expect(unmetRequirements([onMariaDb], ground({ required: ["oracle"] }))).toEqual([
      expect.stringContaining("oracle: no test knows"),
    ]);
  });
});
