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

/** Readings with what is out as cancelled. In the transaction that takes them; whoever is concerned by a change of that is marked. */
export function withinScope(room: Room, source: CapturedSource, readings: readonly Reading[]): readonly Reading[] {
  const { outOfScope } = room.store;
  const isConcerned = readings.some(({ row }) => row?.mapped.kind === "cancelled" && row.mapped.reason !== undefined);
  if (!isConcerned && !outOfScope.any()) return readings;
  let now = readings;
  // One of them may be the parent of another.
  for (let found = true; found; ) {
    found = false;
    now = now.map((reading) => {
      const { row, key } = reading;
      const place = { source: source.mapping.source, key };
      if (row === undefined) return reading;
      const { mapped } = row;
      if (mapped.kind === "cancelled") {
        if (mapped.reason !== undefined && !outOfScope.has(place)) found = outOfScope.put(place, undefined);
        return reading;
      }
      if (mapped.kind !== "entity") return reading;
      const because = parentOutside(room, source, mapped);
      if (because === undefined) return reading;
      if (outOfScope.put(place, because)) found = true;
      return { ...reading, row: asCancelled(row, mapped) };
    });
  }
  for (const { key, row } of now) if (row?.mapped.kind === "entity") comeBack(room, { source: source.mapping.source, key });
  for (const { key, row } of now) if (row?.mapped.kind === "cancelled") wakeWaiting(room, { source: source.mapping.source, key });
  return now;
}

function parentOutside({ store }: Room, { mapping }: CapturedSource, { parents }: Entity): Parent | undefined {
  const isOut = (parent: Parent): boolean => store.outOfScope.has(parent);
  const held = parents.find((parent) => parent.missing === "hold" && isOut(parent));
  if (held !== undefined || alone.includes(mapping.type)) return held;
  const named = parents.filter(({ type }) => places.includes(type));
  return named.length > 0 && named.every(isOut) ? named[0] : undefined;
}

function asCancelled(row: ReadRow, { id, lookups }: Entity): ReadRow {
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
