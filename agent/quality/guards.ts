/** When changes are too many to be believed without a person's word (operations.md, "Guards"). Pure. */

export interface GuardLimits {
  /** More than this within one pass or a sliding hour are held. */
  rows: number;
  /** This share of a source, in percent, or more, likewise. */
  percent: number;
}

export interface DeleteCount {
  /** Entities of the source found absent and not deleted yet. */
  vanishing: number;
  /** Deleted within the last hour. */
  recent: number;
  /** Entities of the source that the portal holds, the vanishing ones included. */
  known: number;
}

/** A share says nothing of one or two: the last two rows of a source may well go. */
const percentFrom = 3;

/** True when what vanishes must wait for approval. */
export function exceedsGuard(limits: GuardLimits, count: DeleteCount): boolean {
  const deleted = count.vanishing + count.recent;
  if (count.vanishing === 0) return false;
  if (deleted > limits.rows) return true;
  return deleted >= percentFrom && deleted * 100 >= limits.percent * (count.known + count.recent);
}
