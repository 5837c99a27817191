import type { FeedTable } from "../feed.ts";
import { type CatalogTable, isTold, type Watched } from "./feed-tables.ts";

/** Something that the publication keeps from us: what is changed meanwhile is told by nobody. */
export interface Lack {
  what: string;
  /** What its owner alters to mend it. */
  by: "creation" | "tables" | "operations";
}

/** Whatever of the tables' changes would not be sent: no publication, tables, rows or operations left out. */
export function lacksOf({ tables, watched, name }: { tables: readonly FeedTable[]; watched: Watched; name: string }): Lack[] {
  const { publication } = watched;
  if (publication === undefined) return [{ what: `There is no publication ${name}`, by: "creation" }];
  const where = (holds: (part: CatalogTable) => boolean): string => {
    const found = tables.filter((_, index) => (watched.tables[index] ?? []).some(holds)).map(({ table }) => table);
    return [...new Set(found)].join(", ");
  };
  const missing = tables.filter((_, index) => (watched.tables[index] ?? []).length === 0).map(({ table }) => table);
  const lacking = [...missing, where((part) => !isTold(part))].filter((each) => each !== "").join(", ");
  const filtered = where(({ filter }) => filter !== null);
  const operations = Object.entries(publication.operations).filter(([, published]) => !published);
  const lacks: Lack[] = [];
  if (lacking !== "") lacks.push({ what: `lacks ${lacking}; a table that was made anew must be added anew`, by: "tables" });
  if (filtered !== "") lacks.push({ what: `leaves out rows of ${filtered} (WHERE)`, by: "tables" });
  if (operations.length > 0)
    lacks.push({ what: `leaves out ${operations.map(([operation]) => operation).join(", ")}`, by: "operations" });
  return lacks.map(({ what, by }) => ({ what: `The publication ${name} ${what}`, by }));
}
