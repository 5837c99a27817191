import { describeError, FuserError } from "../../base/errors.ts";
import type { Finding } from "../../base/findings.ts";

/** Where a command writes: its result on stdout, everything else on stderr. */
export interface Output {
  readonly json: boolean;
  /** The command's result: one JSON document under `--json`, else the lines for people. */
  result(document: unknown, lines: () => readonly string[]): void;
  /** One JSON object per line under `--json` (a stream such as `logs --follow`), else a line for people. */
  line(document: unknown, text: string): void;
  /** Remark for people on stderr; silent under `--json`. */
  note(text: string): void;
  /** The error that ends the command. */
  failure(error: unknown): void;
  /** True when stderr is a terminal: progress bars make sense. */
  readonly interactive: boolean;
}

/** The error as a document, without stack and cause. */
export function errorDocument(error: unknown): Record<string, unknown> {
  if (!(error instanceof FuserError))
    return { code: "bug", kind: "bug", message: error instanceof Error ? error.message : String(error) };
  return {
    code: error.code,
    kind: error.kind,
    message: error.message,
    ...(error.place === undefined ? {} : { place: error.place }),
    ...(error.hint === undefined ? {} : { hint: error.hint }),
    ...(error.findings.length === 0 ? {} : { findings: error.findings }),
  };
}

/** `1 error`, `2 errors`. */
export const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? "" : "s"}`;

/** Findings for people: place, what is wrong, and the remedy below it. */
export function findingLines(findings: readonly Finding[]): string[] {
  return findings.flatMap(({ severity, code, place, message, remedy }) => [
    `  ${severity}: ${place}: ${message} [${code}]`,
    `    ${remedy}`,
  ]);
}

export function createOutput(json: boolean): Output {
  const print = (text: string): void => {
    process.stdout.write(`${text}\n`);
  };
  return {
    json,
    interactive: !json && process.stderr.isTTY === true,
    result(document, lines) {
      if (json) print(JSON.stringify(document));
      else for (const line of lines()) print(line);
    },
    line(document, text) {
      print(json ? JSON.stringify(document) : text);
    },
    note(text) {
      if (!json) process.stderr.write(`${text}\n`);
    },
    failure(error) {
      if (json) print(JSON.stringify({ error: errorDocument(error) }));
      else {
        const code = error instanceof FuserError ? ` [${error.code}]` : "";
        process.stderr.write(`erpfuser: ${describeError(error)}${code}\n`);
        if (error instanceof FuserError) for (const line of findingLines(error.findings)) process.stderr.write(`${line}\n`);
      }
      // A bug: support needs to see where, with --json as well.
      if (!(error instanceof FuserError) && error instanceof Error && error.stack) process.stderr.write(`${error.stack}\n`);
    },
  };
}

/** Rows as aligned columns for a terminal; the first row is the head. */
export function table(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? "").length)));
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}
