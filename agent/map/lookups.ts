/** `lookup:` a value through a table that the portal pushes. Which row was asked for is noted, so that a change of it touches just those who asked. */
import type { Config, Lookup, Source } from "../../config/config.ts";
import type { Json } from "../../protocol/model.ts";
import type { Generations, LookupTable, LookupTables, SourceLookups } from "./mapped.ts";
import type { RowReading } from "./row-reading.ts";
import { visitReads } from "./used-names.ts";

/** What is in use besides the row, for the readers of one source. */
export interface LookupHolder {
  tables: LookupTables;
  generations: Generations;
}

const none: LookupTables = { generation: 0, of: () => undefined };
const first: Generations = { version: 0, generationOf: () => 1, any: () => false, ofParent: () => 1 };

export const newLookupHolder = (): LookupHolder => ({ tables: none, generations: first });

/** Null: empty. Undefined: a fault was noted. */
export type LookUp = (code: string, reading: RowReading) => Json | undefined;

/** @param place the field, and the column that is looked up, for faults */
export function compileLookup(lookup: Lookup, holder: LookupHolder, place: { field: string; column: string }): LookUp {
  const { name, take, missing } = lookup;
  return (code, reading) => {
    const row = code.trim();
    reading.lookups.push({ lookup: name, row });
    const table = holder.tables.of(name);
    const found = table?.rows.get(row)?.[indexOf(table, take)];
    if (found !== undefined) return found;
    if (missing === "omit" && table !== undefined) return null;
    const what = table === undefined ? "was not sent by the portal yet" : `has no row for ${JSON.stringify(row.slice(0, 40))}`;
    reading.faults.push({ code: "lookup-missing", ...place, message: `the lookup ${name} ${what}` });
    return undefined;
  };
}

/** Of the field that is taken; -1 where the table lacks it. */
export function indexOf({ fields }: Pick<LookupTable, "fields">, take: string | undefined): number {
  return take === undefined ? 1 : fields.indexOf(take);
}

/** Undefined where the source maps through none. */
export function sourceLookups(source: Source, { properties }: Config, holder: LookupHolder): SourceLookups | undefined {
  const needs: LookupNeeds = new Map();
  const add = (lookup: Lookup | undefined): void => {
    if (lookup !== undefined) needs.set(lookup.name, (needs.get(lookup.name) ?? new Set()).add(lookup.take));
  };
  visitReads(source, (read) => {
    if (read.kind === "from") add(read.lookup);
    if (read.kind === "ref") for (const part of read.key) if (part.kind === "lookup") add(part.lookup);
  });
  if (source.type === "property" && properties?.kind === "lookup")
    add({ name: properties.name, take: undefined, missing: "hold" });
  return lookupsOf(needs, holder);
}

/** What is taken of which table. */
export type LookupNeeds = Map<string, Set<string | undefined>>;

/** Undefined where nothing is taken of any. */
export function lookupsOf(needs: LookupNeeds, holder: LookupHolder): SourceLookups | undefined {
  if (needs.size === 0) return undefined;
  return {
    needs,
    use(tables) {
      holder.tables = tables;
    },
    get generation() {
      return holder.tables.generation;
    },
  };
}
