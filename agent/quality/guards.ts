/** When changes are too many to be believed without a person's word (operations.md, "Guards"). Pure. */

export interface GuardLimits {
  /** More than this within one pass or a sliding hour are held. */
  rows: number;
  /** This share of a source, in percent, or more, likewise. */
  percent: number;
}

/** Deletes, entities that lose a value, or entities that get another parent. */
export interface GuardCount {
  /** Entities of the source of which it is known, and nothing sent yet. */
  waiting: number;
  /** Sent within the last hour. */
  recent: number;
  /** Entities of the source that the portal held before any of these were sent. */
  of: number;
}

/** A share says nothing of one or two: the last two rows of a source may well go. */
const percentFrom = 3;

/** True when what waits must go on waiting for approval. */
export function exceedsGuard(limits: GuardLimits, { waiting, recent, of }: GuardCount): boolean {
  const all = waiting + recent;
  if (waiting === 0) return false;
  if (all > limits.rows) return true;
  return all >= percentFrom && all * 100 >= limits.percent * of;
}
