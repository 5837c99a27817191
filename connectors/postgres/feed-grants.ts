/** What the feed needs beside rights on tables: the attribute to replicate, and a publication of the tables, which their owner makes. */
import { type Comparison, type GrantNeeds, tablePath } from "../grants.ts";
import type { PostgresSettings } from "./config.ts";
import { askServer } from "./describe.ts";
import { feedName } from "./feed-names.ts";
import { quoted, usualSchema } from "./grant-names.ts";
import type { Link } from "./link.ts";
import { textLiteral } from "./sql.ts";

export interface FeedRights {
  /** Of slot and publication; undefined before there is a configuration. */
  name: string | undefined;
  /** Quoted, with their schema; empty where no feed is used. */
  tables: readonly string[];
}

export function feedRights(
  { feeds, sessionName }: GrantNeeds,
  settings: Pick<PostgresSettings, "database" | "schema">,
): FeedRights {
  const tables = feeds.flatMap((feed) => feed.tables.map((table) => quoted(tablePath(table, usualSchema(settings)))));
  return {
    name: sessionName === undefined ? undefined : feedName(sessionName, settings.database),
    tables: [...new Set(tables)].sort(),
  };
}

export function feedScript({ name, tables }: FeedRights, account: string): string[] {
  if (name === undefined || tables.length === 0) return [];
  return [
    `ALTER ROLE ${account} REPLICATION;`,
    "-- By the tables' owner. A table without replica identity must be given one before, or the ERP can't update it any more: `erpfuser check` names it",
    `CREATE PUBLICATION ${name} FOR TABLE ${tables.join(", ")};`,
  ];
}

/** The slot goes first: nobody else would remove it, and the server would keep its log for it. */
export function feedCounterpart({ name, tables }: FeedRights, account: string): string[] {
  if (name === undefined || tables.length === 0) return [];
  return [
    "-- With the agent stopped:",
    `SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = ${textLiteral(name)};`,
    `DROP PUBLICATION IF EXISTS ${name};`,
    `ALTER ROLE ${account} NOREPLICATION;`,
  ];
}

interface FeedComparison {
  wanted: FeedRights;
  account: string;
  signal: AbortSignal;
}

/** Attribute and publication as they are, against what is wanted: also the publication of a feed that is used no more; a needless attribute is told with the others. */
export async function compareFeed(
  link: Link,
  { wanted, account, signal }: FeedComparison,
): Promise<Pick<Comparison, "missing" | "tooMany">> {
  const { name, tables } = wanted;
  if (name === undefined) return { missing: [], tooMany: [] };
  const [held] = await askServer(link, heldBy(name), signal, "look up the rights of the account's feed");
  const published = (held?.published ?? "").split("\n").filter((table) => table !== "");
  const isUsed = tables.length > 0;
  const exists = held?.publication === "t";
  const lacking = tables.filter((table) => !published.includes(table));
  const needless = published.filter((table) => !tables.includes(table));
  const missing: string[] = [];
  const tooMany: string[] = [];
  if (isUsed && held?.replicates !== "t") missing.push(`ALTER ROLE ${account} REPLICATION;`);
  if (isUsed && !exists) missing.push(`CREATE PUBLICATION ${name} FOR TABLE ${tables.join(", ")};`);
  if (!isUsed && exists) tooMany.push(`DROP PUBLICATION ${name};`);
  if (isUsed && exists && held?.everything !== "t") {
    if (lacking.length > 0) missing.push(`ALTER PUBLICATION ${name} ADD TABLE ${lacking.join(", ")};`);
    if (needless.length > 0) tooMany.push(`ALTER PUBLICATION ${name} DROP TABLE ${needless.join(", ")};`);
  }
  return { missing, tooMany };
}

const heldBy = (name: string): string => `
  SELECT r.rolreplication OR r.rolsuper AS replicates,
    p.oid IS NOT NULL AS publication, p.puballtables AS everything,
    (SELECT string_agg('"' || replace(n.nspname, '"', '""') || '"."' || replace(c.relname, '"', '""') || '"', chr(10) ORDER BY n.nspname, c.relname)
     FROM pg_publication_rel l JOIN pg_class c ON c.oid = l.prrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE l.prpubid = p.oid) AS published
  FROM pg_roles r LEFT JOIN pg_publication p ON p.pubname = ${textLiteral(name)} WHERE r.rolname = current_user`;
