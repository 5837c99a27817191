/**
 * The last step before an entity is deleted at the portal. A delete goes out only when nothing that the portal holds refers to the entity, and when the
 * guards believe it; after lost history only a person can let it pass.
 */
import type { EntityPlace, Guard, OutboxItem, PendingKey } from "../store/store.ts";
import { keptCode } from "./decisions.ts";
import { forgetLookups } from "./lookup-uses.ts";
import { lostHistory } from "./lost-history.ts";
import type { Room } from "./parts.ts";
import { recentOf } from "./recent.ts";
import type { CapturedSource } from "./source.ts";
import { arrivalOf, mayWait } from "./suspects.ts";
import { wakeParents } from "./wake.ts";

export interface Deletion {
  key: string;
  pending: PendingKey;
  reason: "gone" | "cancelled" | "out-of-scope" | "renumbered" | "merged";
  /** By a person, or it goes on under another key. */
  approved: boolean;
}

/** Most dependents looked at in one go: more than one commit can delete. */
const dependentsAtOnce = 1_000;
/** Entries of the quarantine looked at together. */
const heldAtOnce = 1_000;
/** A parent that must wait for its children is looked at again so much later; what becomes of its children wakes it sooner. */
const dependentsRetryMs = 60_000;
/** The same where nobody knows yet what refers to it: nothing wakes it. */
const strangersRetryMs = 5_000;

/** Which deletions pass now, children before their parents; the others are moved to where they wait. Call it in the transaction that sends them. */
export function sortDeletions(room: Room, source: CapturedSource, deletions: readonly Deletion[], now: number): Deletion[] {
  const known = dependentsOf(room, source, deletions);
  const free = holdBackParents(room, source, { deletions, known, now });
  const unapproved = free.filter((deletion) => !deletion.approved);
  const name = source.mapping.source;
  const guard = unapproved.length === 0 ? undefined : guardFor(room, source, unapproved, now);
  const waits = new Set(guard === undefined ? stillArriving(room, name, unapproved, now) : unapproved);
  if (waits.size === 0) return childrenFirst(free, known, name);
  if (guard !== undefined) {
    const { pending, guards, entities } = room.store;
    for (const { key, pending: waiting } of waits)
      pending.advance(name, key, waiting.mark, { stage: "held", notBefore: now, guard: guard.id });
    guards.outOf(guard.id, entities.count(name));
  }
  const rest = free.filter((deletion) => !waits.has(deletion));
  // A child among those that wait now holds its parent back, approved or not.
  return childrenFirst(holdBackParents(room, source, { deletions: rest, known, now }), known, name);
}

/** Deletions that wait for others, signalled with them and not read twice yet: a guard counts them all before the first goes. */
function stillArriving({ store }: Room, source: string, deletions: readonly Deletion[], now: number): readonly Deletion[] {
  const until = deletions.length === 0 ? undefined : arrivalOf(store, source, now);
  if (until === undefined) return [];
  const waits = deletions.filter(
    ({ pending: { stage }, pending }) => (stage === "confirm" || stage === "suspect") && mayWait(pending, now),
  );
  for (const { key, pending } of waits)
    store.pending.advance(source, key, pending.mark, { stage: pending.stage, notBefore: until });
  return waits;
}

/** What refers to each of the keys. */
type Dependents = ReadonlyMap<string, readonly EntityPlace[]>;

interface Candidates {
  deletions: readonly Deletion[];
  known: Dependents;
  now: number;
}

function dependentsOf({ store }: Room, { mapping }: CapturedSource, deletions: readonly Deletion[]): Dependents {
  const keys = deletions.map(({ key }) => key);
  const found = store.entities.dependentsOf(mapping.source, keys, dependentsAtOnce);
  return new Map(keys.map((key, index) => [key, found[index] as readonly EntityPlace[]]));
}

/** Children first: what still has children that do not go with it waits, and the children are looked at. */
function holdBackParents(room: Room, source: CapturedSource, { deletions, known, now }: Candidates): Deletion[] {
  if (deletions.length === 0) return [];
  const name = source.mapping.source;
  const stranger = sourceOfStrangers(room, source);
  if (stranger !== undefined) {
    const message = `It is gone from the ERP, but entities of ${stranger} that may refer to it were not looked at yet`;
    for (const deletion of deletions) wait(room, source, { deletion, message, until: now + strangersRetryMs, now });
    return [];
  }
  const going = new Set(deletions.map(({ key }) => key));
  const stays = (place: EntityPlace): boolean => place.source !== name || !going.has(place.key);
  for (let before = Number.POSITIVE_INFINITY; going.size < before; ) {
    before = going.size;
    for (const key of going) if (known.get(key)?.some(stays)) going.delete(key);
  }
  return deletions.filter((deletion) => {
    if (going.has(deletion.key)) return true;
    const staying = known.get(deletion.key)?.filter(stays) ?? [];
    lookAt(room, staying, now);
    const message = `It is gone from the ERP, but ${staying.length} entities still refer to it, the first in ${staying[0]?.source}`;
    wait(room, source, { deletion, message, until: now + dependentsRetryMs, now });
    return false;
  });
}

