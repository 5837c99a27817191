/**
 * How many entities of a source were deleted within the last hour, the minute in which it began included; kept in the store, for a restart must not open a
 * guard's gate.
 */
import type { MetaStore } from "../store/store.ts";

const minuteMs = 60_000;
const windowMinutes = 60;

/** Pairs of minute (since the epoch) and count. */
type Buckets = [minute: number, count: number][];

const nameOf = (source: string): string => `deletes.${source}`;

function read(meta: MetaStore, source: string, now: number): Buckets {
  const text = meta.get(nameOf(source));
  if (text === undefined) return [];
  const oldest = Math.floor(now / minuteMs) - windowMinutes;
  return (JSON.parse(text) as Buckets).filter(([minute]) => minute >= oldest);
}

export function recentDeletes(meta: MetaStore, source: string, now: number): number {
  return read(meta, source, now).reduce((sum, [, count]) => sum + count, 0);
}

/** Call it in the transaction that deletes. */
export function countDeletes(meta: MetaStore, source: string, deleted: { count: number; now: number }): void {
  if (deleted.count === 0) return;
  const buckets = read(meta, source, deleted.now);
  const minute = Math.floor(deleted.now / minuteMs);
  const last = buckets.at(-1);
  if (last?.[0] === minute) last[1] += deleted.count;
  else buckets.push([minute, deleted.count]);
  meta.set(nameOf(source), JSON.stringify(buckets));
}
