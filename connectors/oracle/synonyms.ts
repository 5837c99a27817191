import type { RawValue } from "../digest.ts";
import { bind, concat } from "../statement.ts";
import type { Link } from "./link.ts";

/** What a name of a schema stands for: its own synonym first, then a public one, through as many as there are; undefined where it is none, or leads to another database. */
export async function synonymTarget(
  link: Link,
  { schema, name }: { schema: string; name: string },
  signal: AbortSignal,
): Promise<{ owner: string; name: string } | undefined> {
  const seen = new Set<string>();
  let found: { owner: string; name: string } | undefined;
  let asked = { owner: schema, name };
  while (!seen.has(`${asked.owner}.${asked.name}`)) {
    seen.add(`${asked.owner}.${asked.name}`);
    const statement = concat(
      "SELECT TABLE_OWNER, TABLE_NAME FROM ALL_SYNONYMS WHERE SYNONYM_NAME = ",
      bind(asked.name),
      " AND OWNER IN (",
      bind(asked.owner),
      ", 'PUBLIC') AND DB_LINK IS NULL AND TABLE_OWNER IS NOT NULL ORDER BY CASE OWNER WHEN 'PUBLIC' THEN 1 ELSE 0 END",
    );
    const { rows } = await link.execute(statement, signal, { operation: "follow a synonym of the ERP" });
    const [target] = rows as RawValue[][];
    if (target === undefined) return found;
    asked = { owner: String(target[0]), name: String(target[1]) };
    found = asked;
  }
  return found;
}
