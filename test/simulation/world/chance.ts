/** Chance of a simulation: one seed, forked by name, so that what one concern draws leaves every other one as it was. */
import type { Random } from "../../../base/time.ts";

export interface Chance {
  /** In [0, 1). */
  next: Random;
  /** Whole number from `low` to `high`, both included. */
  whole(low: number, high: number): number;
  /** Number from `low` to `high`. */
  between(low: number, high: number): number;
  pick<T>(list: readonly T[]): T;
  /** True in `share` of all cases. */
  hits(share: number): boolean;
  /** A generator of its own for another concern. */
  fork(name: string): Chance;
}

/** FNV-1a over the seed and a name. */
function mix(seed: number, name: string): number {
  let hash = (0x811c9dc5 ^ seed) >>> 0;
  for (let index = 0; index < name.length; index++) hash = Math.imul(hash ^ name.charCodeAt(index), 0x01000193) >>> 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b) >>> 0;
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35) >>> 0;
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** mulberry32 behind it: small, and the same on every machine. */
export function chanceOf(seed: number): Chance {
  let state = mix(seed, "first");
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
  return {
    next,
    whole: (low, high) => low + Math.floor(next() * (high - low + 1)),
    between: (low, high) => low + next() * (high - low),
    pick(list) {
      if (list.length === 0) throw new RangeError("pick from an empty list");
      return list[Math.floor(next() * list.length)] as (typeof list)[number];
    },
    hits: (share) => next() < share,
    fork: (name) => chanceOf(mix(seed, name)),
  };
}
