import type { Feed } from "../feed.ts";
import { bind, concat } from "../statement.ts";
import { checkFeed } from "./feed-check.ts";
import { requirePublished } from "./feed-gathering.ts";
import { feedName } from "./feed-names.ts";
import { positionText } from "./feed-position.ts";
import { readFeed } from "./feed-read.ts";
import type { FeedServer } from "./feed-server.ts";
import { endSession, openReplication } from "./feed-session.ts";
import { createSlot, dropSlot, identify, requireLogical, type ServerIdentity, slotOf } from "./feed-slot.ts";
import { watchedTables } from "./feed-tables.ts";
import { logicalReplication } from "./sql.ts";

/**
 * Changes as PostgreSQL's logical replication tells them (decision 32). The server keeps its log for the feed's slot: begin makes it, drop removes it, and
 * both slot and publication bear the agent's name.
 */
export function postgresFeed(server: FeedServer): Feed {
  const name = feedName(server.context.sessionName, server.database);
  return {
    name: logicalReplication,
    check: (tables, signal) => checkFeed({ server, tables, name, signal }),
    async begin(tables, signal) {
      await requireLogical(server, signal);
      const { system, timeline } = await identity(server, signal);
      // A slot that is older than its publication can't be read.
      const watched = await watchedTables(server, { tables, publication: name }, signal);
      const signatures = requirePublished({ server, tables, name }, watched);
      const slot = await createSlot(server, name, signal);
      const shapes = tables.map(({ table }, index) => [table, signatures[index]]);
      return positionText({ system, timeline, database: server.database, ...slot, tables: Object.fromEntries(shapes) });
    },
    read: (tables, position, signal) => readFeed({ server, tables, name, position, signal }),
    async marks(tables, signal) {
      const names = JSON.stringify(tables.map(({ table }) => server.quote(table)));
      const rows = await server.ask(
        concat(marksText, bind(names), marksRest),
        "look at what the server counts of its tables",
        signal,
      );
      return tables.map((_, index) => rows.find(({ at }) => at === String(index))?.mark ?? undefined);
    },
    async kept(signal) {
      const slot = await slotOf(server, name, signal);
      if (slot?.ours !== true) return undefined;
      return { what: `the replication slot ${name}`, bytes: Number(slot.keptBytes), isRead: slot.active };
    },
    drop: (signal) => dropSlot(server, name, signal),
  };
}

async function identity(server: FeedServer, signal: AbortSignal): Promise<ServerIdentity> {
  const client = await openReplication(server, signal);
  try {
    return await identify(server, client, signal);
  } finally {
    await endSession(server, client);
  }
}

/**
 * Rows inserted, updated and deleted as the server's statistics count them, about a second late: rolled back ones as well, and from nought again after a
 * crash. So another text may be a false alarm, and the same one proves nothing.
 */
const marksText = `
WITH RECURSIVE tree AS (
  SELECT w.at - 1 AS at, to_regclass(w.name)::oid AS oid FROM jsonb_array_elements_text(`;
const marksRest = `::jsonb) WITH ORDINALITY AS w(name, at)
  UNION ALL
  SELECT t.at, i.inhrelid FROM tree t JOIN pg_catalog.pg_inherits i ON i.inhparent = t.oid
)
SELECT at::text, concat_ws(':', max(oid::int8), sum(pg_stat_get_tuples_inserted(oid)), sum(pg_stat_get_tuples_updated(oid)), sum(pg_stat_get_tuples_deleted(oid))) AS mark
FROM tree WHERE oid IS NOT NULL AND current_setting('track_counts') = 'on' GROUP BY at`;
