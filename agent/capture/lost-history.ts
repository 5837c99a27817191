/**
 * Sources whose history was lost: they are compared in full, and what that compare finds missing is deleted only with a person's approval. The note
 * stands until nothing missing is left to decide, or the decision is made.
 */
import type { MetaStore, Store } from "../store/store.ts";
import type { CapturedSource } from "./source.ts";

const nameOf = (source: string): string => `history-lost.${source}`;

/** Why the history of a source counts as lost; undefined when it does not. */
export function lostHistory(meta: MetaStore, source: string): string | undefined {
  return meta.get(nameOf(source));
}

export interface HistoryLoss {
  reason: string;
  now: number;
}

/** Begins anew for a source: no position, no sample, full compare; in one transaction. */
export function noteLostHistory(store: Store, source: CapturedSource, { reason, now }: HistoryLoss): void {
  const name = source.mapping.source;
  store.transaction(() => {
    // The time tells this loss from an earlier one of the same kind.
    store.meta.set(nameOf(name), `${reason} (${new Date(now).toISOString()})`);
    store.sources.update(name, { comparedAt: undefined });
    for (const signal of [source.cursor, ...source.children.map((child) => child.cursor)]) {
      if (signal === undefined) continue;
      store.sources.setPosition(signal.name, undefined);
      store.sources.setSamples(signal.name, []);
    }
    const entry = { at: now, kind: "history", source: name, status: "held", durationMs: undefined } as const;
    store.journal.add({ ...entry, detail: { reason } });
  }, "lost-history");
}

/**
 * To be called when the keys of a source were read: a guard whose rows have all returned goes, and the note of lost history is taken back once the full
 * compare is through and nothing missing waits any more.
 */
export function settleGuards(store: Store, source: string): void {
  const open = store.guards.list().filter((guard) => guard.source === source && guard.state === "open");
  for (const guard of open) if (guard.count === 0) store.guards.remove(guard.id);
  if (lostHistory(store.meta, source) === undefined || store.sources.get(source).comparedAt === undefined) return;
  const undecided = open.some((guard) => guard.kind === "history" && guard.count > 0);
  if (!undecided && store.pending.count(source) === 0) store.meta.set(nameOf(source), undefined);
}
