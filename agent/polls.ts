import type { Config } from "../config/config.ts";
import type { Poll } from "../connectors/connector.ts";

/** Tables that are asked for changes by a column, and how often. */
export function pollsOf({ sources }: Config): Poll[] {
  return sources.flatMap(({ from, signal, changes, touchedBy }) => {
    const own = from.kind === "table" ? from.table : signal?.table;
    return [...(own === undefined ? [] : [{ table: own, changes }]), ...touchedBy].flatMap(({ table, changes: { cursor } }) =>
      cursor === undefined
        ? []
        : [{ table, column: cursor.column, everyMs: cursor.every.kind === "every" ? cursor.every.ms : undefined }],
    );
  });
}
