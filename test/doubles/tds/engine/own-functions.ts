import type { DatabaseSync, SQLInputValue, SQLOutputValue } from "node:sqlite";
import type { DeclaredType } from "../declared-type.ts";
import type { Cell } from "../wire-types.ts";
import { type Token, tokensOf } from "./lexer.ts";
import type { Routine } from "./procedures.ts";
import { converted } from "./stored.ts";
import { type Scope, translate } from "./translate.ts";

/** The ERP's own functions as one connection of the engine knows them. */
export class OwnFunctions {
  readonly #connection: DatabaseSync;
  readonly #known = new Map<string, Routine>();

  constructor(connection: DatabaseSync) {
    this.#connection = connection;
  }

  register(routines: Iterable<Routine>, scope: Scope): void {
    for (const routine of routines) {
      const { name, kind, parameters, body } = routine;
      if (kind !== "FN" || this.#known.get(name) === routine) continue;
      this.#known.set(name, routine);
      const answer = (...values: SQLOutputValue[]): SQLInputValue => {
        const statement = this.#connection.prepare(`SELECT ${translate(tokensOf(body), scope)} AS answer`);
        statement.setReadBigInts(true);
        const given = parameters.map((parameter, index): [string, Cell] => [
          parameter.name,
          converted((values[index] ?? null) as Cell, parameter.type, "cast"),
        ]);
        return statement.get(Object.fromEntries(given) as Record<string, SQLInputValue>)?.answer as SQLInputValue;
      };
      this.#connection.function(name, { useBigIntArguments: true, varargs: true }, answer);
    }
  }

  /** Type of `SELECT [dbo].[name](…)`, of which the engine knows nothing. */
  typeOf(words: readonly Token[]): DeclaredType | undefined {
    return words[4]?.text === "(" ? this.#known.get(words[3]?.value ?? "")?.returns : undefined;
  }
}
