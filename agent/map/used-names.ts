/** What a source's mapping uses of what sources share: only that decides what its rows map to. */
import type { Config, DateType, Read, Source, ValueMap } from "../../config/config.ts";

export interface Used {
  types: Readonly<Record<string, DateType>>;
  /** Of maps what is read of them; what is written says nothing of an entity. */
  maps: Readonly<Record<string, Pick<ValueMap, "read" | "unknown">>>;
  vars: Readonly<Record<string, string>>;
  scope: Readonly<Record<string, string>>;
  /** Sources that are referred to. */
  targets: readonly Source[];
}

/** Finds it by walking the configuration; a variable counts already where its name stands somewhere in the source. */
export function usedBy(source: Source, config: Config): Used {
  const [types, maps, targets] = [new Set<string>(), new Set<string>(), new Set<string>()];
  visitReads(source, (read) => {
    if (read.kind === "from" && read.as !== undefined) types.add(read.as);
    if (read.kind === "from" && read.map !== undefined) maps.add(read.map);
    if (read.kind === "dateTime") for (const name of read.as) types.add(name);
    if (read.kind === "ref") targets.add(read.source);
  });
  const { from, where, deletes, fields } = source;
  const written = JSON.stringify([from, where, deletes.flag, fields]);
  const mapped = Object.entries(chosen(config.maps, maps));
  return {
    types: chosen(config.types, types),
    maps: Object.fromEntries(mapped.map(([name, { read, unknown }]) => [name, { read, unknown }])),
    vars: chosen(config.vars, new Set(Object.keys(config.vars).filter((name) => written.includes(name)))),
    scope: source.scoped ? config.scope : {},
    targets: config.sources.filter(({ name }) => targets.has(name)),
  };
}

function chosen<T>(all: Readonly<Record<string, T>>, names: ReadonlySet<string>): Record<string, T> {
  return Object.fromEntries(Object.entries(all).filter(([name]) => names.has(name)));
}

/** Every read of a source's fields, those within others as well. */
export function visitReads({ fields }: Source, visit: (read: Read) => void): void {
  const walk = (read: Read): void => {
    visit(read);
    if (read.kind === "rows" && read.item !== undefined) walk(read.item);
    if (read.kind === "list" || read.kind === "oneOf") for (const item of read.items) walk(item.read);
    if (read.kind === "object") for (const field of Object.values(read.fields)) walk(field);
  };
  for (const field of Object.values(fields)) walk(field.read);
}
