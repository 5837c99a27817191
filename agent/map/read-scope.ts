/** What the readers of one source are compiled with. */
import type { Config, Expression, Place, Source, SqlText } from "../../config/config.ts";
import type { Zone } from "./calendar.ts";
import { celOfValue, celTypeOfColumn } from "./cel-values.ts";
import type { Columns } from "./columns.ts";
import { openLanguage } from "./expressions.ts";
import type { Faults } from "./faults.ts";
import type { Compiled, Variable, Vocabulary } from "./language.ts";
import type { LookupHolder } from "./lookups.ts";
import type { RowReading } from "./row-reading.ts";

export interface ReadScope {
  config: Config;
  source: Source;
  columns: Columns;
  zone: Zone;
  faults: Faults;
  lookups: LookupHolder;
  /** Compiled, or undefined after its fault was noted. */
  expression(expression: Expression): Compiled<RowReading> | undefined;
  /** Index of a child query in the source query, and the scope of its rows; undefined inside child rows. */
  child(query: SqlText, at: Place): { index: number; scope: ReadScope } | undefined;
}

/** The scope of rows with these columns. */
export function openReadScope(parts: Omit<ReadScope, "expression">): ReadScope {
  const compile = openLanguage<RowReading>({ ...readVocabulary(parts.config, parts.columns), zone: parts.zone });
  return {
    ...parts,
    expression(expression) {
      const compiled = compile(expression);
      if ("evaluate" in compiled) return compiled;
      parts.faults.push(compiled);
      return undefined;
    },
  };
}

function readVocabulary(config: Config, columns: Columns): Pick<Vocabulary<RowReading>, "variables" | "records" | "nearby"> {
  const variables = new Map<string, Variable<RowReading>>();
  for (const { name, index, column } of columns.all) {
    const type = celTypeOfColumn(column.type);
    if (type === undefined) continue;
    variables.set(name, {
      type,
      read(reading) {
        const value = reading.values[index] ?? null;
        return type === "text" && typeof value === "string" ? value : celOfValue(value, type);
      },
    });
  }
  const vars = new Map(Object.entries(config.vars).map(([name, value]) => [name, { type: "text" as const, read: () => value }]));
  return {
    variables,
    records: new Map([
      ["vars", vars],
      ["row", variables],
    ]),
    nearby: columns.names,
  };
}
