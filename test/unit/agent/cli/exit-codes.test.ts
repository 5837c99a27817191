import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { exitCodeOf, exitCodes } from "../../../../agent/cli/exit-codes.ts";
import { FuserError } from "../../../../base/errors.ts";

const failure = (kind: "config" | "transient", code: string) => new FuserError(kind, "x", { code, operation: "test" });

describe("exit codes", () => {
  it("are documented one by one in docs/exit-codes.md", () => {
    const page = readFileSync(new URL("../../../../docs/exit-codes.md", import.meta.url), "utf8");
    const rows = page.split("\n").filter((line) => /^\| \d/.test(line));
    expect(rows).toEqual(Object.values(exitCodes).map(({ code, meaning }) => `| ${code} | ${meaning} |`));
  });

  it.each([
    ["erp-login-refused", 4],
    ["portal-unreachable", 5],
    ["enrol-code-used", 5],
    ["state-in-use", 6],
    ["store-full", 6],
    ["secret-missing", 7],
    ["config-not-found", 3],
    ["not-found-command", 9],
  ])("an error with the code %s ends the command with %i", (code, exit) => {
    expect(exitCodeOf(failure("config", code))).toBe(exit);
  });

  it("an error of no known family is a configuration fault when a person must act, else a bug", () => {
    expect(exitCodeOf(failure("config", "something-new"))).toBe(3);
    expect(exitCodeOf(failure("transient", "something-new"))).toBe(1);
    expect(exitCodeOf(new Error("boom"))).toBe(1);
  });
});
