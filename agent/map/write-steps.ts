/** The steps of a command compiled: checked against the described tables, and made into plan steps for each command that comes. */
import { didYouMean } from "../../base/nearest.ts";
import type { Place, Step } from "../../config/config.ts";
import type { Parameters, PlanStep, StepResults, Value } from "../../connectors/connector.ts";
import { instantText } from "./calendar.ts";
import type { CelValue } from "./cel-values.ts";
import { celText, isDecimal } from "./cel-values.ts";
import { type ColumnWrite, compileWrites, insertedValues, refusing, stepValues, usesIn } from "./column-writes.ts";
import { type ColumnPolicies, policyOf } from "./conflict-policies.ts";
import { formatDecimal } from "./decimal.ts";
import { sqlParameters } from "./sql-parameters.ts";
import { alikeByTable, baseReader, bearsField, codesAlike } from "./write-base.ts";
import { checkInsert, checkTransactional } from "./write-checks.ts";
import { celOfField, celTypeOfField, commandFields, commandPart, commandRecord, type WriteFrame } from "./write-frame.ts";
import { compileLines } from "./write-lines.ts";
import { compileNumber, maskedText } from "./write-number.ts";
import type { WriteScope } from "./write-scope.ts";
import { anyText, compileWrite, evaluated, usesOf } from "./write-values.ts";

/** A step that makes itself for a frame, once or several times; undefined when there is nothing to write. */
export interface CompiledStep {
  /** Fields of the command that it can write. */
  uses: readonly string[];
  /** Fields whose only value here is a constant, by field: the value as the model has it. */
  fixed: ReadonlyMap<string, unknown>;
  /** Of an update: what becomes of its columns in a conflict. */
  policies?: ColumnPolicies;
  make(frame: WriteFrame): PlanStep | readonly PlanStep[] | undefined;
}

export function compileStep(step: Step, scope: WriteScope): CompiledStep | undefined {
  const when = step.when && scope.expression(step.when);
  if (step.when && when === undefined) return undefined;
  if (when && when.type !== "boolean") scope.faults.add(step.at, `when: gives ${when.type}`, "A condition is true or false.");
  const compiled = compileKind(step, scope);
  if (compiled === undefined || when === undefined || step.when === undefined) return compiled;
  const { uses } = usesOf(step.when, scope);
  return {
    uses: [...compiled.uses, ...uses],
    fixed: compiled.fixed,
    ...(compiled.policies && { policies: compiled.policies }),
    make(frame) {
      const holds = (results: StepResults): boolean => evaluated(when, { ...frame, results }, uses[0]) === true;
      return [compiled.make(frame) ?? []].flat().map((made) => ({ ...made, when: holds }));
    },
  };
}

function compileKind(step: Step, scope: WriteScope): CompiledStep | undefined {
  switch (step.kind) {
    case "insert":
      return compileInsert(step, scope);
    case "insertLines":
      return compileLines(step, scope);
    case "update":
      return compileUpdate(step, scope);
    case "number":
      return compileNumber(step, scope);
    case "sql":
      return compileSql(step, scope);
    case "call":
      return compileCall(step, scope);
  }
}

const noneFixed: ReadonlyMap<string, unknown> = new Map();
type StepOf<K extends Step["kind"]> = Extract<Step, { kind: K }>;

function compileInsert(step: StepOf<"insert">, scope: WriteScope): CompiledStep | undefined {
  const table = scope.table(step.table, step.at);
  const writes = table && compileWrites(step.values, table, scope);
  if (table === undefined) return undefined;
  checkTransactional(table, step.at, scope);
  checkInsert(step, table, scope);
  for (const column of Object.values(step.returning)) scope.column(table, column, step.at);
  if (writes === undefined) return undefined;
  const { blanks, returning } = step;
  return {
    uses: usesIn(writes),
    fixed: noneFixed,
    make: (frame) => ({
      kind: "insert",
      table: table.name,
      ...(blanks && { blanks }),
      ...(Object.keys(returning).length > 0 && { returning }),
      values: insertedValues(writes, blanks, frame),
    }),
  };
}

