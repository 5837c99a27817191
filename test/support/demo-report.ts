/** What `npm run demo -- --once --json` ended with, and what it must be. */
import { expect } from "vitest";
import { type DemoProcess, lastLine } from "./demo-process.ts";

export interface Report {
  mismatches: number;
  commands: { issued: number; appliedOnce: number; lost: number; doubled: number; refused: number; uncertain: number };
  entities: Record<string, number>;
  firstSync: { rows: number; seconds: number };
  agentRssMb?: { firstSync: number; steady: number };
  leftOut?: string[];
  feed?: { name: string; state: string };
  details?: { kind: string; type: string; id: string }[];
}

export const reportOf = (demo: DemoProcess): Report => lastLine(demo) as unknown as Report;

/** What every clean run must say, whatever the database. */
export function expectClean(demo: DemoProcess, units: number): void {
  expectInStep(demo, units);
  const report = reportOf(demo);
  expect(report.commands).toMatchObject({ lost: 0, doubled: 0, uncertain: 0 });
  expect(report.commands.issued).toBeGreaterThan(50);
  expect(report.commands.appliedOnce + report.commands.refused).toBe(report.commands.issued);
  // Only a clerk who was faster may stand in a command's way.
  expect(report.commands.appliedOnce).toBeGreaterThan(report.commands.issued * 0.8);
}

/** The reading half of it. */
export function expectInStep(demo: DemoProcess, units: number): void {
  const report = reportOf(demo);
  expect(report.details ?? []).toEqual([]);
  expect(report.mismatches).toBe(0);
  expect(report.entities.unit).toBeGreaterThan(units * 0.9);
  for (const type of ["property", "building", "person", "utilisationPeriod", "ticket", "message", "invoice", "meterReading"]) {
    expect(report.entities[type], type).toBeGreaterThan(0);
  }
  expect(report.firstSync.rows).toBeGreaterThan(units * 5);
  expect(report.firstSync.seconds).toBeGreaterThan(0);
  if (process.platform === "linux") expect(report.agentRssMb?.steady).toBeGreaterThan(20);
}
