/** Which estates take part (`properties:`): the others are as if they were cancelled, and what belongs to them follows (agent/capture/out-of-scope.ts). */
import type { Config, Source } from "../../config/config.ts";
import type { LookupHolder } from "./lookups.ts";
import type { Mapped, Mapping } from "./mapped.ts";

/** The mapping of a source of estates where some of them do not take part; any other as it is. */
export function withinScope(
  map: Mapping["map"],
  source: Source,
  { config: { properties }, holder }: { config: Config; holder: LookupHolder },
): Mapping["map"] {
  if (properties === undefined || source.type !== "property") return map;
  const out = (id: string): Mapped => ({ kind: "cancelled", id, reason: "out-of-scope" });
  if (properties.kind === "listed") {
    const ids = new Set(properties.ids);
    return (row, key, isAbsent) => {
      const mapped = map(row, key, isAbsent);
      return mapped.kind === "cancelled" || ids.has(mapped.id) ? mapped : out(mapped.id);
    };
  }
  const { name } = properties;
  return (row, key, isAbsent) => {
    const mapped = map(row, key, isAbsent);
    if (mapped.kind === "cancelled") return mapped;
    const { id } = mapped;
    const lookups = [...(mapped.lookups ?? []), { lookup: name, row: id }];
    const table = holder.tables.of(name);
    if (table?.rows.has(id)) return { ...mapped, lookups };
    if (table !== undefined) return { ...out(id), lookups };
    const message = `the lookup ${name} was not sent by the portal yet`;
    return { kind: "faulty", id, lookups, faults: [{ code: "lookup-missing", field: "id", column: undefined, message }] };
  };
}
