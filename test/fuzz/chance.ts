/**
 * Chance as a row of small whole numbers: a seed gives them, and whoever keeps them can replay and shrink whatever was made of them, without knowing
 * what that was. Zero is the simplest choice everywhere.
 */
import { seededRandom } from "../support/erp/random.ts";

export interface Chance {
  /** Whole number from 0 to `limit` - 1. */
  below(limit: number): number;
  /** True once in `times` on average. */
  oneIn(times: number): boolean;
  /** From `low` to `high`, both included. */
  between(low: number, high: number): number;
  pick<T>(list: readonly T[]): T;
  /** Some of a list, in its order. */
  some<T>(list: readonly T[]): T[];
  /** Random bytes: one draw for four of them. */
  bytes(count: number): Buffer;
}

/** The seed of case `number` of a run. */
export function caseSeed(seed: number, number: number): number {
  return (Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) + Math.imul(number + 1, 0xc2b2ae35)) >>> 0;
}

export function chanceOf(seed: number): Chance {
  const random = seededRandom(seed);
  return from((limit) => Math.floor(random() * limit));
}

/** The same, and the choices made so far. */
export function recordedChance(seed: number): { chance: Chance; choices: number[] } {
  const random = seededRandom(seed);
  const choices: number[] = [];
  const chance = from((limit) => {
    const choice = Math.floor(random() * limit);
    choices.push(choice);
    return choice;
  });
  return { chance, choices };
}

/** Chance that makes these choices, and the simplest ones once they are used up. */
export function replayedChance(choices: readonly number[]): Chance {
  let at = 0;
  return from((limit) => Math.min(choices[at++] ?? 0, limit - 1));
}

function from(below: (limit: number) => number): Chance {
  return {
    below,
    oneIn: (times) => below(times) === times - 1,
    between: (low, high) => low + below(high - low + 1),
    pick<T>(list: readonly T[]): T {
      if (list.length === 0) throw new RangeError("pick from an empty list");
      return list[below(list.length)] as T;
    },
    some: (list) => list.filter(() => below(2) === 1),
    bytes(count) {
      const made = Buffer.alloc(Math.ceil(count / 4) * 4);
      for (let at = 0; at < made.length; at += 4) made.writeUInt32LE(below(2 ** 32), at);
      return made.subarray(0, count);
    },
  };
}
