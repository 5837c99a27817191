import type { DatabaseSync, SQLInputValue, SQLOutputValue } from "node:sqlite";
import { declaredType } from "../declared-type.ts";
import type { Cell } from "../wire-types.ts";
import { SqlError } from "./sql-error.ts";
import { converted } from "./stored.ts";

/** What the functions of T-SQL answer for one session. */
export interface Answers {
  /** By name in lower case; a function that is not named here is unknown to the engine, and fails. */
  readonly [name: string]: (...values: Cell[]) => Cell;
}

const types = new Map<string, ReturnType<typeof declaredType>>();

function typeOf(text: string): ReturnType<typeof declaredType> {
  const known = types.get(text) ?? declaredType(text);
  types.set(text, known);
  return known;
}

/** Registers the conversions, and what the session answers. */
export function registerFunctions(database: DatabaseSync, answers: Answers): void {
  const options = { useBigIntArguments: true, varargs: true } as const;
  const register = (name: string, answer: (...values: Cell[]) => Cell): void =>
    database.function(name, options, (...values: SQLOutputValue[]) => answer(...(values as Cell[])) as SQLInputValue);
  register("tsql_store", (type, value) => converted(value as Cell, typeOf(String(type)), "assign"));
  register("tsql_convert", (type, value, way) => {
    try {
      return converted(value as Cell, typeOf(String(type)), "cast");
    } catch (error) {
      if (way === "try" && error instanceof SqlError) return null;
      throw error;
    }
  });
  for (const [name, answer] of Object.entries(answers)) register(name, answer);
}
