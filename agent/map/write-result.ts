/** `result:` compiled: key and number of the entity that a command makes or changes. */
import type { Write } from "../../config/config.ts";
import type { Column, StepResults, Value } from "../../connectors/connector.ts";
import { codeText } from "./code-maps.ts";
import { refusing } from "./column-writes.ts";
import type { WriteFrame } from "./write-frame.ts";
import { columnIn, tableFinder, type WriteScope } from "./write-scope.ts";
import { anyText, type CompiledWrite, compileWrite } from "./write-values.ts";

export interface CompiledResult {
  keyOf(frame: WriteFrame): readonly Value[];
  number(frame: WriteFrame): string | undefined;
  /** Columns of the id's table that make the key when the command is found already carried out. */
  found: Readonly<Record<string, string>>;
}

/** Names of results that a repeated command's key parts come under; no step can have such a name. */
const foundName = (index: number): string => `$key${index}`;

export function compileResult(scope: WriteScope): CompiledResult | undefined {
  const { command, source, faults } = scope;
  const { key, number } = command.result;
  if (key.length !== source.key.length) {
    faults.add(
      command.at,
      `The result has ${key.length} key parts, source ${source.name} has ${source.key.length}: ${source.key.join(", ")}`,
      "Give one part for each, in the same order.",
    );
    return undefined;
  }
  const parts = key.map((write, index) => compileWrite(write, keyColumn(source.key[index] as string, scope), scope));
  const numbered = number && compileWrite(number, anyText, scope);
  if (parts.includes(undefined) || (number && numbered === undefined)) return undefined;
  const found = foundColumns(scope);
  if (found === undefined) return undefined;
  const same = number === undefined ? -1 : key.findIndex((write) => sameWrite(write, number));
  return {
    found,
    keyOf: ({ results, ...frame }) => {
      if (isFound(results, key.length)) return key.map((_, index) => results.get(foundName(index)) as Value);
      return (parts as CompiledWrite[]).map((part) => refusing(() => part.value({ ...frame, results })));
    },
    number({ results, ...frame }) {
      if (isFound(results, key.length)) return same < 0 ? undefined : text(results.get(foundName(same)) ?? null);
      return numbered && text(numbered.value({ ...frame, results }));
    },
  };
}

const text = (value: Value): string | undefined => (value === null || value === "" ? undefined : codeText(value));

function isFound(results: StepResults, parts: number): boolean {
  return parts > 0 && results.has(foundName(0));
}

function sameWrite(a: Write, b: Write): boolean {
  return a.kind === "expression" && b.kind === "expression" && a.expression.cel === b.expression.cel;
}

/** The key's column as the source's table has it, so that a part is written as it will be read; any text for a query. */
function keyColumn(name: string, { source, tables }: WriteScope): Column {
  const table = source.from.kind === "table" ? tableFinder(tables)(source.from.table) : undefined;
  return (table && columnIn(table, name)) ?? { ...anyText, name };
}

/** A ledger keeps the results themselves, base values need none: the key is known from the command. */
function foundColumns({ command, source, faults, tables }: WriteScope): Record<string, string> | undefined {
  const way = command.idempotency;
  if (way.way === "ledger" || way.way === "base") return {};
  if (way.way === "column") {
    const table = tableFinder(tables)(way.table);
    const missing = table === undefined ? [] : source.key.filter((name) => columnIn(table, name) === undefined);
    if (missing.length > 0) {
      const message = `Table ${way.table}, where the command's id is looked up, lacks ${missing.join(", ")} of the key of source ${source.name}`;
      faults.add(way.at, message, "Keep the id in the table of the result's source, or use `ledger`.");
      return undefined;
    }
  }
  return Object.fromEntries(source.key.map((name, index) => [foundName(index), name]));
}
