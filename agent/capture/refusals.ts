/**
 * What the portal refused of an ack's items. A refused state stays in quarantine with its digest, and is sent again when it changes, is released, or its
 * parent has arrived; nothing of other entities is delayed.
 */
import { splitId } from "../../base/key.ts";
import type { Refusal } from "../../protocol/messages.ts";
import type { EntityPlace, OutboxStore, QuarantineEntry } from "../store/store.ts";
import type { Room } from "./parts.ts";
import type { CapturedSource } from "./source.ts";

const defaultRetryMs = 60_000;
/** A parent that we hold for known is sent again for a child that misses it, but not over and over. */
const resendParentMs = 3_600_000;
const mostRemembered = 10_000;

type RefusedItem = NonNullable<ReturnType<OutboxStore["itemAt"]>>;

export type ApplyRefusals = (refused: readonly Refusal[]) => void;

/** Must be called before the outbox drops the acked frames, best in the same transaction: they name what was refused. */
export function createRefusals(room: Room): ApplyRefusals {
  const { store, clock, log } = room;
  const resent = new Map<string, number>();

  const refuse = (refusal: Refusal, item: RefusedItem | undefined, latest: number | undefined): void => {
    const place = item && placeOf(room, item.type, item.id);
    if (item === undefined || place === undefined) {
      log.warn("The portal refused an item that is no longer known here", { code: "refused-unknown", seq: refusal.seq });
      return;
    }
    // A later item of the same entity replaces this one, and gets an answer of its own.
    if (latest !== undefined && latest > refusal.seq) return;
    const { source, key } = place;
    const name = source.mapping.source;
    if (source.mapping.idOf(key) !== item.id) return refuseEnded(place, item.id, refusal);
    const digest = store.entities.get(name, key)?.entityDigest;
    forgetSent(room, name, key);
    const now = clock.now();
    if (refusal.code === "later") {
      store.pending.mark(name, [key], { now, confirm: false });
      const mark = store.pending.get(name, key)?.mark as number;
      store.pending.advance(name, key, mark, { stage: "marked", notBefore: now + (refusal.retryAfterMs ?? defaultRetryMs) });
      return;
    }
    const waitsFor = refusal.code === "unknown-parent" ? missingParent(room, name, key) : undefined;
    const onItsWay = waitsFor !== undefined && sentBehind(room, waitsFor, refusal.seq);
    const code = `refused-${refusal.code}`;
    // Its parent follows it in the outbox already: the same state may go right behind.
    const refused = { digest: onItsWay ? undefined : digest, waitsFor: onItsWay ? undefined : waitsFor };
    const reason = { code, field: undefined, message: refusal.reason, ...refused } satisfies Partial<QuarantineEntry>;
    store.quarantine.put({ source: name, key, type: item.type, id: item.id, since: now, ...reason });
    if (onItsWay) store.pending.mark(name, [key], { now, confirm: false });
    else if (waitsFor !== undefined) resendParents(name, key, now);
    const entry = { at: now, kind: "sync", source: name, status: "refused", durationMs: undefined } as const;
    store.journal.add({ ...entry, detail: { id: item.id, code, seq: refusal.seq } });
    log.warn("The portal refused an entity", { source: name, code, id: item.id });
  };

  /** Of a key that was reused meanwhile: how it ended is told again where that may help. */
  const refuseEnded = ({ source, key }: { source: CapturedSource; key: string }, id: string, refusal: Refusal): void => {
    const name = source.mapping.source;
    log.warn("The portal refused an entity", { source: name, code: `refused-${refusal.code}`, id });
    if (refusal.code === "invalid" || !store.reuses.owe(name, key, splitId(id).generation)) return;
    if (store.pending.get(name, key) !== undefined) return;
    store.pending.mark(name, [key], { now: clock.now(), confirm: false });
    const mark = store.pending.get(name, key)?.mark as number;
    const notBefore = clock.now() + (refusal.retryAfterMs ?? defaultRetryMs);
    store.pending.advance(name, key, mark, { stage: "marked", notBefore });
  };

  /** The portal does not say which one it misses. */
  const resendParents = (source: string, key: string, now: number): void => {
    for (const parent of store.entities.parentsOf(source, key)) resendParent(parent, now);
  };

  const resendParent = (parent: EntityPlace, now: number): void => {
    if (store.quarantine.get(parent.source, parent.key) !== undefined) return;
    const name = `${parent.source}\n${parent.key}`;
    if (now - (resent.get(name) ?? Number.NEGATIVE_INFINITY) < resendParentMs) return;
    if (resent.size >= mostRemembered) resent.clear();
    resent.set(name, now);
    forgetSent(room, parent.source, parent.key);
    // One that the portal wants later is read when its time has come.
    if (store.pending.get(parent.source, parent.key) === undefined)
      store.pending.mark(parent.source, [parent.key], { now, confirm: false });
  };

  return (refused) => {
    if (refused.length === 0) return;
    store.transaction(() => {
      const items = refused.map(({ seq }) => store.outbox.itemAt(seq));
      const known = items.filter((item) => item !== undefined);
      const latest = new Map(store.outbox.latestSeqs(known).map((seq, index) => [known[index], seq]));
      for (const [index, refusal] of refused.entries()) refuse(refusal, items[index], latest.get(items[index]));
    }, "refusals");
  };
}

/** The digest of no state. */
const unsent = 0n;

/**
 * The portal may hold an older state or none: the digest must equal no state that could be sent again, and the entity must still count as known, so that
 * its delete is sent.
 */
function forgetSent(room: Room, source: string, key: string): void {
  room.store.entities.put(source, key, { rowDigest: undefined, entityDigest: unsent });
  if (room.store.successions.any([source])) room.store.successions.owe({ source, key });
}

/**
 * The parent to wait for: one that is parked itself, else one that the portal wants later, else the one that is sent last: then all of them have been sent
 * when it has.
 */
function missingParent({ store, byName }: Room, source: string, key: string): EntityPlace | undefined {
  const rank = (parent: EntityPlace): number => byName.get(parent.source)?.mapping.rank ?? -1;
  const parents = store.entities.parentsOf(source, key).toSorted((one, other) => rank(other) - rank(one));
  const parked = parents.find((parent) => store.quarantine.get(parent.source, parent.key) !== undefined);
  return parked ?? parents.find((parent) => store.pending.get(parent.source, parent.key) !== undefined) ?? parents[0];
}

/** An item of the parent lies in the outbox behind this number. */
function sentBehind({ store, byName }: Room, { source, key }: EntityPlace, seq: number): boolean {
  const mapping = byName.get(source)?.mapping;
  const sent = mapping && store.outbox.seqOf(mapping.type, mapping.idOf(key));
  return sent !== undefined && sent > seq;
}

function placeOf(room: Room, type: string, id: string): { source: CapturedSource; key: string } | undefined {
  for (const source of room.sources) {
    if (source.mapping.type !== type) continue;
    const key = source.mapping.keyOf(id);
    if (key !== undefined) return { source, key };
  }
  return undefined;
}
