/**
 * The last step before an entity is deleted at the portal. A delete goes out only when nothing that the portal holds refers to the entity, and when the
 * guards believe it; after lost history only a person can let it pass.
 */
import type { Guard, OutboxItem, PendingKey } from "../store/store.ts";
import { lostHistory } from "./lost-history.ts";
import type { Room } from "./parts.ts";
import { recentDeletes } from "./recent-deletes.ts";
import type { CapturedSource } from "./source.ts";

export interface Deletion {
  key: string;
  pending: PendingKey;
  reason: "gone" | "cancelled";
  approved: boolean;
}

/** Most dependents looked at in one go. */
const dependentsAtOnce = 1_000;
/** A parent that must wait for its children is looked at again so much later; its children's deletes wake it sooner. */
const dependentsRetryMs = 60_000;

/** Which deletions pass now; the others are moved to where they wait. Call it in the transaction that sends them. */
export function sortDeletions(room: Room, source: CapturedSource, deletions: readonly Deletion[], now: number): Deletion[] {
  const free = holdBackParents(room, source, deletions, now);
  const approved = free.filter((deletion) => deletion.approved);
  const unapproved = free.filter((deletion) => !deletion.approved);
  if (unapproved.length === 0) return approved;
  const guard = guardFor(room, source, unapproved, now);
  if (guard === undefined) return [...approved, ...unapproved];
  const { pending, guards, entities } = room.store;
  const name = source.mapping.source;
  for (const { key, pending: waiting } of unapproved) {
    pending.advance(name, key, waiting.mark, { stage: "held", notBefore: now, guard: guard.id });
  }
  guards.count(guard.id, pending.heldBy(guard.id).length, entities.count(name));
  return approved;
}

/** Children first: what still has known children waits, and the children are looked at. */
function holdBackParents(room: Room, source: CapturedSource, deletions: readonly Deletion[], now: number): Deletion[] {
  const { entities, pending, quarantine } = room.store;
  const { source: name, type } = source.mapping;
  const going = new Set(deletions.map(({ key }) => key));
  return deletions.filter(({ key, pending: waiting }) => {
    const dependents = entities
      .dependentsOf(name, key, dependentsAtOnce)
      .filter((place) => place.source !== name || !going.has(place.key));
    const first = dependents[0];
    if (first === undefined) return true;
    for (const dependent of dependents) {
      if (pending.get(dependent.source, dependent.key) !== undefined) continue;
      pending.mark(dependent.source, [dependent.key], { now, confirm: false });
    }
    const message = `It is gone from the ERP, but ${dependents.length} entities still refer to it, the first in ${first.source}`;
    const entry = { source: name, key, type, id: source.mapping.idOf(key), code: "has-dependents", field: undefined, message };
    quarantine.put({ ...entry, digest: undefined, since: now, waitsFor: undefined });
    // An approval stays with it; else it goes through the grace stage again.
    const stage = waiting.stage === "approved" ? "approved" : "grace";
    pending.advance(name, key, waiting.mark, { stage, notBefore: now + dependentsRetryMs });
    return false;
  });
}

function guardFor(room: Room, source: CapturedSource, deletions: readonly Deletion[], now: number): Guard | undefined {
  const { store } = room;
  const name = source.mapping.source;
  if (lostHistory(store.meta, name) !== undefined) return store.guards.open(name, "history", now);
  // A key of this commit that was found absent is still among the vanished ones; a cancelled one never was.
  const cancelled = deletions.filter(({ reason }) => reason === "cancelled").length;
  const count = {
    vanishing: store.pending.countVanished(name) + cancelled,
    recent: recentDeletes(store.meta, name, now),
    known: store.entities.count(name),
  };
  if (!room.holdsDeletes(count)) return undefined;
  const guard = store.guards.open(name, "deletes", now);
  if (guard.since === now)
    room.log.warn("Too many deletes: held until they are approved", {
      source: name,
      code: "guard-deletes",
      guard: guard.id,
      count: count.vanishing,
    });
  return guard;
}

/** The item of a deletion. */
export function deleteItem(source: CapturedSource, deletion: Deletion, time: number): OutboxItem {
  const { type } = source.mapping;
  return { op: "delete", type, id: source.mapping.idOf(deletion.key), time, reason: deletion.reason };
}

/** What an entity that goes leaves behind: parents that waited for it may go now. */
export function forgetEntity(room: Room, source: CapturedSource, key: string, now: number): void {
  const { entities, pending, quarantine } = room.store;
  const name = source.mapping.source;
  const parents = entities.parentsOf(name, key);
  entities.remove(name, key);
  entities.setAwaited(name, key, []);
  quarantine.remove(name, key);
  for (const parent of parents) {
    const waiting = pending.get(parent.source, parent.key);
    if (waiting === undefined || (waiting.stage !== "grace" && waiting.stage !== "approved")) continue;
    if (quarantine.get(parent.source, parent.key)?.code !== "has-dependents") continue;
    pending.advance(parent.source, parent.key, waiting.mark, { stage: waiting.stage, notBefore: now });
  }
}
