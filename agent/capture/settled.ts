/** What is noted of a transaction that took readings: deletes of the hour, the source's figures, and of a drain that sent something a line of the journal. */
import type { Store } from "../store/store.ts";
import { countRecent } from "./recent.ts";

interface Noted {
  name: "drain" | "scan";
  /** Epoch ms: when the read began, and now. */
  at: number;
  now: number;
  counts: { sent: number; deleted: number; quarantined: number; unchanged: number };
  /** What was sent, and what was deleted. */
  keys: { sent: readonly string[]; gone: readonly string[] };
}

/** Of few records the journal names the keys, by which `erpfuser trace` finds when each was sent. */
const mostNamed = 20;

export function noteSettled(store: Store, source: string, { name, at, now, counts, keys }: Noted): void {
  const { sent, deleted, quarantined } = counts;
  countRecent(store.meta, { kind: "deletes", source }, { count: deleted, now });
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
