/**
 * Tells a feed that says nothing of a table from a table that does not change: by marks of the tables, looked at every so often. A mark may change without
 * any row of ours (another schema, a transaction that was rolled back), so a suspicion is acted upon only so often.
 */
import type { Clock } from "../../base/time.ts";

/** After a table was found silent, the next time is at the earliest so much later. */
const againAfterMs = 900_000;

interface Watched {
  mark: string | undefined;
  /** How often something was told of it; at the last look; and when its mark was found to have changed without. */
  told: number;
  toldAtLook: number;
  suspectedAt: number | undefined;
  silent: boolean;
  /** It is to be compared as soon as the last time is long enough ago. */
  owed: boolean;
  quietUntil: number;
}

export interface Silence {
  /** The feed told something of these tables. */
  told(tables: Iterable<number>): void;
  /**
   * Marks as they are now, by table. Returns the tables to be said and compared: those that changed by the look before, and of which nothing was told until
   * this one; and with them those that changed since, for what is silent of one table may be so of others.
   */
  look(marks: readonly (string | undefined)[]): readonly number[];
  /** Tables that were found silent, and of which nothing was told since. */
  silent(): readonly number[];
}

export function createSilence(tables: number, clock: Pick<Clock, "monotonic">): Silence {
  const watched = Array.from(
    { length: tables },
    (): Watched => ({
      ...{ mark: undefined, told: 0, toldAtLook: 0, suspectedAt: undefined, silent: false, owed: false },
      quietUntil: Number.NEGATIVE_INFINITY,
    }),
  );
  /** Whether it is silent for certain. */
  const isSilent = (one: Watched, mark: string | undefined): boolean => {
    const changed = one.mark !== undefined && mark !== undefined && mark !== one.mark;
    const quiet = one.told === one.toldAtLook;
    const before = one.suspectedAt;
    one.suspectedAt = changed && quiet ? one.told : undefined;
    one.mark = mark ?? one.mark;
    one.toldAtLook = one.told;
    return before !== undefined && before === one.told;
  };
  return {
    told(indexes) {
      for (const index of indexes) {
        const one = watched[index];
        if (one === undefined) continue;
        one.told += 1;
        one.silent = false;
      }
    },
    look(marks) {
      const now = clock.monotonic();
      const found = watched.filter((one, index) => isSilent(one, marks[index]));
      const alike = found.length === 0 ? [] : watched.filter((one) => one.suspectedAt !== undefined);
      for (const one of [...found, ...alike]) one.silent = one.owed = true;
      return watched.flatMap((one, index) => {
        if (now < one.quietUntil) return [];
        if (!one.owed) {
          one.silent = false;
          return [];
        }
        one.owed = false;
        one.quietUntil = now + againAfterMs;
        return [index];
      });
    },
    silent: () => watched.flatMap((one, index) => (one.silent ? [index] : [])),
  };
}