/**
 * An update touches the columns of the fields that the command carries, and those that need no field (a stamp, a constant). What the portal saw
 * before stands beside the former, so that a change made in the ERP meanwhile is found.
 */
function compileUpdate(step: StepOf<"update">, scope: WriteScope): CompiledStep | undefined {
  const table = scope.table(step.table, step.at);
  if (table === undefined) return undefined;
  checkTransactional(table, step.at, scope);
  const key = compileWrites(step.key, table, scope);
  const writes = compileWrites(step.values, table, scope);
  if (key === undefined || writes === undefined) return undefined;
  const version = step.version === undefined ? undefined : scope.column(table, step.version, step.at);
  if (step.version !== undefined && version === undefined) return undefined;
  if (version !== undefined && version.type !== "integer" && version.type !== "decimal")
    scope.faults.add(
      step.at,
      `Column ${version.name} is ${version.type} and counts nothing`,
      "Name a column of whole numbers; a stamp or a row version of the database itself needs no `version`.",
    );
  const bases = new Map(writes.map((each) => [each, baseReader(each, table, scope)]));
  const fixed = new Map(writes.flatMap((each) => bases.get(each)?.fixed ?? []));
  const alike = new Map(writes.map((each) => [each, codesAlike(each, table, scope)]));
  const policies = new Map(writes.map((each) => [each.column.name.toLowerCase(), policyOf(each, table, scope)]));
  const byBase = isByBase(scope);
  // Of an update that only its base values keep from being repeated.
  const isAlong = (each: ColumnWrite): boolean =>
    byBase && each.compiled.uses.length === 0 && !each.compiled.late && !bearsField(each, table, scope);
  return {
    uses: [...usesIn(writes), ...usesIn(key)],
    fixed,
    policies,
    make(frame) {
      const carried = (field: string): boolean => Object.hasOwn(frame.values, field);
      const touched = writes.filter(({ compiled }) => compiled.uses.length === 0 || compiled.uses.some(carried));
      const needsField = writes.some(({ compiled, write }) => compiled.uses.length > 0 || write.kind === "constant");
      const something = touched.some(({ compiled, write }) => compiled.uses.length > 0 || write.kind === "constant");
      if (touched.length === 0 || (needsField && !something)) return undefined;
      const base: Record<string, Value> = {};
      for (const each of touched) {
        const value = bases.get(each)?.read(frame);
        if (value !== undefined) base[each.column.name] = value;
      }
      const codes = touched.flatMap((each) => {
        const groups = [...(alike.get(each) ?? []), ...alikeByTable(each, frame)];
        return groups.length === 0 ? [] : [[each.column.name, groups] as const];
      });
      const overrule = Object.keys(base).filter((name) => policies.get(name.toLowerCase()) === "portal-wins");
      const along = touched.filter(isAlong).map((each) => each.column.name);
      return {
        kind: "update",
        table: table.name,
        values: stepValues(touched, frame),
        key: stepValues(key, frame),
        base: () => base,
        ...(overrule.length > 0 && { overrule }),
        ...(codes.length > 0 && { alike: Object.fromEntries(codes) }),
        // Where nothing says what the update is about, all of it is.
        ...(along.length > 0 && along.length < touched.length && { along }),
        ...(version && { version: version.name }),
        expectRows: step.expectRows,
      };
    },
  };
}

function isByBase({ command }: WriteScope): boolean {
  return command.idempotency.way === "base" && command.steps.every((step) => step.kind === "update");
}

type ParameterReader = (frame: WriteFrame) => Value;

function compileSql(step: StepOf<"sql">, scope: WriteScope): CompiledStep | undefined {
  const parameters = compileParameters(step.sql, scope, { late: true });
  if (parameters === undefined) return undefined;
  const uses = sqlParameters(step.sql.sql).flatMap((name) => (name.startsWith("field.") ? [name.slice(6)] : []));
  const { out } = step;
  return {
    uses,
    fixed: noneFixed,
    make: (frame) => ({
      kind: "sql",
      sql: step.sql.sql,
      ...(Object.keys(out).length > 0 && { out }),
      parameters: (results) => refusing(() => parameters({ ...frame, results })),
    }),
  };
}

