/**
 * Estates that do not take part (`properties:`), and what belongs to them: mapped as if they were cancelled, so that confirming reads, guards and the order of deletes
 * hold for them as for any other. Who is out because of whom is kept, so that what comes back in is read again.
 */
import type { Mapped, Parent } from "../map/mapped.ts";
import type { EntityPlace } from "../store/store.ts";
import type { Room } from "./parts.ts";
import type { Reading, ReadRow } from "./reading.ts";
import type { CapturedSource } from "./source.ts";

/** Types by which an entity has a place in an estate. */
const places: readonly string[] = ["property", "building", "unit"];
/** They stand for themselves, wherever they are responsible or live. */
const alone: readonly string[] = ["person", "teamMember", "serviceProvider", "catalogEntry"];

type Entity = Extract<Mapped, { kind: "entity" }>;
type Faulty = Extract<Mapped, { kind: "faulty" }>;
/** Faults that leave no doubt what else the row refers to. */
const harmless: readonly string[] = ["date-invalid", "code-unknown", "value-invalid"];
/** Codes of rows that are held for what stands in them. */
const ofRows: readonly string[] = [
  ...harmless,
  "lookup-missing",
  "key-empty",
  "expression-failed",
  "reference-invalid",
  "row-unreadable",
];
/** Most entries of a source that are looked at anew when a place goes out. */
const heldAtOnce = 1_000;

/** Readings with what is out as cancelled. In the transaction that takes them; whoever is concerned by a change of that is marked. */
export function withinScope(room: Room, source: CapturedSource, readings: readonly Reading[]): readonly Reading[] {
  const { outOfScope } = room.store;
  const isConcerned = readings.some(({ row }) => row?.mapped.kind === "cancelled" && row.mapped.reason !== undefined);
  if (!isConcerned && !outOfScope.any()) return readings;
  let now = readings;
  let hasLeft = false;
  // One of them may be the parent of another.
  for (let found = true; found; ) {
    found = false;
    now = now.map((reading) => {
      const { row, key } = reading;
      const place = { source: source.mapping.source, key };
      if (row === undefined) return reading;
      const { mapped } = row;
      if (mapped.kind === "cancelled") {
        if (mapped.reason !== undefined && !outOfScope.has(place)) {
          found = outOfScope.put(place, undefined);
          hasLeft ||= room.store.entities.known(place.source, key);
        }
        return reading;
      }
      const because = parentOutside(room, source, mapped);
      if (because === undefined) return reading;
      if (outOfScope.put(place, because)) {
        found = true;
        hasLeft ||= room.store.entities.known(place.source, key);
      }
      return { ...reading, row: asCancelled(row, mapped) };
    });
  }
  for (const { key, row } of now)
    if (row !== undefined && isIn(row.mapped)) comeBack(room, { source: source.mapping.source, key });
  for (const { key, row } of now) if (row?.mapped.kind === "cancelled") wakeWaiting(room, { source: source.mapping.source, key });
  if (hasLeft && places.includes(source.mapping.type)) lookAtHeld(room);
  return now;
}

function parentOutside(
  { store }: Room,
  { mapping }: CapturedSource,
  { kind, parents = [], ...row }: Entity | Faulty,
): Parent | undefined {
  const isOut = (parent: Parent): boolean => store.outOfScope.has(parent);
  const held = parents.find((parent) => parent.missing === "hold" && isOut(parent));
  if (held !== undefined || alone.includes(mapping.type)) return held;
  // What a reference that can't be read names may well be in.
  if (kind === "faulty" && !saysAll(row as Faulty)) return undefined;
  const named = parents.filter(({ type }) => places.includes(type));
  return named.length > 0 && named.every(isOut) ? named[0] : undefined;
}

const saysAll = ({ faults }: Pick<Faulty, "faults">): boolean => faults.every(({ code }) => harmless.includes(code));

/** It refers to nothing that is out, and would have been taken for out else. */
const isIn = (mapped: Mapped): boolean => mapped.kind === "entity" || (mapped.kind === "faulty" && saysAll(mapped));

function asCancelled(row: ReadRow, { id, lookups }: Entity | Faulty): ReadRow {
  const mapped: Mapped = { kind: "cancelled", id, reason: "out-of-scope", ...(lookups === undefined ? {} : { lookups }) };
  return { ...row, mapped, remap: () => mapped };
}

/** It takes part again: what was out because of it is read, once it is there itself. */
function comeBack({ store, clock }: Room, place: EntityPlace): void {
  if (!store.outOfScope.remove(place)) return;
  for (const { source, key } of store.outOfScope.because(place)) {
    store.entities.voidRowDigests(source, key);
    store.pending.mark(source, [key], { now: clock.now(), confirm: false });
  }
}

/** Children that waited for it in quarantine follow it. */
function wakeWaiting({ store, clock }: Room, { source, key }: EntityPlace): void {
  for (const child of store.quarantine.dependents(source, key))
    store.pending.mark(child.source, [child.key], { now: clock.now(), confirm: false });
}

/** A place that the portal held has gone out: what is faulty and was held may belong to it, which nothing but its row says. */
function lookAtHeld({ store, clock, sources }: Room): void {
  for (const { mapping } of sources) {
    if (alone.includes(mapping.type)) continue;
    const held = store.quarantine.list({ source: mapping.source, limit: heldAtOnce });
    const keys = held.filter(({ code }) => ofRows.includes(code)).map(({ key }) => key);
    store.pending.mark(mapping.source, keys, { now: clock.now(), confirm: false });
  }
}
