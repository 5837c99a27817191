/** What a transaction that took readings did, and what is noted of it: deletes of the hour, the source's figures, and of a drain that sent something a line of the journal. */
import type { Store } from "../store/store.ts";
import type { ParentStates } from "./parent-states.ts";
import { countRecent } from "./recent.ts";

export interface SettleOptions {
  /** When the read began, epoch ms: the items' time. */
  at: number;
  now: number;
  bulk: boolean;
  /** Name of the commit. */
  name: "drain" | "scan";
  /** States of parents read in this turn of the event loop, where there are any. */
  parents?: ParentStates;
}

export interface Settled {
  sent: number;
  deleted: number;
  quarantined: number;
  /** Of these, what a person has to mend and nobody was told of yet: not what merely waits for its parent. */
  newlyHeld: number;
  unchanged: number;
  /** Number under which the state of a key travels. */
  seqs: ReadonlyMap<string, number>;
}

interface Noted {
  name: "drain" | "scan";
  /** Epoch ms: when the read began, and now. */
  at: number;
  now: number;
  counts: { sent: number; deleted: number; quarantined: number; unchanged: number };
  /** What was sent, and what was deleted. */
  keys: { sent: readonly string[]; gone: readonly string[] };
  /** Deletes among them that no guard counts: what is gone goes on under another key. */
  expected: number;
}

/** Of few records the journal names the keys, by which `erpfuser trace` finds when each was sent. */
const mostNamed = 20;

export function noteSettled(store: Store, source: string, { name, at, now, counts, keys, expected }: Noted): void {
  const { sent, deleted, quarantined } = counts;
  countRecent(store.meta, { kind: "deletes", source }, { count: deleted - expected, now });
  const { sent: before } = store.sources.get(source);
  store.sources.update(source, { lastSuccessAt: now, sent: before + sent + deleted });
  if (name !== "drain" || sent + deleted + quarantined === 0) return;
  const entry = { at: now, kind: "sync", source, status: "ok", durationMs: now - at } as const;
  const detail: Record<string, string | number> = { ...counts };
  if (keys.sent.length + keys.gone.length <= mostNamed) {
    if (keys.sent.length > 0) detail.keys = keys.sent.join(" ");
    if (keys.gone.length > 0) detail.gone = keys.gone.join(" ");
  }
  store.journal.add({ ...entry, detail });
}
