/** What of the sources lives on the database's own feed: one reader tells of all of it. */
import type { FeedTable } from "../../connectors/feed.ts";
import type { CapturedSource, ChildTable, FeedSignal } from "./source.ts";

/** A source whose keys a table's changes mark. */
export interface FeedUse {
  source: CapturedSource;
  /** Where the rows are children of the source's rows. */
  child: ChildTable | undefined;
  signal: FeedSignal;
}

export interface FeedPlan {
  /** Name of the feed. */
  name: string;
  tables: readonly FeedTable[];
  /** Whose keys each table marks, by the table's index. */
  uses: readonly (readonly FeedUse[])[];
  /** How often the feed is looked after, ms. */
  everyMs: number;
}

/** Name of a feed's position in the store. No signal has such a name: those of sources have no colon. */
export const positionOf = (feed: string): string => `feed:${feed}`;

/** The feed signals that speak for a source. */
export function feedsOf(source: CapturedSource): FeedUse[] {
  const own = source.feed === undefined ? [] : [{ source, child: undefined, signal: source.feed }];
  const ofChildren = source.children.flatMap((child) =>
    child.feed === undefined ? [] : [{ source, child, signal: child.feed }],
  );
  return [...own, ...ofChildren];
}

/** Undefined where no source lives on a feed. A table that several sources name with the same keys is asked for once. */
export function feedPlan(sources: readonly CapturedSource[]): FeedPlan | undefined {
  const uses = sources.flatMap(feedsOf);
  const first = uses[0];
  if (first === undefined) return undefined;
  const byTable = new Map<string, FeedUse[]>();
  for (const use of uses) {
    const { table, key, own } = use.signal.table;
    const place = JSON.stringify([table, key, own]);
    const known = byTable.get(place);
    if (known === undefined) byTable.set(place, [use]);
    else known.push(use);
  }
  const groups = [...byTable.values()];
  return {
    name: first.signal.feed,
    tables: groups.map((group) => (group[0] as FeedUse).signal.table),
    uses: groups,
    everyMs: Math.min(...uses.map(({ signal }) => signal.everyMs)),
  };
}
