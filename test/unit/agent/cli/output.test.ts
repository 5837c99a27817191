import { describe, expect, it } from "vitest";
import { counted, errorDocument, findingLines, table } from "../../../../agent/cli/output.ts";
import { progressText } from "../../../../agent/cli/progress-text.ts";
import { humanLine } from "../../../../agent/log-line.ts";
import { FuserError } from "../../../../base/errors.ts";

describe("what people read", () => {
  it("a table's columns are as wide as their widest cell, without blanks at the ends of lines", () => {
    const rows = [
      ["SOURCE", "ROWS"],
      ["a", "12345"],
      ["longer-name", ""],
    ];
    expect(table(rows)).toEqual(["SOURCE       ROWS", "a            12345", "longer-name"]);
  });

  it("a finding is its place and message, and the remedy below it", () => {
    const finding = {
      severity: "error",
      code: "erp-rights",
      place: "WOHNUNG",
      message: "No SELECT",
      remedy: "GRANT it",
    } as const;
    expect(findingLines([finding])).toEqual(["  error: WOHNUNG: No SELECT [erp-rights]", "    GRANT it"]);
  });

  it("counts have their plural", () => {
    expect([counted(0, "error"), counted(1, "error"), counted(2, "error")]).toEqual(["0 errors", "1 error", "2 errors"]);
  });

  it("progress tells what is left by the measured rate, and claims nothing where the database gives no estimate", () => {
    expect(progressText({ rows: 4_000, total: 8_000, rowsPerSecond: 2_000 })).toBe("4000 of about 8000 rows, 2000/s, 2s left");
    expect(progressText({ rows: 4_000, total: undefined, rowsPerSecond: 1_999.6 })).toBe("4000 rows so far, 2000/s");
    expect(progressText({ rows: 9, total: 8, rowsPerSecond: 1 })).toBe("9 rows so far, 1/s");
    expect(progressText({ rows: 1, total: 8, rowsPerSecond: 0 })).toBe("1 of about 8 rows, 0/s");
  });

  it("a log line names where, what, its facts, its code, and the remedy once", () => {
    const line = {
      timestamp: "x",
      level: "warn",
      message: "No answer. Wait",
      part: "channel",
      code: "portal-silent",
      hint: "Wait",
      tries: 3,
    };
    expect(humanLine(line)).toBe("warn  channel: No answer. Wait (tries 3) [portal-silent]");
    expect(humanLine({ ...line, message: "No answer" })).toBe("warn  channel: No answer (tries 3) [portal-silent]. Wait");
    expect(humanLine({ level: "info", message: "Stopped" })).toBe("info  Stopped");
  });
});

describe("what programs read", () => {
  it("an error is its code, kind, message, place, hint and findings, never its stack or cause", () => {
    const details = { code: "erp-x", operation: "o", place: "p", hint: "h", cause: new Error("inner") };
    expect(errorDocument(new FuserError("config", "m", details))).toEqual({
      ...{ code: "erp-x", kind: "config", message: "m", place: "p", hint: "h" },
    });
    expect(errorDocument(new Error("boom"))).toEqual({ code: "bug", kind: "bug", message: "boom" });
  });
});
