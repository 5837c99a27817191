/**
 * Sources whose history was lost: they are compared in full, and what is found missing is deleted only with a person's approval. A backup may be loaded
 * table by table, so the note of the loss stands until a compare that began long after it finds nothing missing that is left to decide.
 */
import type { Guard, MetaStore, Store } from "../store/store.ts";
import { feedsOf, positionOf } from "./feed-tables.ts";
import type { Room } from "./parts.ts";
import type { CapturedSource } from "./source.ts";

/**
 * So long a backup may go on being loaded without any sign of it: what is compared meanwhile may still be of the old state, and lose rows afterwards.
 * Each further sign of a loss begins it anew.
 */
export const restoreLastsMs = 3_600_000;

const nameOf = (source: string): string => `history-lost.${source}`;
/** When the last complete compare since the loss began, epoch ms. */
const comparedNameOf = (source: string): string => `history-lost-compared.${source}`;

/** Why the history of a source counts as lost, and since when; undefined when it does not. */
export function lostHistory(meta: MetaStore, source: string): string | undefined {
  return meta.get(nameOf(source));
}

export interface HistoryLoss {
  reason: string;
  now: number;
}

/** The time tells a loss from an earlier one of the same kind. */
const noteOf = ({ reason, now }: HistoryLoss): string => `${new Date(now).toISOString()} ${reason}`;
const timeOf = (note: string): number => Date.parse(note.slice(0, note.indexOf(" ")));
const reasonOf = (note: string): string => note.slice(note.indexOf(" ") + 1);

/** Begins anew for a source: no position, no sample, full compare; in one transaction. */
export function noteLostHistory(store: Store, source: CapturedSource, { reason, now }: HistoryLoss): void {
  const name = source.mapping.source;
  store.transaction(() => {
    store.meta.set(nameOf(name), noteOf({ reason, now }));
    store.meta.set(comparedNameOf(name), undefined);
    store.sources.update(name, { comparedAt: undefined });
    for (const signal of [source.cursor, ...source.children.map((child) => child.cursor)]) {
      if (signal === undefined) continue;
      store.sources.setPosition(signal.name, undefined);
      store.sources.setSamples(signal.name, []);
    }
    for (const { signal } of feedsOf(source)) store.sources.setPosition(positionOf(signal.feed), undefined);
    const entry = { at: now, kind: "history", source: name, status: "held", durationMs: undefined } as const;
    store.journal.add({ ...entry, detail: { reason } });
  }, "lost-history");
}

/** A restore puts back every table, also those that show nothing of it. */
export function loseHistory({ store, sources, clock }: Room, reason: string): void {
  const now = clock.now();
  store.transaction(() => {
    for (const source of sources) noteLostHistory(store, source, { reason, now });
  }, "lost-history");
}

/** To be called in the transaction that completes a full compare, with the time at which it began. */
export function noteCompared(meta: MetaStore, source: string, beganAt: number): void {
  const note = lostHistory(meta, source);
  if (note === undefined) return;
  // The clock was set back since: the hour counts from here.
  if (beganAt < timeOf(note)) meta.set(nameOf(source), noteOf({ reason: reasonOf(note), now: beganAt }));
  meta.set(comparedNameOf(source), String(beganAt));
}

/**
 * To be called when the keys of a source were read, and after its full compare: a guard whose rows have all returned goes, and the note of lost history is
 * taken back once a compare says so, and nothing missing waits any more.
 */
export function settleGuards(store: Store, source: string): void {
  const open = store.guards.list().filter((guard) => guard.source === source && guard.state === "open");
  for (const guard of open) if (guard.count === 0 && stillWaiting(store, guard) === 0) store.guards.remove(guard.id);
  if (!isRestoreOver(store, source)) return;
  const undecided = open.some((guard) => guard.kind === "history" && guard.count > 0);
  if (undecided || store.pending.count(source) > 0) return;
  store.transaction(() => {
    store.meta.set(nameOf(source), undefined);
    store.meta.set(comparedNameOf(source), undefined);
  }, "lost-history");
}

/** Of its kind: what was held and is read anew comes back under the same guard. */
function stillWaiting({ pending }: Store, { source, kind }: Guard): number {
  return kind === "emptied" || kind === "moved" ? pending.countSuspected(source, kind) : pending.countVanished(source);
}

/** Compared in full long enough after the loss. */
function isRestoreOver({ meta, sources }: Store, source: string): boolean {
  const note = lostHistory(meta, source);
  const beganAt = meta.get(comparedNameOf(source));
  if (note === undefined || beganAt === undefined || sources.get(source).comparedAt === undefined) return false;
  return Number(beganAt) >= timeOf(note) + restoreLastsMs;
}
