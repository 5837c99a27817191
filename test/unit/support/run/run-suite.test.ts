import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { root } from "../../../support/run/child.ts";
import { countReport } from "../../../support/run/run-suite.ts";

const file = { name: join(root, "test/unit/a.test.ts"), status: "passed", message: "", assertionResults: [] };

describe("counting a suite's report", () => {
  test("counts passed, failed and skipped tests and names the last two with their file", () => {
    const assertionResults = [
      { status: "passed", fullName: "adds" },
      { status: "failed", fullName: "subtracts" },
      { status: "pending", fullName: "divides" },
      { status: "todo", fullName: "multiplies" },
    ];
    expect(countReport("unit", { testResults: [{ ...file, status: "failed", assertionResults }] })).toMatchObject({
      passed: 1,
      skipped: 2,
      failures: ["test/unit/a.test.ts: subtracts"],
      skippedTitles: ["test/unit/a.test.ts: divides", "test/unit/a.test.ts: multiplies"],
    });
  });

  test("counts a file that fails outside its tests as one failure, even when all its tests passed", () => {
    const assertionResults = [{ status: "passed", fullName: "adds" }];
    const left = { ...file, status: "failed", message: "left open: 1 × Timeout\n  at x", assertionResults };
    const broken = { ...file, status: "failed", message: "" };
    expect(countReport("unit", { testResults: [left, broken] })).toMatchObject({
      passed: 1,
      failures: ["test/unit/a.test.ts: left open: 1 × Timeout", "test/unit/a.test.ts: failed outside its tests"],
    });
  });

  test("finds nothing in a report that was never written", () => {
    expect(countReport("unit", undefined)).toMatchObject({ passed: 0, skipped: 0, failures: [] });
  });
});
