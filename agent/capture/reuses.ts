/**
 * A key that the ERP gives to somebody new (docs/decisions/0061): what the portal holds under it ends as it was, with all that hangs on it, and the next generation of
 * its id begins. Nothing of the former one is ever told as the new one's.
 */
import { entityText, fieldsOf } from "../../protocol/entity-text.ts";
import type { Fields } from "../../protocol/model.ts";
import type { Mapped, Parent } from "../map/mapped.ts";
import type { EntityPlace, OutboxItem, Store } from "../store/store.ts";
import type { Room } from "./parts.ts";
import type { Reading, ReadRow } from "./reading.ts";
import type { CapturedSource } from "./source.ts";
import { isOfValues } from "./suspects.ts";
import type { Upsert } from "./upsert.ts";

type Entity = Extract<Mapped, { kind: "entity" }>;

/** Most of an entity's dependents that stay with it when its key is reused. */
const mostDependents = 100_000;

/** Whose record it is, as it is kept: a keyed hash, and of which columns. Undefined where the row does not say it. */
export function bearerOf({ store }: Pick<Room, "store">, { bearer }: Pick<Entity, "bearer">): string | undefined {
  if (bearer === undefined) return undefined;
  const { facts } = store;
  return `${facts.hash("bearer-columns", bearer.columns)} ${facts.hash("bearer", bearer.values)}`;
}

/** Whether the row is somebody else's than what was sent under its key. */
export function isReused({ store }: Pick<Room, "store">, source: CapturedSource, key: string, mapped: Entity): boolean {
  const now = bearerOf({ store }, mapped);
  if (now === undefined) return false;
  const before = store.reuses.bearer(source.mapping.source, key)?.hash;
  if (before === undefined || before === now) return false;
  // Other columns say it now: of the same record nobody knows what they said before.
  if (before.split(" ")[0] !== now.split(" ")[0]) return false;
  return !goesOn(store, store.entities.parentsOf(source.mapping.source, key), mapped.parents);
}

/** The person has another number now, as was announced: it is the same one's still. */
function goesOn({ successions }: Store, before: readonly EntityPlace[], now: readonly Parent[]): boolean {
  const isNamed = (source: string, key: string): boolean => now.some((parent) => parent.source === source && parent.key === key);
  const left = before.filter(({ source, key }) => !isNamed(source, key));
  return left.length > 0 && left.every(({ source, key }) => isNamed(source, successions.of(source, key)?.next ?? key));
}

/** Whether the parent may be somebody else's by now, which waits to be believed: what is new to hang on it waits as well, or it would go to the former one. */
export function mayBeReused({ store, byName }: Room, { source, key }: EntityPlace): boolean {
  if (byName.get(source)?.mapping.isReused !== true) return false;
  const pending = store.pending.get(source, key);
  return pending !== undefined && isOfValues(pending);
}

/**
 * The store was lost: of what only the portal's inventory has named it is not known to which generation of its parents it belongs. It is the one with which it is what
 * the portal holds; where none is, it is sent as one of those that stand now.
 */
export function inItsPlace(room: Room, { mapping }: CapturedSource, reading: Read): { reading: Read; row: ReadRow } {
  const { store } = room;
  const { key, row } = reading;
  const { mapped } = row;
  const child = { source: mapping.source, key };
  const asGiven = { reading, row };
  if (mapped.kind !== "entity" || !mapped.parents.some(({ source }) => store.reuses.any(source))) return asGiven;
  const held = store.entities.get(child.source, key)?.entityDigest;
  if (held === undefined || !store.entities.isStranger(child.source, key) || held === room.digest(mapped.text)) return asGiven;
  for (const parent of mapped.parents) {
    const now = store.reuses.generationOf(parent.source, parent.key);
    for (let generation = 1; generation < now; generation++) {
      store.reuses.keep(child, parent, generation);
      const again = row.remap(() => false);
      if (again.kind === "entity" && room.digest(again.text) === held) {
        const found = { ...row, mapped: again };
        return { reading: { ...reading, row: found }, row: found };
      }
    }
  }
  store.reuses.unkeep(child);
  return asGiven;
}

/** Of ended ones, what the portal holds otherwise is told once more, with the next read of their key. `isWithin`: of which ids it says what it holds. */
export function mendEnded(
  { store, clock }: Room,
  { mapping }: CapturedSource,
  { held, isWithin }: { held: ReadonlyMap<string, bigint>; isWithin: (id: string) => boolean },
): void {
  const { source, idOf } = mapping;
  store.transaction(() => {
    for (const { key, generation, digest } of store.reuses.ended(source)) {
      const id = idOf(key, generation);
      if (!isWithin(id) || held.get(id) === digest || !store.reuses.owe(source, key, generation)) continue;
      store.pending.mark(source, [key], { now: clock.now(), confirm: false });
    }
  }, "mend");
}

