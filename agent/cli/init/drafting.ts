/** From a database to a draft: describe, propose, look at what the proposal asks for, propose again; then try what came of it. */
import { FuserError, isAbort } from "../../../base/errors.ts";
import type { Connector, Table } from "../../../connectors/connector.ts";
import type { Powers } from "./changes.ts";
import { type DraftParts, draftText } from "./draft-text.ts";
import type { Draft } from "./drafted.ts";
import { keyOf } from "./evidence.ts";
import { openLooking } from "./look.ts";
import { propose } from "./propose.ts";
import { tryDraft } from "./try.ts";

export interface DraftingParts {
  /** What the draft says of agent and ERP. */
  parts: Omit<DraftParts, "tables">;
  file: string;
  connector: Connector;
  signal: AbortSignal;
}

/** More tables than this are not looked into: names alone decide between the rest. */
const mostSamples = 80;
const mostRounds = 8;

/** @throws FuserError what the connector throws; `config-faults` as tryDraft */
export async function draftFrom({
  parts,
  file,
  connector,
  signal,
}: DraftingParts): Promise<{ text: string; sources: readonly string[]; tables: number }> {
  const tables = await connector.describe(signal);
  const draft = await proposed({ tables, connector, signal });
  const write = (trial: Parameters<typeof draftText>[2]): string => draftText({ ...parts, tables }, draft, trial);
  return { ...(await tryDraft({ draft, file, write, connector, signal })), tables: tables.length };
}

async function proposed({
  tables,
  connector,
  signal,
}: {
  tables: readonly Table[];
  connector: Connector;
  signal: AbortSignal;
}): Promise<Draft> {
  const looking = openLooking(connector, signal);
  const rowVersions = connector.dialect.powers.rowVersions === true;
  const powers: Powers = { ...(await feedOf(connector, tables, signal)), rowVersions };
  const sampled = new Set<string>();
  const done = new Set<string>();
  for (let round = 1; ; round++) {
    const { draft, asks } = propose({ tables, evidence: looking, powers, ...sqlOf(connector) });
    const before = done.size;
    for (const table of asks.samples) {
      if (sampled.has(table.name) || sampled.size >= mostSamples) continue;
      sampled.add(table.name);
      done.add(table.name);
      await looking.take(table);
    }
    for (const [name, { table, column }] of asks.codes) {
      if (looking.sample(table.name) === undefined || done.has(name)) continue;
      done.add(name);
      await looking.count(table, column);
    }
    for (const [name, reference] of asks.references) {
      if (looking.sample(reference.from) === undefined || done.has(name)) continue;
      done.add(name);
      await looking.follow(reference);
    }
    if (done.size === before || round === mostRounds) return draft;
  }
}

/** What the database's own feed is to the draft: taken where nothing stands against it; one that makes the server keep its log for us is for a person to choose. */
async function feedOf(
  { feed, dialect }: Connector,
  tables: readonly Table[],
  signal: AbortSignal,
): Promise<Pick<Powers, "feed" | "offered">> {
  if (feed === undefined || !dialect.feeds?.includes(feed.name)) return { feed: undefined };
  if (feed.kept !== undefined) return { feed: undefined, offered: feed.name };
  const watched = tables.flatMap((table) => {
    const key = table.kind === "table" ? keyOf(table) : undefined;
    return key === undefined ? [] : [{ table: table.name, key, own: key }];
  });
  try {
    const findings = await feed.check(watched.slice(0, mostSamples), signal);
    return { feed: findings.some(({ severity }) => severity === "error") ? undefined : feed.name };
  } catch (error) {
    if (isAbort(error) || !(error instanceof FuserError)) throw error;
    return { feed: undefined };
  }
}

/** Names as the database takes them without quotes, where it does. */
function sqlOf({ dialect }: Connector): { sqlName: (column: string) => string; sqlTrue: (column: string) => string } {
  const plain =
    dialect.name === "postgres"
      ? /^[a-z_][a-z0-9_]*$/
      : dialect.name === "oracle"
        ? /^[A-Z][A-Z0-9_]*$/
        : /^[A-Za-z_][A-Za-z0-9_]*$/;
  const sqlName = (column: string): string => (plain.test(column) ? column : dialect.quote(column));
  return { sqlName, sqlTrue: (column) => (dialect.name === "postgres" ? sqlName(column) : `${sqlName(column)} = 1`) };
}
