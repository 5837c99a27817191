/**
 * Entities that continue others: a unit that got another number, and with it all whose own keys hold that number. The new one is sent with `replaces`, and only once it
 * is on its way the old one's delete counts as expected: it is not judged by the guards and needs no grace, for nothing is lost with it.
 */
import type { Parent } from "../map/mapped.ts";
import type { Store } from "../store/store.ts";
import type { Succession } from "../store/successions.ts";
import { keyBefore } from "./key-before.ts";
import type { Room } from "./parts.ts";
import type { CapturedSource } from "./source.ts";

/** So long it is known what an entity was before, milliseconds: children of it may come late. */
export const rememberMs = 30 * 86_400_000;

/** Whether entities of the source may continue others now: then each of its rows must be thought of. */
export function mayContinue({ store }: Pick<Room, "store">, { mapping }: CapturedSource): boolean {
  return store.successions.any([mapping.source, ...mapping.lineage.map(({ source }) => source)]);
}

/**
 * Key of the entity that this one continues, if the portal is still to be told of it: then it is sent, changed or not. Within the transaction that takes its
 * read.
 */
export function owedOf(room: Room, source: CapturedSource, entity: Entity): string | undefined {
  if (!mayContinue(room, source)) return undefined;
  follow(room, source, entity);
  return room.store.successions.before(source.mapping.source, entity.key).find(({ told }) => !told)?.old;
}

interface Entity {
  key: string;
  parents: readonly Parent[];
  now: number;
}

/** An entity whose key holds that of its parent has got another key with it. */
function follow({ store }: Room, { mapping }: CapturedSource, { key, parents, now }: Entity): void {
  const { successions, entities } = store;
  const found = new Set<string>();
  for (const parent of parents) {
    const before = successions.before(parent.source, parent.key);
    if (before.length === 0) continue;
    for (const lineage of mapping.lineage.filter(({ source }) => source === parent.source)) {
      for (const { old } of before) {
        const former = keyBefore(lineage, key, { from: old, to: parent.key });
        if (former !== undefined && entities.known(mapping.source, former)) found.add(former);
      }
    }
  }
  const [former, ...others] = found;
  // Of several nobody knows which.
  if (former === undefined || others.length > 0 || successions.of(mapping.source, former) !== undefined) return;
  successions.put({ source: mapping.source, old: former, next: key, reason: "renumbered", until: now + rememberMs });
}

/** The entity lies in the outbox now. */
export function afterSending({ store }: Room, source: CapturedSource, { key, replaces, wasKnown, now }: Sent): void {
  const { successions, pending, entities } = store;
  const name = source.mapping.source;
  // With its own new state an old one that is still there stands for itself again at the portal: whoever continues it is to say so once more.
  const successor = successions.any([name]) ? successions.of(name, key) : undefined;
  if (successor?.told === true) {
    successions.owe({ source: name, key: successor.next });
    readAgain(store, { source: name, key: successor.next }, now);
  }
  if (replaces === undefined) return;
  successions.told(name, replaces, now + rememberMs);
  if (entities.known(name, replaces)) pending.mark(name, [replaces], { now, confirm: false });
  // Of several that were merged each has its turn.
  if (successions.before(name, key).some(({ told }) => !told)) readAgain(store, { source: name, key }, now);
  if (!wasKnown) return;
  // What hangs on it came before this was said.
  const [dependents = []] = entities.dependentsOf(name, [key], mostDependents);
  for (const place of dependents) readAgain(store, place, now);
}

/** Most of an entity's dependents that are looked at when it is told late what it continues. */
const mostDependents = 10_000;

interface Sent {
  key: string;
  /** Key of the entity that it continues, as its item says. */
  replaces: string | undefined;
  /** The portal held it already, as an entity of its own. */
  wasKnown: boolean;
  now: number;
}

function readAgain({ entities, pending }: Store, { source, key }: { source: string; key: string }, now: number): void {
  entities.voidRowDigests(source, key);
  if (pending.get(source, key) === undefined) pending.mark(source, [key], { now, confirm: false });
}

/** What an entity that is gone became, once the portal was told. */
export function successorOf({ store }: Pick<Room, "store">, source: string, key: string): Succession | undefined {
  if (!store.successions.any([source])) return undefined;
  const found = store.successions.of(source, key);
  return found?.told === true && store.entities.known(source, found.next) ? found : undefined;
}

interface Announced {
  old: string;
  next: string;
}

export interface Announcement {
  pairs: readonly Announced[];
  /** So long it is expected, epoch ms. */
  until: number;
  /** With which the old ones are deleted; default `renumbered`. */
  reason?: Succession["reason"];
}

/** A person says which keys go over into which: what of it has come already is told now, the rest with its first read. */
export function announce({ store, clock }: Room, source: string, { pairs, until, reason = "renumbered" }: Announcement): number {
  const { successions, pending, entities } = store;
  const now = clock.now();
  store.transaction(() => {
    for (const { old, next } of pairs) {
      successions.put({ source, old, next, reason, until });
      if (entities.known(source, next)) readAgain(store, { source, key: next }, now);
      // A guard may hold its delete: that is to be judged anew.
      if (pending.get(source, old) !== undefined) pending.mark(source, [old], { now, confirm: false });
    }
    const entry = { at: now, kind: "rekey", source, status: "ok", durationMs: undefined } as const;
    store.journal.add({ ...entry, detail: { pairs: pairs.length, reason } });
  }, "rekey");
  return pairs.length;
}
