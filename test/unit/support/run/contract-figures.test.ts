import { describe, expect, it } from "vitest";
import { figuresOf, type Run } from "../../../support/run/contract-figures.ts";

const file = (name: string, statuses: readonly string[], status = "passed") => ({
  name: `/somewhere/${name}`,
  status,
  message: status === "passed" ? "" : "could not be imported",
  assertionResults: statuses.map((each, index) => ({ status: each, fullName: `One: test ${index}` })),
});

const good: Run = {
  connector: "one",
  names: ["One"],
  report: { testResults: [file("connector-powers.test.ts", ["passed", "passed"]), file("connector-read.test.ts", ["passed"])] },
  code: 0,
  timedOut: false,
  files: ["connector-powers.test.ts", "connector-read.test.ts"],
  declared: ["call"],
  refused: ["call"],
};

describe("figures of a contract run", () => {
  it("count what passed, and list what was seen to be refused", () => {
    expect(figuresOf(good)).toEqual({ figures: { passed: 3, failed: 0, unsupported: ["call"] }, failures: [] });
  });

  it.each<[string, Partial<Run>, number]>([
    ["a run that wrote no report", { report: undefined }, 2],
    ["a file that did not run", { files: [...good.files, "connector-write.test.ts"] }, 1],
    [
      "a file without a test of this connector",
      { report: { testResults: [file("connector-powers.test.ts", ["passed"]), file("connector-read.test.ts", [])] } },
      1,
    ],
    [
      "a file that could not be imported",
      {
        report: {
          testResults: [file("connector-powers.test.ts", ["passed"]), file("connector-read.test.ts", ["passed"], "failed")],
        },
      },
      1,
    ],
    [
      "a test that failed",
      {
        report: {
          testResults: [file("connector-powers.test.ts", ["failed"], "failed"), file("connector-read.test.ts", ["passed"])],
        },
        code: 1,
      },
      1,
    ],
    [
      "a test that was skipped",
      { report: { testResults: [file("connector-powers.test.ts", ["skipped"]), file("connector-read.test.ts", ["passed"])] } },
      1,
    ],
    ["a power that is declared unsupported and was not seen to be refused", { declared: ["call", "feed"] }, 1],
    ["a test of another connector", { names: ["Two"] }, 3],
    ["an exit code that no test accounts for", { code: 1 }, 1],
    ["a run that was ended for its time", { timedOut: true, code: 1 }, 1],
  ])("count %s as failed", (_, changed, failed) => {
    expect(figuresOf({ ...good, ...changed }).figures.failed).toBe(failed);
  });
});
