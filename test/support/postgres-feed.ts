import { setTimeout as sleep } from "node:timers/promises";
import type pg from "pg";
import type { ConnectorContext, ConnectorLimits } from "../../connectors/connector.ts";
import type { Feed, FeedTable } from "../../connectors/feed.ts";
import { LinkPool } from "../../connectors/link-pool.ts";
import { accessOf } from "../../connectors/postgres/connect.ts";
import { isLost } from "../../connectors/postgres/errors.ts";
import { postgresFeed } from "../../connectors/postgres/feed.ts";
import { feedServer } from "../../connectors/postgres/feed-connections.ts";
import { feedName } from "../../connectors/postgres/feed-names.ts";
import type { FeedServer } from "../../connectors/postgres/feed-server.ts";
import { openLink } from "../../connectors/postgres/link.ts";
import { contextOf } from "../contract/erp/subject.ts";
import { type FeedFollower, followFeed } from "./feed-follower.ts";
import type { Postgres } from "./postgres.ts";

/** A feed of its own database on a server, by an account that may replicate and read. */
export interface FeedBench extends AsyncDisposable {
  feed: Feed;
  /** What the feed is made of: for a feed over a spoilt one. */
  server: FeedServer;
  /** Administrator and owner of the tables, within the database. */
  admin: pg.Client;
  /** A new one, once the server was restarted. */
  reconnect(): Promise<pg.Client>;
  context: ConnectorContext;
  database: string;
  /** Name of slot and publication. */
  name: string;
  /** Makes the publication by what `check` prints, and the slot. */
  begin(tables: readonly FeedTable[]): Promise<string>;
  /** Reads on, once the server has noticed that the last reader is gone. */
  follow(tables: readonly FeedTable[], position: string): Promise<FeedFollower>;
  /** Resolves once nobody reads from the slot. */
  unread(): Promise<void>;
}

export interface FeedBenchOptions {
  port?: number;
  user?: string;
  limits?: Partial<ConnectorLimits>;
  beatMs?: number;
}

let last = 0;
const never = new AbortController().signal;

export async function feedBench(server: Postgres, options: FeedBenchOptions = {}): Promise<FeedBench> {
  last += 1;
  const database = `feed_${last}`;
  await server.createDatabase(database);
  let admin = await server.connect(database);
  const role = await admin.query("SELECT FROM pg_roles WHERE rolname = 'agent'");
  if (role.rowCount === 0) await admin.query("CREATE ROLE agent LOGIN REPLICATION PASSWORD 'secret'");
  await admin.query("ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO agent");
  const context = contextOf({ sessionName: "erpfuser:bench", ...(options.limits ? { limits: options.limits } : {}) });
  const { port = server.port, user = "agent" } = options;
  const settings = { server: "127.0.0.1", port, database, user, password: { secret: "erp" } };
  const access = accessOf(settings, async () => (user === "postgres" ? server.password : "secret"), context);
  const links = new LinkPool({ open: (signal) => openLink(access, "read", signal), isLost, size: 2 });
  const way = feedServer(access, links, options.beatMs ?? 500);
  const feed = postgresFeed(way);
  const name = feedName(context.sessionName, database);
  const unread = async (): Promise<void> => {
    const inUse = "SELECT FROM pg_replication_slots WHERE slot_name = $1 AND active";
    while ((await admin.query(inUse, [name])).rowCount !== 0) await sleep(20);
  };
  return {
    feed,
    server: way,
    get admin() {
      return admin;
    },
    async reconnect() {
      await admin.end().catch(() => {});
      admin = await server.connect(database);
      return admin;
    },
    context,
    database,
    name,
    async begin(tables) {
      for (const { code, remedy } of await feed.check(tables, never)) {
        if (code === "erp-feed-unpublished") await admin.query(statementOf(remedy));
      }
      await unread();
      return feed.begin(tables, never);
    },
    async follow(tables, position) {
      await unread();
      return followFeed(feed, tables, position);
    },
    unread,
    async [Symbol.asyncDispose]() {
      await unread()
        .then(() => feed.drop?.(never))
        .catch(() => {});
      await links[Symbol.asyncDispose]();
      await admin.end().catch(() => {});
    },
  };
}

/** The publication that a connector of the contract suite wants, of every table that is and that will be. */
export async function publishAll(server: Postgres, database: string): Promise<void> {
  const admin = await server.connect(database);
  await admin.query(`CREATE PUBLICATION ${feedName(contextOf().sessionName, database)} FOR ALL TABLES`);
  await admin.end();
}

/** The SQL of a remedy. */
export function statementOf(remedy: string): string {
  const statement = /(CREATE|ALTER|SELECT) [^;]*;/.exec(remedy)?.[0];
  if (statement === undefined) throw new Error(`no statement in: ${remedy}`);
  return statement;
}