type Read = Reading & { row: ReadRow };

/** What was sent last of a type whose end can be said. */
interface Stated {
  fields: Fields;
  withheld?: readonly string[];
}

/** Keeps whose it is, and for the day on which it ends what was sent of it. */
export function noteBearer(
  room: Room,
  { mapping }: CapturedSource,
  key: string,
  { text, withheld, ...mapped }: Pick<Entity, "text" | "bearer"> & { withheld?: readonly string[] | undefined },
): void {
  if (mapping.isReused !== true) return;
  const stated: Stated = { fields: fieldsOf(text), ...(withheld === undefined ? {} : { withheld }) };
  const state = mapping.type === "utilisationPeriod" ? JSON.stringify(stated) : undefined;
  room.store.reuses.note(mapping.source, key, { hash: bearerOf(room, mapped), state });
}

interface Sending {
  at: number;
  now: number;
  bulk: boolean;
}

/**
 * Before these are sent: for each key that was reused the former one ends, and the next generation begins; an ended one that the portal has lost is told again.
 * Within the transaction that sends them.
 */
export function endFormer(room: Room, source: CapturedSource, upserts: readonly Upsert[], sending: Sending): void {
  if (source.mapping.isReused !== true && !room.store.reuses.any(source.mapping.source)) return;
  for (const upsert of upserts) if (upsert.reused) beginNext(room, source, upsert, sending.now);
  for (const { key } of upserts) tellEnded(room, source, key, sending);
}

function beginNext(room: Room, source: CapturedSource, { key, before, item }: Upsert, now: number): void {
  const { store } = room;
  const { source: name } = source.mapping;
  const place = { source: name, key };
  const held = before === "none" ? undefined : before.entityDigest;
  // What the portal does not hold has no end; its id is not given to somebody else all the same.
  if (held === undefined) store.reuses.begin(place, undefined);
  else {
    const { state, digest } = endOf(room, source, { key, held, next: fieldsOf(item.text), now });
    const [children = []] = store.entities.dependentsOf(name, [key], mostDependents);
    const generation = store.reuses.generationOf(name, key);
    store.reuses.begin(place, { digest, state, children });
    if (digest !== held) store.reuses.owe(name, key, generation);
  }
  item.id = source.mapping.idOf(key);
  const entry = { at: now, kind: "reuse", source: name, status: "ok", durationMs: undefined } as const;
  store.journal.add({ ...entry, detail: { id: item.id, keys: key } });
}

/** Tells the portal of the ended ones of this key that it does not hold as they ended. Returns how many. */
export function tellEnded(room: Room, source: CapturedSource, key: string, { at, bulk }: Sending): number {
  const { store } = room;
  const { source: name, type, idOf } = source.mapping;
  if (!store.reuses.any(name)) return 0;
  const owed = store.reuses.owed(name, key);
  if (owed.length === 0) return 0;
  const items = owed.map(({ generation, state }): OutboxItem => {
    const { fields, withheld } = JSON.parse(state as string) as Stated;
    const id = idOf(key, generation);
    return { op: "upsert", type, id, time: at, text: entityText(fields), ...(withheld === undefined ? {} : { withheld }) };
  });
  store.outbox.append(items, { bulk });
  for (const { generation } of owed) store.reuses.told(name, key, generation);
  return owed.length;
}

interface Ending {
  key: string;
  /** Digest of the former one as the portal holds it. */
  held: bigint;
  /** Fields of the one that begins. */
  next: Fields;
  now: number;
}

/** The former one as it is to stand from now on. What is not known how it was stands as the portal has it. */
function endOf(
  room: Room,
  { mapping }: CapturedSource,
  { key, held, next, now }: Ending,
): { state: string | undefined; digest: bigint } {
  const state = room.store.reuses.bearer(mapping.source, key)?.state;
  if (state === undefined) return { state, digest: held };
  const stated = JSON.parse(state) as Stated;
  const today = Temporal.Instant.fromEpochMilliseconds(now).toZonedDateTimeISO(room.timezone).toPlainDate().toString();
  const fields = { ...stated.fields, endDate: lastDay(stated.fields, dateOf(next.startDate), today) };
  return { state: JSON.stringify({ ...stated, fields } satisfies Stated), digest: room.digest(entityText(fields)) };
}

/** The day before the next one begins; where that says nothing, the day before it is seen. What had ended before stays so. */
function lastDay({ startDate, endDate }: Fields, next: string | undefined, today: string): string {
  const [begun, ended] = [dateOf(startDate) ?? "", dateOf(endDate)];
  const before = Temporal.PlainDate.from(next !== undefined && next > begun ? next : today)
    .subtract({ days: 1 })
    .toString();
  const last = before < begun ? begun : before;
  return ended !== undefined && ended < last ? ended : last;
}

const dateOf = (value: Fields[string] | undefined): string | undefined => (typeof value === "string" ? value : undefined);
