/** Which parts of an entity's key are parts of its parents' keys: where such a parent gets another key, so does the entity. Read off the configuration. */
import type { Read, Source } from "../../config/config.ts";
import type { Lineage } from "./mapped.ts";

/** Of the references that share a column with the source's own key. */
export function lineageOf(source: Pick<Source, "key" | "fields">): readonly Lineage[] {
  const found: Lineage[] = [];
  const own = source.key.map((column) => column.toLowerCase());
  const walk = (read: Read): void => {
    if (read.kind === "ref") {
      const parts = read.key.map((part) => (part.kind === "column" ? own.indexOf(part.column.toLowerCase()) : -1));
      if (parts.some((at) => at >= 0)) found.push({ source: read.source, parts });
    } else if (read.kind === "object") {
      for (const inner of Object.values(read.fields)) walk(inner);
    } else if (read.kind === "list" || read.kind === "oneOf") {
      for (const item of read.items) walk(item.read);
    }
  };
  for (const { read } of Object.values(source.fields)) walk(read);
  return found;
}
