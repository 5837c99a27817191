import { anyOf } from "../keyset.ts";
import { bind, concat } from "../statement.ts";
import type { FedTable } from "./feed-tables.ts";
import type { Link } from "./link.ts";

/** So long after a change a table's definition may change once more with the same time, which has whole seconds. */
const youngMs = 5_000;

/**
 * Per table a text that is another one once its definition has changed, or its rows were thrown away or exchanged: versions are not told across that, and Oracle does not
 * always say so: a query may just stop at the change ("SQL Language Reference", flashback_query_clause). `-` for a table that is away.
 * @param scn makes the text of a definition that has just changed a new one at each look
 */
export async function definitionsOf(
  link: Link,
  tables: readonly FedTable[],
  { scn, operation, signal }: { scn: bigint; operation: string; signal: AbortSignal },
): Promise<string[]> {
  const places = tables.flatMap(({ place }) => (place === undefined ? [] : [place]));
  if (places.length === 0) return tables.map(() => "-");
  const statement = concat(
    `SELECT OWNER, OBJECT_NAME, COUNT(*) AS PARTS, SUM(OBJECT_ID) AS IDS, SUM(DATA_OBJECT_ID) AS SEGMENTS,
 TO_CHAR(MAX(LAST_DDL_TIME), 'YYYY-MM-DD HH24:MI:SS') AS CHANGED, TO_CHAR(SYSDATE, 'YYYY-MM-DD HH24:MI:SS') AS NOW
 FROM ALL_OBJECTS WHERE OBJECT_TYPE IN ('TABLE', 'TABLE PARTITION', 'TABLE SUBPARTITION') AND `,
    anyOf(
      ["OWNER", "OBJECT_NAME"],
      places.map(({ owner, object }) => [[bind(owner)], [bind(object)]]),
    ),
    " GROUP BY OWNER, OBJECT_NAME",
  );
  const { rows } = await link.execute(statement, signal, { operation });
  return tables.map(({ place }) => {
    const [, , parts, ids, segments, changed, now] =
      rows.find(([owner, object]) => owner === place?.owner && object === place?.object) ?? [];
    if (parts === undefined) return "-";
    const isYoung = momentMs(now) - momentMs(changed) < youngMs;
    return `${parts}.${ids}.${segments}.${String(changed).replace(/\D/g, "")}${isYoung ? `.${scn}` : ""}`;
  });
}

/** Both are of the server's own clock: only their distance counts. */
const momentMs = (text: unknown): number => Date.parse(`${String(text).replace(" ", "T")}Z`);
