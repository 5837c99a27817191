/**
 * Remembered marks that tell a restored ERP from one whose newest rows were deleted. Rule:
 *
 * - The remembered rows are looked up after a start, after a failed poll, and whenever no row with the position's mark or a later one is there.
 * - A row that still exists, but no longer with its mark or a later one, went back in time: the history is lost.
 * - If in addition nothing is there at or past the position, and three or more of the newest remembered rows vanished together, the history is lost as
 *   well: a restore takes away all that came after it. (Once newer rows are there, vanished ones may have been deleted one by one.)
 * - Fewer vanished rows (the newest one above all) are deletes like any other: the position goes back to what is there, and reads by key decide.
 *
 * Pure.
 */
import { isLater, type MarkKind } from "./marks.ts";

export interface Sample {
  key: string;
  mark: string;
}

/** A restore that takes away fewer rows can't be told from deletes, and is treated as those. */
const vanishedTogether = 3;
const mostSamples = 16;

/** Samples with the newest sightings taken in; oldest first, one per key. */
export function withSightings(samples: readonly Sample[], sightings: readonly Sample[], kind: MarkKind): Sample[] {
  const marks = new Map(samples.map(({ key, mark }) => [key, mark]));
  for (const { key, mark } of sightings) {
    const before = marks.get(key);
    if (before === undefined || isLater(kind, mark, before)) marks.set(key, mark);
  }
  const all = [...marks].map(([key, mark]) => ({ key, mark }));
  all.sort((one, other) => (isLater(kind, one.mark, other.mark) ? 1 : isLater(kind, other.mark, one.mark) ? -1 : 0));
  return all.slice(-mostSamples);
}

export interface SampleEvidence {
  samples: readonly Sample[];
  kind: MarkKind;
  /** Marks that the source shows now of rows from the oldest sample's mark on. */
  shown: ReadonlyMap<string, string>;
  /** Samples whose row exists, whatever its mark. */
  existing: ReadonlySet<string>;
  /** The source shows a row at or past its position. */
  reached: boolean;
}

export type SampleVerdict = { lost: true; reason: string } | { lost: false };

/** Judges what a source shows against what is remembered of it. */
export function judgeSamples({ samples, kind, shown, existing, reached }: SampleEvidence): SampleVerdict {
  const gone = samples.filter(({ key, mark }) => {
    const now = shown.get(key);
    return now === undefined || isLater(kind, mark, now);
  });
  const wentBack = gone.filter(({ key }) => existing.has(key)).length;
  if (wentBack > 0) return { lost: true, reason: `${wentBack} rows carry an older mark than before` };
  if (reached) return { lost: false };
  let newestGone = 0;
  for (const sample of samples.toReversed()) {
    if (!gone.includes(sample)) break;
    newestGone += 1;
  }
  if (newestGone >= vanishedTogether) return { lost: true, reason: `the ${newestGone} rows changed last are gone at once` };
  return { lost: false };
}
