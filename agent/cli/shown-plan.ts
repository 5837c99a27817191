/** The steps of a plan for people: what each would write, with stand-ins for what only the ERP knows. */
import type { PlanStep, StepResults, Value, WritePlan } from "../../connectors/connector.ts";

/** A step as it is told in JSON: its kind, where it works, and the values that it binds. */
export type ShownStep = Readonly<Record<string, unknown>> & { step: PlanStep["kind"] };

export function shownPlan(plan: WritePlan, results: StepResults): ShownStep[] {
  return plan.steps.map((step) => {
    // A condition may speak of what the ERP alone knows: the step is shown in any case.
    const skipped = step.when !== undefined && !step.when(results);
    return { ...shownStep(step, results), ...(skipped && { skipped }) };
  });
}

function shownStep(step: PlanStep, results: StepResults): ShownStep {
  switch (step.kind) {
    case "insert": {
      const { table, blanks, returning } = step;
      const more = { ...(blanks && { blanks }), ...(returning && { returning }) };
      return { step: "insert", table, values: plainValues(step.values(results)), ...more };
    }
    case "update": {
      const base = step.base?.(results) ?? {};
      return {
        step: "update",
        table: step.table,
        key: plainValues(step.key(results)),
        values: plainValues(step.values(results)),
        ...(Object.keys(base).length > 0 && { base: plainValues(base) }),
        ...(step.version !== undefined && { raises: step.version }),
        expectRows: step.expectRows,
      };
    }
    case "number": {
      if ("counter" in step.from) {
        const { table, column, key } = step.from.counter;
        return { step: "number", as: step.as, counter: { table, column, where: plainValues(key(results)) } };
      }
      const { table, column, where, part } = step.from.max;
      return { step: "number", as: step.as, highest: { table, column, where: plainValues(where(results)), ...part } };
    }
    case "sql":
      return { step: "sql", sql: step.sql, values: plainValues(step.parameters(results)), ...(step.out && { out: step.out }) };
    case "call":
      return { step: "call", procedure: step.procedure, values: plainValues(step.args(results)) };
  }
}

/** As JSON can hold it. */
export function plain(value: Value): unknown {
  if (typeof value === "bigint") return String(value);
  return value instanceof Uint8Array ? `${value.byteLength} bytes` : value;
}

const plainValues = (values: Readonly<Record<string, Value>>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [name, plain(value)]));

export function planLines(steps: readonly ShownStep[]): string[] {
  return steps.flatMap(({ step, skipped, values, ...rest }, index) => {
    const head = `${index + 1}. ${step}${skipped === true ? " (left out: its condition does not hold)" : ""}`;
    const about = Object.entries(rest).map(([name, value]) => `   ${name}: ${told(value)}`);
    const bound = Object.entries((values as Record<string, unknown> | undefined) ?? {});
    return [head, ...about, ...bound.map(([name, value]) => `     ${name} = ${JSON.stringify(value)}`)];
  });
}

const told = (value: unknown): string => (typeof value === "string" ? value : JSON.stringify(value));
