import type { DatabaseSync } from "node:sqlite";
import { type DeclaredType, declaredType } from "../declared-type.ts";
import type { Cell } from "../wire-types.ts";
import { bytesOf, fillView, typeIdOf } from "./catalogue.ts";
import { nameOf } from "./ddl.ts";
import { closing, meaningful, splitAt, type Token, textOf } from "./lexer.ts";
import { unknown } from "./sql-error.ts";

export interface RoutineParameter {
  /** With its @. */
  name: string;
  type: DeclaredType;
  output: boolean;
  /** Tokens of its default; undefined without one. */
  preset: readonly Token[] | undefined;
}

/** A procedure or function of the ERP in T-SQL. */
export interface Routine {
  id: number;
  name: string;
  /** IF: a function that gives a table, which is known and can't be run. */
  kind: "P" | "FN" | "IF";
  parameters: readonly RoutineParameter[];
  /** What a function returns. */
  returns: DeclaredType | undefined;
  /** Statements of a procedure, or the expression that a function returns. */
  body: string;
  text: string;
}

let lastId = 900_000;

/** `CREATE PROCEDURE name [@a type [= default] [OUTPUT], …] AS …` and `CREATE FUNCTION name (…) RETURNS type AS BEGIN RETURN … END`. */
export function parseRoutine(statement: readonly Token[]): Routine {
  const [, what] = meaningful(statement);
  const givesTable = /\bRETURNS\s+TABLE\b/i.test(textOf(statement));
  const kind = givesTable ? "IF" : what?.value === "FUNCTION" ? "FN" : "P";
  const as = statement.findIndex(({ kind: of, value }) => of === "word" && value === "AS");
  const returns = statement.findIndex(({ kind: of, value }) => of === "word" && value === "RETURNS");
  const head = meaningful(statement.slice(0, returns < 0 ? as : returns)).slice(2);
  const variable = head.findIndex(({ kind: of, text }) => of === "variable" || text === "(");
  const given = variable < 0 ? [] : head.slice(variable);
  const list = given[0]?.text === "(" ? given.slice(1, closing(given, 0)) : given;
  lastId += 1;
  return {
    id: lastId,
    name: nameOf(head.slice(0, variable < 0 ? undefined : variable)),
    kind,
    parameters: splitAt(list, ({ text }) => text === ",")
      .filter(({ length }) => length > 0)
      .map(parameterOf),
    returns: returns < 0 || givesTable ? undefined : declaredType(textOf(statement.slice(returns + 1, as))),
    body: givesTable
      ? ""
      : kind === "P"
        ? withoutBlock(textOf(statement.slice(as + 1)))
        : returned(textOf(statement.slice(as + 1))),
    text: textOf(statement),
  };
}

function parameterOf(tokens: readonly Token[]): RoutineParameter {
  const equals = tokens.findIndex(({ text }) => text === "=");
  const output = tokens.at(-1)?.value === "OUTPUT";
  const end = output ? tokens.length - 1 : tokens.length;
  return {
    name: tokens[0]?.text ?? "",
    type: declaredType(textOf(tokens.slice(1, equals < 0 ? end : equals))),
    output,
    preset: equals < 0 ? undefined : tokens.slice(equals + 1, end),
  };
}

const withoutBlock = (text: string): string => /^\s*BEGIN\b(?!\s+TRAN)([\s\S]*)\bEND\s*;?\s*$/i.exec(text)?.[1] ?? text;

function returned(text: string): string {
  const expression = /^\s*RETURN\s+([\s\S]+?)\s*;?\s*$/i.exec(withoutBlock(text))?.[1];
  if (expression === undefined) throw unknown(text);
  return expression;
}

/** Adds them to the views: after the tables, whose rows were written anew. */
export function fillRoutines(database: DatabaseSync, routines: Iterable<Routine>): void {
  const all = [...routines];
  const object = database.prepare(`INSERT INTO main."sys.objects" VALUES (?, 1, ?, ?, 0, NULL)`);
  for (const { id, name, kind } of all) object.run(BigInt(id), name, kind);
  fillView(
    database,
    "sys.parameters",
    all.flatMap(({ id, parameters }) =>
      parameters.map(({ name, type, output }, at): Cell[] => {
        const typeId = BigInt(typeIdOf(type));
        const digits = type.name === "decimal" ? BigInt(Number(type.size)) : 0n;
        const sizes = [BigInt(bytesOf(type)), digits, BigInt(type.scale ?? 0)];
        return [BigInt(id), BigInt(at + 1), name, typeId, typeId, ...sizes, output ? 1n : 0n];
      }),
    ),
  );
}
