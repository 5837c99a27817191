/** Which signals a feed's position speaks for: one that joins later, or leaves, is compared in full once. */
import type { Store } from "../store/store.ts";
import { type FeedPlan, positionOf } from "./feed-tables.ts";
import { oweCompare } from "./owed-compares.ts";
import type { Room } from "./parts.ts";

const coversName = "feed-covers";

/** By signal: feed, table and keys. */
type Covers = Readonly<Record<string, string>>;

function coversOf(plan: FeedPlan): Covers {
  const signals = plan.uses.flat().map(({ signal }) => [signal.name, JSON.stringify([positionOf(plan.name), signal.table])]);
  return Object.fromEntries(signals) as Covers;
}

const readCovers = ({ meta }: Pick<Store, "meta">): Covers => JSON.parse(meta.get(coversName) ?? "{}") as Covers;

/** From the position on everything in the plan is told; to be called in the transaction that stores it. */
export function setCovered(store: Pick<Store, "meta">, plan: FeedPlan | undefined): void {
  store.meta.set(coversName, plan === undefined ? undefined : JSON.stringify(coversOf(plan)));
}

/** Before the feed is read on from a position: what joined since is told from there on, and what it changed before only a compare shows. */
export function takeCovered(room: Room, plan: FeedPlan): void {
  const before = readCovers(room.store);
  const now = coversOf(plan);
  const joined = Object.keys(now).filter((name) => before[name] !== now[name]);
  if (joined.length === 0 && Object.keys(before).length === Object.keys(now).length) return;
  room.store.transaction(() => {
    for (const { source, signal } of plan.uses.flat())
      if (joined.includes(signal.name))
        for (const name of new Set([signal.name, source.mapping.source])) oweCompare(room, name, "begun");
    setCovered(room.store, plan);
  }, "position");
}

/** To be called once at each start: a signal that is no longer the feed's has a gap from the feed's last word to its own first. */
export function leaveFeed(room: Room, plan: FeedPlan | undefined): void {
  const now = plan === undefined ? {} : coversOf(plan);
  const left = Object.keys(readCovers(room.store)).filter((name) => now[name] === undefined);
  if (left.length === 0) return;
  const names = room.sources.flatMap(({ mapping, children }) => [
    [mapping.source, mapping.source],
    ...children.map((child) => [child.name, mapping.source]),
  ]);
  room.store.transaction(() => {
    for (const [signal, source] of names as [string, string][])
      if (left.includes(signal)) for (const name of new Set([signal, source])) oweCompare(room, name, "begun");
    const covers = Object.entries(readCovers(room.store)).filter(([name]) => !left.includes(name));
    room.store.meta.set(coversName, covers.length === 0 ? undefined : JSON.stringify(Object.fromEntries(covers)));
  }, "position");
}
