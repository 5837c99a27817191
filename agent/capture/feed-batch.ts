/** What a batch of a feed tells, noted in one transaction with the position behind it. Everything else is for the reads by key. */
import type { FeedBatch } from "../../connectors/feed.ts";
import type { FeedPlan, FeedUse } from "./feed-tables.ts";
import { positionOf } from "./feed-tables.ts";
import { oweCompare } from "./owed-compares.ts";
import type { Room } from "./parts.ts";
import { Overtaken } from "./sightings.ts";

/** What a batch says for one source. */
interface News {
  keys: Set<string>;
  /** Children by their own key, with the parent they belong to now. */
  moved: Map<string, string>;
  /** Children of which only a read tells whose they are. */
  unread: Set<string>;
  /** It changed in a way that names no row. */
  untold: boolean;
}

/** When the feed last got on, epoch ms as text: it tells how long a gap was. */
export const heardName = (feed: string): string => `feed-heard.${feed}`;

/**
 * Takes a batch; `known`: the position from which it was read on.
 * @throws Overtaken when that is not the position any more: the history was found lost meanwhile
 */
export function takeFeedBatch(room: Room, plan: FeedPlan, { batch, known }: { batch: FeedBatch; known: string }): void {
  const { store } = room;
  const name = positionOf(plan.name);
  store.transaction(() => {
    if (store.sources.position(name) !== known) throw new Overtaken();
    for (const [use, news] of gather(room, plan, batch)) note(room, use, news);
    if (batch.position !== known) store.sources.setPosition(name, batch.position);
  }, "signal");
}

function gather(room: Room, plan: FeedPlan, { changes, untold }: FeedBatch): Map<FeedUse, News> {
  const all = new Map<FeedUse, News>();
  const newsOf = (use: FeedUse): News => {
    const known = all.get(use) ?? { keys: new Set(), moved: new Map(), unread: new Set(), untold: false };
    all.set(use, known);
    return known;
  };
  for (const { table, key, own } of changes) {
    for (const use of plan.uses[table] ?? []) {
      const news = newsOf(use);
      if (use.child !== undefined) takeChild(room, use.child.name, { key, own, news });
      else if (key !== undefined) news.keys.add(key);
    }
  }
  for (const table of untold) for (const use of plan.uses[table] ?? []) newsOf(use).untold = true;
  return all;
}

interface ChildNews {
  key: string | undefined;
  own: string | undefined;
  news: News;
}

/** A child touches the parent that it belonged to, as far as we know, and the one that is told. */
function takeChild({ store }: Room, child: string, { key, own, news }: ChildNews): void {
  if (key !== undefined) news.keys.add(key);
  if (own === undefined) {
    // A child without a key of its own can't be told from another one.
    if (key === undefined) news.untold = true;
    return;
  }
  const before = news.moved.get(own) ?? store.sources.child(child, own)?.parent;
  if (before !== undefined) news.keys.add(before);
  if (key !== undefined && before !== key) news.moved.set(own, key);
  // One that is being read by its own key is read again: an older answer must not stand against this.
  if (key === undefined || store.pending.get(child, own) !== undefined) news.unread.add(own);
}

function note(room: Room, { source, child, signal }: FeedUse, { keys, moved, unread, untold }: News): void {
  const { store, clock } = room;
  const now = clock.now();
  store.pending.mark(source.mapping.source, [...keys], { now, confirm: true });
  if (child !== undefined) {
    store.sources.setParents(
      child.name,
      [...moved].map(([own, parent]) => ({ own, parent })),
    );
    store.pending.mark(child.name, [...unread], { now, confirm: true });
  }
  if (untold) oweTable(room, { source, child, signal }, "untold");
}

/** The table of a signal is to be compared: a child's table with its parents, which say what the children say. */
export function oweTable(room: Room, { source, signal }: FeedUse, reason: Parameters<typeof oweCompare>[2]): void {
  for (const name of new Set([signal.name, source.mapping.source])) oweCompare(room, name, reason);
}
