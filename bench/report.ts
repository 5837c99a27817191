/** What the bench says in the end: a table for people or one JSON object for machines. */
import type { MachineNote } from "./machine.ts";
import { type Metric, metrics, type Verdict, verdictOf } from "./metrics.ts";

export type Figures = Readonly<Record<string, number>>;

export interface Result {
  rows: number;
  rounds: number;
  machine: MachineNote;
  figures: Figures;
  /** What stands behind the figures: times, CPU by process, each round. */
  details: Readonly<Record<string, unknown>>;
}

interface Line {
  metric: Metric;
  value: number;
  verdict: Verdict;
}

const lines = (figures: Figures): Line[] =>
  metrics.flatMap((metric) => {
    const value = figures[metric.name];
    return value === undefined ? [] : [{ metric, value, verdict: verdictOf(metric, value) }];
  });

/** Whether each figure that was measured reaches what it must. */
export const allMet = (figures: Figures): boolean => lines(figures).every(({ verdict }) => verdict !== "missed");

export function jsonText({ rows, rounds, machine, figures, details }: Result): string {
  const verdicts = Object.fromEntries(lines(figures).map(({ metric, verdict }) => [metric.name, verdict]));
  return JSON.stringify({ ...figures, met: allMet(figures), verdicts, rows, rounds, machine, details });
}

export function tableText({ rows, rounds, machine, figures }: Result): string {
  const { cpu, cores, memoryGb, load } = machine;
  const head = `${rows} rows, ${rounds} rounds, medians; ${cpu}, ${cores} cores, ${memoryGb} GB, Node ${machine.node}, load ${load} at the start`;
  const body = lines(figures).map(({ metric, value, verdict }) => {
    const sign = metric.better === "more" ? "≥" : "≤";
    const bounds = `must ${sign} ${metric.must}`.padEnd(13);
    return `  ${verdict.padEnd(8)}${metric.name.padEnd(25)}${numberText(value).padStart(8)}  ${bounds} stretch ${String(metric.stretch).padEnd(6)} ${metric.what}`;
  });
  return [head, ...body].join("\n");
}

/** Three significant digits, without exponent. */
function numberText(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  return Math.abs(value) >= 100 ? String(Math.round(value)) : String(Number(value.toPrecision(3)));
}
