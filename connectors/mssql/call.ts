import { FuserError } from "../../base/errors.ts";
import type { Value } from "../connector.ts";
import { concat, join, type Statement, sql } from "../statement.ts";
import type { CallResult, ProcedureCall } from "../write-session.ts";
import { writtenBound } from "./bound.ts";
import type { ResultSet } from "./link.ts";
import { valuesOf } from "./result-values.ts";
import { bareName, type Routine, type RoutineParameter } from "./routine.ts";
import { columnType, type NativeType, readingOf } from "./types.ts";

export const callOperation = "call a procedure of the ERP";

interface Argument extends RoutineParameter {
  /** Undefined for an OUTPUT parameter that is given no value. */
  value: Value | undefined;
}

/**
 * The text that calls. Values stand in variables of the parameters' own types, since EXEC takes no expressions; a function's stand in its list.
 * @throws FuserError config `erp-parameter-unknown`; rejected `erp-value-too-long`: the server would cut a text without a word
 */
export function callText(routine: Routine, call: ProcedureCall): Statement {
  const given = argumentsFor(routine, call);
  for (const { name, type, value } of given) requireFits(call.procedure, name, { type, value });
  switch (routine.kind) {
    case "procedure":
      return procedureText(routine, call, given);
    case "function":
      return concat(`SELECT ${routine.name}(`, listed(given), ") AS returned");
    case "rows":
      return concat(`SELECT * FROM ${routine.name}(`, listed(given), ")");
  }
}

/** What the call gave. */
export function callResult(routine: Routine, call: ProcedureCall, sets: readonly ResultSet[]): Omit<CallResult, "statement"> {
  const valued = sets.map(valuesOf);
  const none = { columns: [], rows: [] };
  if (routine.kind === "rows") return { ...(valued[0] ?? none), out: {}, returned: undefined };
  // What we asked ourselves comes last: the return code and the OUT parameters of a procedure, a function's value.
  const [returned = null, ...out] = valued.at(-1)?.rows[0] ?? [];
  const own = valued.length > 1 ? valued[0] : undefined;
  return { ...(own ?? none), out: Object.fromEntries(call.out.map((name, index) => [name, out[index] ?? null])), returned };
}

function argumentsFor({ kind, parameters }: Routine, { procedure, args, out }: ProcedureCall): Argument[] {
  const same = (one: string, other: string): boolean => bareName(one).toLowerCase() === bareName(other).toLowerCase();
  const known = (name: string, what: string, fits: (parameter: RoutineParameter) => boolean): void => {
    if (!parameters.some((parameter) => same(parameter.name, name) && fits(parameter)))
      throw unknownParameter(procedure, `${what} ${name}`, parameters);
  };
  for (const name of Object.keys(args)) known(name, "takes no parameter", () => true);
  for (const name of out) known(name, "gives nothing back in", ({ output }) => output);
  const all = parameters.map((parameter): Argument => {
    const name = Object.keys(args).find((candidate) => same(candidate, parameter.name));
    return { ...parameter, value: name === undefined ? undefined : (args[name] as Value) };
  });
  // What is not given takes its default, of which the catalogue does not tell; the server refuses the call where there is none.
  return kind === "procedure" ? all.filter(({ output, value }) => output || value !== undefined) : all;
}

function procedureText({ name }: Routine, { out }: ProcedureCall, given: readonly Argument[]): Statement {
  const variable = (index: number): string => `@fuser_${index}`;
  const declared = given.map(({ type, value, name: parameter }, index): Statement => {
    requireVariable(type, parameter, name);
    const start = value === undefined || value === null ? "" : concat(" = ", writtenBound(value, type));
    return concat(`DECLARE ${variable(index)} ${type.declared}`, start);
  });
  const passed = given.map(
    ({ name: parameter, output }, index) => `@${parameter} = ${variable(index)}${output ? " OUTPUT" : ""}`,
  );
  const wanted = out.map((asked) => {
    const index = given.findIndex((candidate) => candidate.name.toLowerCase() === bareName(asked).toLowerCase());
    return readingOf(variable(index), (given[index] as Argument).type);
  });
  const call = sql(`EXEC @fuser_code = ${name}${passed.length === 0 ? "" : ` ${passed.join(", ")}`}`);
  const told = sql(`SELECT ${["@fuser_code", ...wanted].join(", ")}`);
  return join(["DECLARE @fuser_code int", ...declared, call, told], "; ");
}

function listed(given: readonly Argument[]): Statement {
  const values = given.map(({ value, type }): Statement => {
    if (value === undefined) return sql("DEFAULT");
    return value === null ? sql("NULL") : concat("CAST(", writtenBound(value, type), ` AS ${type.declared})`);
  });
  return join(values, ", ");
}

/** A variable and a CAST cut a text to its length, where a column refuses it. */
function requireFits(procedure: string, name: string, { type, value }: { type: NativeType; value: Value | undefined }): void {
  const length = typeof value === "string" && columnType(type) === "text" ? value.length : 0;
  if (type.length === undefined || length <= type.length) return;
  throw new FuserError("rejected", `A text of ${length} characters does not fit ${procedure}.${name} (${type.length})`, {
    code: "erp-value-too-long",
    operation: callOperation,
    place: procedure,
    hint: "Correct the value or the mapping; the ERP's rule stays as it is.",
  });
}

/** The server has no variables of these types. */
function requireVariable({ name }: NativeType, parameter: string, procedure: string): void {
  if (!/^(text|ntext|image|cursor|table type)$/.test(name)) return;
  throw new FuserError("config", `The parameter ${parameter} of ${procedure} has the type ${name}, which can't be passed`, {
    code: "erp-parameter-unknown",
    operation: callOperation,
    place: procedure,
    hint: "Call it by an `sql:` step.",
  });
}

function unknownParameter(procedure: string, what: string, parameters: readonly RoutineParameter[]): FuserError {
  const list = parameters.map(({ name, type, output }) => `${name} ${type.declared}${output ? " OUTPUT" : ""}`).join(", ");
  return new FuserError("config", `${procedure} ${what}`, {
    code: "erp-parameter-unknown",
    operation: callOperation,
    place: procedure,
    hint: list === "" ? "It has no parameters." : `Its parameters: ${list}.`,
  });
}
