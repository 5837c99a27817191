/**
 * Rows seen within the overlap of a cursor column, so that each is marked once and not at every poll. Only what polls still show is remembered. In
 * memory only: after a restart they are all marked again, which costs reads and loses nothing.
 *
 * A column of whole seconds (or days) can't tell two changes within one second apart, and the second may be committed long after the first was
 * read. So such a row is marked again once its overlap has passed; of a day's grain every so often while it is still seen.
 */
import type { Clock } from "../../base/time.ts";

export interface SeenMarks {
  /** A poll of the whole overlap begins: what neither the last one nor anything since has shown is forgotten. */
  beginWhole(): void;
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
  /** Seen since the last poll of the whole overlap began, and in the time between that one and the one before. */
  let latest = new Map<string, Sighting>();
  let earlier = new Map<string, Sighting>();
  /** Keys that are to be read again, and when they were sighted; oldest first. */
  const owed = new Map<string, number>();
  const remember = (key: string, sighting: Sighting): void => {
    // Deleted first: a Map keeps the order of insertion, the oldest in front.
    latest.delete(key);
    latest.set(key, sighting);
    if (latest.size > mostSightings) latest.delete(latest.keys().next().value as string);
  };
  return {
    beginWhole() {
      earlier = latest;
      latest = new Map();
    },
    isNew(key, mark) {
      const seen = latest.get(key) ?? earlier.get(key);
      const now = clock.monotonic();
      if (seen !== undefined && seen.mark === mark) {
        if (!latest.has(key)) remember(key, seen);
        if (grain !== "day" || now - seen.at < dayGrainRecheckMs) return false;
        seen.at = now;
        return true;
      }
      remember(key, { mark, at: now });
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
