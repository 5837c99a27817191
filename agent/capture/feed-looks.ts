/** Looks now and then whether the feed still tells of every table that changes. What it saw outlives a kill: a reader that was silent and moved its position on is found by the next one. */
import { isAbort, kindOf } from "../../base/errors.ts";
import type { Feed, FeedBatch } from "../../connectors/feed.ts";
import { oweTable } from "./feed-batch.ts";
import { createSilence, type Remembered } from "./feed-silence.ts";
import type { FeedPlan } from "./feed-tables.ts";
import type { Room } from "./parts.ts";

export interface FeedLooks {
  /** The next batch is asked for. */
  asked(): void;
  /** It came; to be called in the transaction that takes it. */
  heard(batch: FeedBatch, before: string): void;
  /** Looks again and again. Resolves once the feed was found silent of tables: they are said, and owed a compare. */
  untilSilent(feed: Feed, signal: AbortSignal): Promise<void>;
  /** Tables of which it says nothing although they change. */
  silent(): readonly string[];
}

/** The first look comes so long after the feed was opened. */
const settleMs = 10_000;

export function createFeedLooks(room: Room, plan: FeedPlan): FeedLooks {
  const { store, clock, log } = room;
  const name = `feed-looks.${plan.name}`;
  const places = plan.tables.map(({ table, key, own }) => JSON.stringify([table, key, own]));
  const known = JSON.parse(store.meta.get(name) ?? "{}") as Readonly<Record<string, Remembered>>;
  const silence = createSilence(
    places.map((place) => known[place]),
    clock,
  );
  /** Of the clock that nobody sets. Feeds that break off again and again are looked after all the same. */
  let dueAt = clock.monotonic() + plan.everyMs;

  const remember = (): void => {
    const now = silence.remember();
    const text = JSON.stringify(Object.fromEntries(places.map((place, index) => [place, now[index]])));
    if (store.meta.get(name) !== text) store.meta.set(name, text);
  };
  const note = (found: readonly number[]): void => {
    // A look that finds nothing is made again where a power cut takes it back.
    if (found.length === 0) return store.repeatable(remember, "feed-looks");
    store.transaction(() => {
      for (const use of found.flatMap((index) => plan.uses[index] ?? [])) oweTable(room, use, "silent");
      remember();
    }, "feed-looks");
  };
  const say = (table: string | undefined): void =>
    log.warn("A table changes and the feed says nothing of it: it is compared in full, and the feed is opened anew", {
      feed: plan.name,
      code: "feed-silent",
      table,
    });
  return {
    asked: silence.asked,
    heard({ changes, untold, position }, before) {
      const tables = new Set([...untold, ...changes.map(({ table }) => table)]);
      if (silence.heard({ tables, moved: position !== before })) remember();
    },
    async untilSilent(feed, signal) {
      // What was not told before it was opened must be told first.
      dueAt = Math.max(dueAt, clock.monotonic() + Math.min(settleMs, plan.everyMs));
      for (;;) {
        await clock.sleep(Math.max(0, dueAt - clock.monotonic()), signal);
        const marks = await marksOf(feed, plan, signal);
        dueAt = clock.monotonic() + plan.everyMs;
        const found = silence.look(marks);
        note(found);
        for (const index of found) say(plan.tables[index]?.table);
        if (found.length > 0) return;
      }
    },
    silent: () => silence.silent().map((index) => plan.tables[index]?.table ?? ""),
  };
}

/** What can't be asked tells nothing; the feed itself fails where it matters. */
async function marksOf(feed: Feed, plan: FeedPlan, signal: AbortSignal): Promise<readonly (string | undefined)[]> {
  try {
    return await feed.marks(plan.tables, signal);
  } catch (error) {
    if (isAbort(error) || kindOf(error) === "bug" || signal.aborted) throw error;
    return [];
  }
}