/**
 * A source that may refer to this one, with entities that only the portal's inventory has named so far: what they refer to is not known before they
 * were read, or found gone and deleted. What can't be read keeps its parents for as long; what a person keeps does not.
 */
function sourceOfStrangers({ store, sources }: Room, { mapping }: CapturedSource): string | undefined {
  const later = sources.filter((source) => source.mapping.rank > mapping.rank).map((source) => source.mapping.source);
  return later.find((name) => {
    const { reconciled, comparedAt } = store.sources.get(name);
    // Before its inventory is taken it is not even known what the portal holds of it.
    if (!reconciled) return true;
    return store.entities.hasStrangers(name, comparedAt === undefined ? "any" : "pending") || holdsStranger(store, name);
  });
}

function holdsStranger({ entities, quarantine }: Room["store"], source: string): boolean {
  if (!entities.hasStrangers(source, "any")) return false;
  for (let offset = 0; ; offset += heldAtOnce) {
    const held = quarantine.list({ source, limit: heldAtOnce, offset });
    if (held.some(({ key, code }) => code !== keptCode && entities.isStranger(source, key))) return true;
    if (held.length < heldAtOnce) return false;
  }
}

/** Few keys at a time would slip below a guard: what a person has just kept is left to the next compare, which asks again for all of it. */
function lookAt({ store }: Room, dependents: readonly EntityPlace[], now: number): void {
  const { pending, guards } = store;
  const latest = new Map(
    guards
      .list()
      .filter(({ kind }) => kind === "deletes" || kind === "history")
      .toSorted((one, other) => one.id - other.id)
      .map((guard) => [guard.source, guard.state]),
  );
  for (const { source, key } of dependents) {
    if (latest.get(source) === "rejected" || pending.get(source, key) !== undefined) continue;
    pending.mark(source, [key], { now, confirm: false });
  }
}

interface Waiting {
  deletion: Deletion;
  message: string;
  until: number;
  now: number;
}

function wait({ store }: Room, { mapping }: CapturedSource, { deletion, message, until, now }: Waiting): void {
  const { source, type } = mapping;
  const { key, pending: waiting } = deletion;
  const entry = { source, key, type, id: mapping.idOf(key), code: "has-dependents", field: undefined, message };
  store.quarantine.put({ ...entry, digest: undefined, since: now, waitsFor: undefined });
  // An approval stays with it; else it goes through the grace stage again.
  const stage = waiting.stage === "approved" ? "approved" : "grace";
  store.pending.advance(source, key, waiting.mark, { stage, notBefore: until });
}

/** Also within one source: a building and its entrances. */
function childrenFirst(deletions: readonly Deletion[], known: Dependents, source: string): Deletion[] {
  const byKey = new Map(deletions.map((deletion) => [deletion.key, deletion]));
  const ordered = new Set<Deletion>();
  const begun = new Set<string>();
  const visit = (key: string): void => {
    const deletion = byKey.get(key);
    // Entities that refer to each other in a ring have no order.
    if (deletion === undefined || begun.has(key)) return;
    begun.add(key);
    for (const child of known.get(key) ?? []) if (child.source === source) visit(child.key);
    ordered.add(deletion);
  };
  for (const { key } of deletions) visit(key);
  return [...ordered];
}

function guardFor(room: Room, source: CapturedSource, deletions: readonly Deletion[], now: number): Guard | undefined {
  const { store } = room;
  const name = source.mapping.source;
  if (lostHistory(store.meta, name) !== undefined) return store.guards.open(name, "history", now);
  if (source.mapping.saidByFile) return undefined;
  // A key of this commit that was suspected is still among the vanished ones; one that a command has cancelled never was.
  const cancelled = deletions.filter(({ pending: { stage } }) => stage === "marked").length;
  const recent = recentOf(store.meta, { kind: "deletes", source: name }, now);
  const waiting = store.pending.countVanished(name) - store.successions.countVanished(name) + cancelled;
  if (!room.exceedsGuard("deletes", { waiting, recent, of: store.entities.count(name) + recent })) return undefined;
  const guard = store.guards.open(name, "deletes", now);
  if (guard.since === now)
    room.log.warn("Too many deletes: held until they are approved", {
      source: name,
      code: "guard-deletes",
      guard: guard.id,
      count: waiting,
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
  const { entities, quarantine } = room.store;
  const name = source.mapping.source;
  const parents = entities.parentsOf(name, key);
  entities.remove(name, key);
  entities.setAwaited(name, key, []);
  quarantine.remove(name, key);
  room.judging?.of(source)?.gone(key);
  forgetLookups(room, source, key);
  room.store.reuses.gone(name, key);
  wakeParents(room.store, parents, now);
}
