import type pg from "pg";
import { heartbeatMs } from "../feed.ts";
import type { LinkPool } from "../link-pool.ts";
import { placeOf } from "./config.ts";
import { type Access, openSession } from "./connect.ts";
import { postgresError } from "./errors.ts";
import type { FeedServer } from "./feed-server.ts";
import type { Link } from "./link.ts";
import { postgresSyntax, withLiterals } from "./sql.ts";
import { decoderOf } from "./values.ts";

/** The driver knows the option, its types don't. */
const replication: pg.ClientConfig & { replication: "database" } = { replication: "database" };

/** Together with the time that a batch is held (feed-read.ts) the feed stays within its word. */
const usualBeatMs = heartbeatMs * 0.6;

/** A feed's way to the server: it asks on the connections of the short reads, and replicates on its own. */
export function feedServer(access: Access, short: LinkPool<Link>, beatMs = usualBeatMs): FeedServer {
  const { settings, context } = access;
  const place = placeOf(settings);
  return {
    ask: (statement, operation, signal) =>
      short.use(signal, async (link) => {
        const text = typeof statement === "string" ? statement : withLiterals(statement);
        const { fields, rows } = await link.select(text, signal, operation);
        return rows.map((row) => Object.fromEntries(fields.map(({ name }, index) => [name, row[index] ?? null])));
      }),
    open: async (signal) => (await openSession(access, "read", signal, replication)).client,
    error: (error, operation) => postgresError(error, operation, place),
    decoder: (type) => decoderOf({ oid: type }),
    quote: postgresSyntax.quote,
    beatMs,
    place,
    database: settings.database,
    user: settings.user,
    context,
  };
}
