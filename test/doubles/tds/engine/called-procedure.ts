import type { Parameter } from "../parameters.ts";
import type { Cell } from "../wire-types.ts";
import type { Token } from "./lexer.ts";
import type { Routine } from "./procedures.ts";
import { SqlError } from "./sql-error.ts";
import { converted } from "./stored.ts";

/**
 * What `EXEC name @a = …, @b = @c OUTPUT` passes to a procedure. A text that is too long for its parameter is cut, as the server does.
 * @throws SqlError 201 for a parameter that is not given and has no default, 8145 for one that it does not have, 8162 for OUTPUT where it has none
 */
export function passedTo(
  { name, parameters }: Routine,
  given: readonly Token[][],
  evaluate: (tokens: readonly Token[]) => Cell,
): Parameter[] {
  const same = (one: string | undefined, other: string): boolean => one?.toLowerCase() === other.toLowerCase();
  for (const part of given) {
    const known = parameters.find((parameter) => same(part[0]?.text, parameter.name));
    if (!known) throw new SqlError(8145, `${part[0]?.text} is not a parameter for procedure ${name}.`);
    if (part.at(-1)?.value === "OUTPUT" && !known.output) {
      throw new SqlError(8162, `The formal parameter "${known.name}" was not declared as an OUTPUT parameter.`);
    }
  }
  return parameters.map((parameter) => {
    const part = given.find(([first]) => same(first?.text, parameter.name))?.slice(2) ?? parameter.preset;
    if (part === undefined) {
      throw new SqlError(201, `Procedure or function '${name}' expects parameter '${parameter.name}', which was not supplied.`);
    }
    const value = evaluate(part.at(-1)?.value === "OUTPUT" ? part.slice(0, -1) : part);
    return { name: parameter.name, type: parameter.type, value: converted(value, parameter.type, "cast") };
  });
}
