/** What is noted of a transaction that took readings: deletes of the hour, the source's figures, and of a drain that sent something a line of the journal. */
import type { Store } from "../store/store.ts";
import { countRecent } from "./recent.ts";

interface Noted {
  name: "drain" | "scan";
  /** Epoch ms: when the read began, and now. */
  at: number;
  now: number;
  counts: { sent: number; deleted: number; quarantined: number; unchanged: number };
}

export function noteSettled(store: Store, source: string, { name, at, now, counts }: Noted): void {
  const { sent, deleted, quarantined } = counts;
  countRecent(store.meta, { kind: "deletes", source }, { count: deleted, now });
  const { sent: before } = store.sources.get(source);
  store.sources.update(source, { lastSuccessAt: now, sent: before + sent + deleted });
  if (name !== "drain" || sent + deleted + quarantined === 0) return;
  const entry = { at: now, kind: "sync", source, status: "ok", durationMs: now - at } as const;
  store.journal.add({ ...entry, detail: { ...counts } });
}
