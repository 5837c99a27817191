import type { FeedTable } from "../feed.ts";
import { bind, concat, join } from "../statement.ts";
import { askServer } from "./describe.ts";
import type { Link } from "./link.ts";

const operation = "look when tables were last changed";

/**
 * When each table was last changed, by the server's own word: whole seconds, told once the change is committed. InnoDB keeps it in memory, so that nothing is
 * known of a table that has not changed since the server was started or the table was last put aside.
 */
export async function changeMarks(
  link: Link,
  tables: readonly FeedTable[],
  signal: AbortSignal,
): Promise<readonly (string | undefined)[]> {
  if (tables.length === 0) return [];
  const [server] = await askServer(link, "SELECT DATABASE() AS db, VERSION() AS version", signal, operation);
  // MySQL 8 answers from a cache that is a day old.
  if (!/mariadb/i.test(server?.version ?? "") && !/^5\./.test(server?.version ?? ""))
    await link.query("SET SESSION information_schema_stats_expiry = 0", signal, operation);
  const names = tables.map(({ table }) => (table.includes(".") ? table : `${server?.db}.${table}`));
  const pairs = names.map((name) => {
    const [schema = "", ...rest] = name.split(".");
    return concat("(", bind(schema), ", ", bind(rest.join(".")), ")");
  });
  const asked = concat(
    "SELECT TABLE_SCHEMA AS s, TABLE_NAME AS t, UPDATE_TIME AS u, CREATE_TIME AS c FROM information_schema.TABLES WHERE (TABLE_SCHEMA, TABLE_NAME) IN (",
    join(pairs, ", "),
    ")",
  );
  const rows = await askServer(link, asked, signal, operation);
  return names.map((name) => {
    const row = rows.find((one) => `${one.s}.${one.t}`.toLowerCase() === name.toLowerCase());
    return row?.u === undefined || row.u === null ? undefined : `${row.u} ${row.c}`;
  });
}
