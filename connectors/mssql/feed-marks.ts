import type { Feed } from "../feed.ts";
import type { LinkPool } from "../link-pool.ts";
import { bind, concat } from "../statement.ts";
import type { Link } from "./link.ts";
import { ask } from "./session.ts";
import { mssqlSyntax } from "./sql.ts";

/**
 * Per table the version of its last change, asked beside the feed and over other connections. Each look asks only for what lies behind the last one: how long
 * the server keeps changes does not make it dearer.
 */
export function createMarks(short: LinkPool<Link>): Feed["marks"] {
  const seen = new Map<string, string>();

  async function markOf(link: Link, table: string, signal: AbortSignal): Promise<string | undefined> {
    const asked = { signal, operation: `look for the last change of ${table}` };
    const [state] = await ask(
      link,
      concat(
        "SELECT CHANGE_TRACKING_CURRENT_VERSION() AS now, CHANGE_TRACKING_MIN_VALID_VERSION(OBJECT_ID(",
        bind(mssqlSyntax.quote(table)),
        ")) AS least",
      ),
      asked,
    );
    if (!state?.now || !state.least) return undefined;
    const known = seen.get(table) ?? state.now;
    const since = BigInt(known) < BigInt(state.least) ? state.least : known;
    const last = concat(
      `SELECT MAX(ct.SYS_CHANGE_VERSION) AS last FROM CHANGETABLE(CHANGES ${mssqlSyntax.quote(table)}, `,
      bind(BigInt(since)),
      ") AS ct",
    );
    const [change] = await ask(link, last, asked);
    const mark = change?.last ?? since;
    seen.set(table, mark);
    return mark;
  }

  return async (tables, signal) => {
    const marks: (string | undefined)[] = [];
    for (const { table } of tables) marks.push(await short.use(signal, (link) => markOf(link, table, signal)));
    return marks;
  };
}
