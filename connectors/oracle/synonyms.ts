import type { RawValue } from "../digest.ts";
import { bind, concat } from "../statement.ts";
import type { Link } from "./link.ts";

interface Asked {
  schema: string;
  name: string;
  /** The schema stands before the name: then no public synonym is meant. */
  qualified?: boolean;
}

/**
 * What a name of a schema stands for: its own synonym first, then a public one, through as many as there are; undefined where it is none, or leads to another
 * database. A table, view or routine of that name comes before a public synonym, and ends the way.
 */
export async function synonymTarget(
  link: Link,
  { schema, name, qualified = false }: Asked,
  signal: AbortSignal,
): Promise<{ owner: string; name: string } | undefined> {
  const seen = new Set<string>();
  let found: { owner: string; name: string } | undefined;
  let asked = { owner: schema, name };
  while (!seen.has(`${asked.owner}.${asked.name}`)) {
    seen.add(`${asked.owner}.${asked.name}`);
    const owner = bind(asked.owner);
    // A synonym of a public one names its own creator as the owner (docs.oracle.com, "ALL_SYNONYMS"), so that further on PUBLIC may be meant again.
    const owners = qualified && found === undefined ? owner : concat(owner, ", 'PUBLIC'");
    const statement = concat(
      "SELECT TABLE_OWNER, TABLE_NAME FROM ALL_SYNONYMS s WHERE s.SYNONYM_NAME = ",
      bind(asked.name),
      " AND s.OWNER IN (",
      owners,
      ") AND s.DB_LINK IS NULL AND s.TABLE_OWNER IS NOT NULL AND NOT EXISTS (SELECT 1 FROM ALL_OBJECTS o WHERE o.OWNER = ",
      owner,
      " AND o.OBJECT_NAME = s.SYNONYM_NAME AND o.OBJECT_TYPE <> 'SYNONYM') ORDER BY CASE s.OWNER WHEN 'PUBLIC' THEN 1 ELSE 0 END",
    );
    const { rows } = await link.execute(statement, signal, { operation: "follow a synonym of the ERP" });
    const [target] = rows as RawValue[][];
    if (target === undefined) return found;
    asked = { owner: String(target[0]), name: String(target[1]) };
    found = asked;
  }
  return found;
}
