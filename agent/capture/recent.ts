/**
 * How many entities of a source were deleted, lost a value or got another parent within the last hour, the minute in which it began included; kept in the store, for a
 * restart must not open a guard's gate.
 */
import type { MetaStore } from "../store/store.ts";
import type { GuardedKind } from "./parts.ts";

const minuteMs = 60_000;
const windowMinutes = 60;

/** Pairs of minute (since the epoch) and count. */
type Buckets = [minute: number, count: number][];

/** What is counted, and of which source. */
export interface Counted {
  kind: GuardedKind;
  source: string;
}

const nameOf = ({ kind, source }: Counted): string => `${kind}.${source}`;

function read(meta: MetaStore, counted: Counted, now: number): Buckets {
  const text = meta.get(nameOf(counted));
  if (text === undefined) return [];
  const oldest = Math.floor(now / minuteMs) - windowMinutes;
  return (JSON.parse(text) as Buckets).filter(([minute]) => minute >= oldest);
}

export function recentOf(meta: MetaStore, counted: Counted, now: number): number {
  return read(meta, counted, now).reduce((sum, [, count]) => sum + count, 0);
}

/** Call it in the transaction that sends them. */
export function countRecent(meta: MetaStore, counted: Counted, sent: { count: number; now: number }): void {
  if (sent.count === 0) return;
  const buckets = read(meta, counted, sent.now);
  const minute = Math.floor(sent.now / minuteMs);
  const last = buckets.at(-1);
  if (last?.[0] === minute) last[1] += sent.count;
  else buckets.push([minute, sent.count]);
  meta.set(nameOf(counted), JSON.stringify(buckets));
}
