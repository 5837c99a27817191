/** What the values of one command are compiled with. */

import { didYouMean } from "../../base/nearest.ts";
import type { CommandConfig, Config, Expression, Place, Source } from "../../config/config.ts";
import type { Column, Table } from "../../connectors/connector.ts";
import type { TypeName } from "../../protocol/model.ts";
import { openZone, type Zone } from "./calendar.ts";
import { type CelType, celTypeOfColumn } from "./cel-values.ts";
import { openLanguage } from "./expressions.ts";
import type { Faults } from "./faults.ts";
import type { Compiled } from "./language.ts";
import { type LookupHolder, type LookupNeeds, newLookupHolder } from "./lookups.ts";
import { type WriteFrame, writeVocabulary } from "./write-frame.ts";

export interface WriteScope {
  config: Config;
  command: CommandConfig;
  type: TypeName;
  /** Source of the entity that the command makes or changes. */
  source: Source;
  tables: readonly Table[];
  faults: Faults;
  zone: Zone;
  results: ReadonlyMap<string, CelType>;
  /** The portal's tables, and what of them the command turns out to take. */
  lookups: { holder: LookupHolder; needs: LookupNeeds };
  expression(expression: Expression): Compiled<WriteFrame> | undefined;
  table(name: string, at: Place): Table | undefined;
  column(table: Table, name: string, at: Place): Column | undefined;
  /** The same for values of lines: expressions know `line`. */
  ofLines(): WriteScope;
}

export function openWriteScope(parts: {
  config: Config;
  command: CommandConfig;
  type: TypeName;
  source: Source;
  tables: readonly Table[];
  faults: Faults;
}): WriteScope {
  const { config, command, type, tables, faults } = parts;
  const zone = openZone(config.erp.timezone);
  const lookUp = tableFinder(tables);
  const results = resultTypes(command, lookUp);
  const expressions = (lines: boolean): WriteScope["expression"] => {
    const compile = openLanguage<WriteFrame>(writeVocabulary({ config, command, type, results, zone, lines }));
    return (expression) => {
      const compiled = compile(expression);
      if ("evaluate" in compiled) return compiled;
      faults.push(compiled);
      return undefined;
    };
  };
  return {
    ...parts,
    zone,
    results,
    lookups: { holder: newLookupHolder(), needs: new Map() },
    expression: expressions(false),
    ofLines() {
      return { ...this, expression: expressions(true) };
    },
    table(name, at) {
      const table = lookUp(name);
      if (table === undefined)
        faults.add(
          at,
          `There is no table ${name}`,
          didYouMean(
            name,
            tables.map((known) => known.name),
          ),
        );
      return table;
    },
    column(table, name, at) {
      const column = columnIn(table, name);
      const names = table.columns.map((known) => known.name);
      if (column === undefined) faults.add(at, `Table ${table.name} has no column ${name}`, didYouMean(name, names));
      return column;
    },
  };
}

export function columnIn(table: Table, name: string): Column | undefined {
  return (
    table.columns.find((column) => column.name === name) ??
    table.columns.find((column) => column.name.toLowerCase() === name.toLowerCase())
  );
}

/** By name as written, else without regard to case, else without its schema. */
export function tableFinder(tables: readonly Table[]): (name: string) => Table | undefined {
  const last = (name: string): string => (name.split(".").at(-1) as string).toLowerCase();
  return (name) =>
    tables.find((table) => table.name === name) ??
    tables.find((table) => table.name.toLowerCase() === name.toLowerCase()) ??
    tables.find((table) => last(table.name) === last(name));
}

/** A number has its column's type (text where a mask writes it), a read-back column its own; what `sql` and `call` give out is text. */
function resultTypes(command: CommandConfig, table: (name: string) => Table | undefined): Map<string, CelType> {
  const types = new Map<string, CelType>();
  const typeOf = (tableName: string, column: string): CelType => {
    const found = table(tableName);
    const type = found && columnIn(found, column)?.type;
    return (type && celTypeOfColumn(type)) ?? "text";
  };
  for (const step of command.steps) {
    if (step.kind === "number") types.set(step.as, step.mask ? "text" : typeOf(step.from.table, step.from.column));
    if (step.kind === "insert")
      for (const [name, column] of Object.entries(step.returning)) types.set(name, typeOf(step.table, column));
    if (step.kind === "sql") for (const name of Object.keys(step.out)) types.set(name, "text");
    if (step.kind === "call") {
      for (const name of [...Object.keys(step.out), ...Object.keys(step.rows)]) types.set(name, "text");
      if (step.returns !== undefined) types.set(step.returns, "text");
    }
  }
  return types;
}
