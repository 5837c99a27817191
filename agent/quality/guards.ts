/** When deletes are too many to be believed without a person's word (operations.md, "Guards"). Pure. */

export interface GuardLimits {
  /** More deletes than this within one pass or a sliding hour are held. */
  rows: number;
  /** More than this share of a source, in percent, likewise. */
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

/** A share says nothing of a handful of rows: two of three code entries may well go. */
const percentFrom = 10;

/** True when what vanishes must wait for approval. */
export function exceedsGuard(limits: GuardLimits, count: DeleteCount): boolean {
  const deleted = count.vanishing + count.recent;
  if (count.vanishing === 0) return false;
  if (deleted > limits.rows) return true;
  return deleted > percentFrom && deleted * 100 > limits.percent * (count.known + count.recent);
}
