/** What every refusal owes the person who reads it: its code, its exit code, and what to do. */
import { expect } from "vitest";
import type { Said } from "./agent-run.ts";

export interface Refusal {
  /** Exit code (docs/exit-codes.md). */
  exit: number;
  code: string;
  /** What the hint names. */
  remedy: RegExp;
}

/** The refusal stands as the command's error, or among the findings of `check`. */
export function expectRefused(said: Said, refusal: Refusal): void {
  const { error, findings = error?.findings ?? [] } = said.document;
  const told = [
    ...(error === undefined ? [] : [{ code: error.code, remedy: error.hint }]),
    ...findings.filter(({ severity }) => severity === "error").map(({ code, remedy }) => ({ code, remedy })),
  ];
  expect({ exit: said.code, told }).toEqual({
    exit: refusal.exit,
    told: expect.arrayContaining([{ code: refusal.code, remedy: expect.stringMatching(refusal.remedy) }]),
  });
}
