/** A history: what happens in one simulated hour, as a list that can be shortened. Each entry draws from a chance of its own, so that leaving one out leaves the others as they are. */
import type { Rhythm, Ways } from "../erp/schema.ts";
import { type Chance, chanceOf } from "../world/chance.ts";
import { faults } from "./faults.ts";
import { feedFaults } from "./feed-faults.ts";
import { deeds } from "./life.ts";
import { orders } from "./orders.ts";
import { scenes } from "./scenes.ts";

export interface Entry {
  /** Place in the full list, by which a shortened one is replayed. */
  number: number;
  /** Milliseconds since the beginning. */
  at: number;
  kind: "life" | "order" | "fault";
  what: string;
}

export interface History {
  seed: number;
  ways: Ways;
  rhythm: Rhythm;
  entries: readonly Entry[];
}

export const hourMs = 3_600_000;
/** Things happen until then; what is left of the hour brings everything to rest. */
const busyMs = 50 * 60_000;
/** The first sync has this long for itself, mostly. */
const firstMs = 30_000;

/** All that goes wrong, by name. */
export const troubles = { ...faults, ...scenes, ...feedFaults };

export function planHistory(seed: number): History {
  const chance = chanceOf(seed).fork("plan");
  const ways: Ways = {
    create: chance.pick(["column", "ledger", "probe"]),
    update: chance.pick(["base", "ledger"]),
    message: chance.pick(["column", "ledger", "content"]),
  };
  // Of a chance of its own: the other histories stay as they were before there was a feed.
  const ofFeed = chanceOf(seed).fork("feed");
  const feed = ofFeed.hits(0.4);
  const rhythm: Rhythm = { pollEvery: chance.pick(["10s", "20s", "45s"]), compareEvery: chance.pick(["8m", "12m"]), feed };
  const entries = [
    ...series(chance, "life", chance.whole(80, 120), deeds),
    ...series(chance, "order", chance.whole(5, 14), orders),
    ...series(chance, "fault", chance.whole(2, 7), { ...faults, ...scenes }),
    ...(feed ? series(ofFeed, "fault", ofFeed.whole(2, 6), feedFaults) : []),
  ];
  entries.sort((one, other) => one.at - other.at);
  return { seed, ways, rhythm, entries: entries.map((entry, number) => ({ number, ...entry })) };
}

type Weighted = Readonly<Record<string, { weight: number }>>;

/** Things of one kind, in bursts: what happens at the same time finds more faults than what is spread evenly. */
function series(chance: Chance, kind: Entry["kind"], count: number, of: Weighted): Omit<Entry, "number">[] {
  const names = Object.entries(of).flatMap(([name, { weight }]) => Array.from({ length: weight }, () => name));
  const bursts = Array.from({ length: 6 }, () => chance.between(firstMs, busyMs));
  return Array.from({ length: count }, () => {
    const near = chance.hits(0.6)
      ? chance.pick(bursts) + chance.between(0, 40_000)
      : chance.between(kind === "fault" ? 0 : firstMs, busyMs);
    return { at: Math.min(Math.round(near), busyMs), kind, what: chance.pick(names) };
  });
}
