/**
 * Rows seen within the overlap of a cursor column, so that each is marked once and not at every poll. In memory only: after a restart they are all
 * marked again, which costs reads and loses nothing.
 *
 * A column of whole seconds (or days) can't tell two changes within one second apart, and the second may be committed long after the first was
 * read. So such a row is marked again once its overlap has passed; of a day's grain every so often while it is still seen.
 */
import type { Clock } from "../../base/time.ts";

export interface SeenMarks {
  /** Whether this sighting is news. */
  isNew(key: string, mark: string): boolean;
  /** Keys to be read again because of a coarse grain; each is named once per sighting. */
  takeRechecks(): string[];
}

interface Sighting {
  mark: string;
  /** Monotonic ms. */
  at: number;
}

/** Beyond, the oldest are forgotten: they may be marked once more. */
const mostSightings = 50_000;
const dayGrainRecheckMs = 600_000;

export interface SeenMarksOptions {
  clock: Clock;
  grain: "second" | "day" | "fraction";
  /** The column's overlap, ms; of no meaning for a sequence. */
  overlapMs: number;
}

export function createSeenMarks({ clock, grain, overlapMs }: SeenMarksOptions): SeenMarks {
  const sightings = new Map<string, Sighting>();
  /** Keys that are to be read again, and when they were sighted; oldest first. */
  const owed = new Map<string, number>();
  return {
    isNew(key, mark) {
      const seen = sightings.get(key);
      const now = clock.monotonic();
      if (seen !== undefined && seen.mark === mark) {
        if (grain !== "day" || now - seen.at < dayGrainRecheckMs) return false;
        seen.at = now;
        return true;
      }
      // Deleted first: a Map keeps the order of insertion, the oldest in front.
      sightings.delete(key);
      sightings.set(key, { mark, at: now });
      if (sightings.size > mostSightings) sightings.delete(sightings.keys().next().value as string);
      if (grain !== "second") return true;
      owed.delete(key);
      owed.set(key, now);
      if (owed.size > mostSightings) owed.delete(owed.keys().next().value as string);
      return true;
    },
    takeRechecks() {
      const due: string[] = [];
      const before = clock.monotonic() - overlapMs;
      for (const [key, at] of owed) {
        if (at > before) break;
        due.push(key);
        owed.delete(key);
      }
      return due;
    },
  };
}