/** Arguments are bound as texts: what types a procedure's parameters have only the database knows, and it refuses what does not fit. */
function compileCall(step: StepOf<"call">, scope: WriteScope): CompiledStep | undefined {
  const args = Object.entries(step.args).map(([name, write]) => {
    const compiled = compileWrite(write, { ...anyText, name }, scope);
    return compiled && { column: { ...anyText, name }, write, compiled };
  });
  if (args.includes(undefined)) return undefined;
  const writes = args as ColumnWrite[];
  const { procedure, out, rows, returns } = step;
  return {
    uses: usesIn(writes),
    fixed: noneFixed,
    make: (frame) => ({
      kind: "call",
      procedure,
      args: stepValues(writes, frame),
      ...(Object.keys(out).length > 0 && { out }),
      ...(Object.keys(rows).length > 0 && { rows }),
      ...(returns !== undefined && { returns }),
    }),
  };
}

/** The `:origin.name` parameters of an SQL text; `late` allows results of steps. */
export function compileParameters(
  text: { sql: string; at: Place },
  scope: WriteScope,
  { late }: { late: boolean },
): ((frame: WriteFrame) => Parameters) | undefined {
  const readers = new Map<string, ParameterReader>();
  for (const name of sqlParameters(text.sql)) {
    const reader = parameterReader(name, scope, late);
    if (reader === undefined) {
      const known = [
        ...commandRecord.map((part) => `command.${part}`),
        ...Object.keys(scope.config.vars).map((part) => `vars.${part}`),
        ...(late ? [...scope.results.keys()].map((part) => `result.${part}`) : []),
        ...Object.keys(commandFields(scope)).map((part) => `field.${part}`),
      ];
      scope.faults.add(text.at, `The SQL names :${name}, which does not exist here`, didYouMean(name, known));
      return undefined;
    }
    readers.set(name, reader);
  }
  return (frame) => Object.fromEntries([...readers].map(([name, read]) => [name, read(frame)]));
}

function parameterReader(name: string, scope: WriteScope, late: boolean): ParameterReader | undefined {
  const dot = name.indexOf(".");
  const [origin, part] = [name.slice(0, dot), name.slice(dot + 1)];
  if (origin === "vars") {
    const value = scope.config.vars[part];
    return value === undefined ? undefined : () => value;
  }
  if (origin === "command") {
    const known = commandRecord.find((candidate) => candidate === part);
    return known && ((frame) => plainValue(commandPart(frame.command, known)));
  }
  if (origin === "result") return late && scope.results.has(part) ? (frame) => frame.results.get(part) ?? null : undefined;
  const kind = origin === "field" ? commandFields(scope)[part] : undefined;
  const type = kind && celTypeOfField(kind);
  return type && type !== "texts" ? (frame) => plainValue(celOfField(frame.values[part], type)) : undefined;
}

/** A value for a parameter whose column is not known. */
function plainValue(value: CelValue): Value {
  if (value === null || typeof value === "string" || typeof value === "boolean" || typeof value === "bigint") return value;
  if (typeof value === "number") return instantText(value);
  return isDecimal(value) ? formatDecimal(value) : celText(value);
}

/** Results that stand in for the real ones while a plan is tried out before it is sent to the ERP. */
export function trialResults(scope: WriteScope, now: number): StepResults {
  const samples: Readonly<Record<string, Value>> = {
    integer: 1,
    decimal: "1",
    text: "1",
    date: "2000-01-01",
    time: "00:00:00",
    datetime: "2000-01-01T00:00:00",
    instant: "2000-01-01T00:00:00Z",
    boolean: true,
  };
  const trial = new Map([...scope.results].map(([name, type]): [string, Value] => [name, samples[type] ?? null]));
  for (const step of scope.command.steps) {
    if (step.kind === "number" && step.mask) trial.set(step.as, maskedText(step.mask, 1n, scope.zone.toLocal(now)));
  }
  return trial;
}
