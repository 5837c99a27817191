/**
 * A new epoch: what the portal really holds takes the place of what this store believed, then everything is compared in full. Ids that the ERP does not
 * have are found by that compare, and their deletes go through confirmation, grace and guards like any other; nothing is swept by absence.
 */
import { splitId } from "../../base/key.ts";
import type { EntityPlace } from "../store/store.ts";
import type { Room } from "./parts.ts";
import type { CapturedSource } from "./source.ts";

/** An entity that the portal holds. */
export interface HeldId {
  id: string;
  digest: bigint;
}

/** What the portal holds of a type, page by page. */
export type Inventory = (type: string, signal: AbortSignal) => AsyncIterable<readonly HeldId[]>;

/** True while some source's digests do not stand for what the portal holds: nothing of it is read. */
export function needsReconcile(room: Room): boolean {
  return room.sources.some(({ mapping }) => !room.store.sources.get(mapping.source).reconciled);
}

/**
 * Takes the inventory of all types that are still open, rank by rank; interrupted, it begins that rank anew. Returns how many entities the portal holds.
 */
export async function reconcile(room: Room, inventory: Inventory, signal: AbortSignal): Promise<number> {
  const open = room.sources.filter(({ mapping }) => !room.store.sources.get(mapping.source).reconciled);
  let held = 0;
  // Entities refer to those of their own rank and of earlier ones: a rank is opened when it and all before it are known.
  for (const rank of new Set(open.map(({ mapping }) => mapping.rank))) {
    const sources = open.filter(({ mapping }) => mapping.rank === rank);
    held += await reconcileTogether(room, sources, { inventory, signal });
  }
  return held;
}

async function reconcileTogether(
  room: Room,
  sources: readonly CapturedSource[],
  { inventory, signal }: { inventory: Inventory; signal: AbortSignal },
): Promise<number> {
  const { store, log } = room;
  let held = 0;
  store.transaction(() => {
    for (const { mapping } of sources) {
      store.entities.beginInventory(mapping.source);
      store.reuses.beginInventory(mapping.source);
    }
  }, "inventory");
  for (const type of new Set(sources.map(({ mapping }) => mapping.type))) {
    let strangers = 0;
    for await (const page of inventory(type, signal)) {
      held += page.length;
      strangers += takePage(room, type, page);
    }
    signal.throwIfAborted();
    // Of a source that the configuration no longer has: left alone, for nobody said that they are gone.
    if (strangers > 0)
      log.warn("The portal holds entities of no source", { code: "inventory-strangers", type, count: strangers });
  }
  store.transaction(() => {
    for (const { mapping } of sources) {
      store.entities.endInventory(mapping.source);
      store.sources.update(mapping.source, { comparedAt: undefined, factsSwept: false });
    }
  }, "inventory");
  return held;
}

/** Returns how many ids belong to no source. */
function takePage(room: Room, type: string, page: readonly HeldId[]): number {
  const { store } = room;
  const sources = room.sources.filter(({ mapping }) => mapping.type === type);
  return store.transaction(() => {
    const rest = new Map(page.map(({ id, digest }) => [id, digest]));
    for (const { mapping } of sources) {
      const own = new Map<string, bigint>();
      const isOpen = !store.sources.get(mapping.source).reconciled;
      for (const [id, entityDigest] of rest) {
        const key = mapping.keyOf(id);
        if (key === undefined) continue;
        rest.delete(id);
        if (isOpen && isLatest(room, { source: mapping.source, key }, { id, entityDigest, own })) own.set(key, entityDigest);
      }
      const held = [...own].map(([key, entityDigest]) => ({ key, entityDigest }));
      if (isOpen) store.entities.addInventory(mapping.source, held);
    }
    return rest.size;
  }, "inventory");
}

/** Of a key that was reused the portal holds several generations: the highest stands, and the others have ended. `own`: what this page has named of the source. */
function isLatest(
  { store: { reuses, entities } }: Room,
  { source, key }: EntityPlace,
  { id, entityDigest, own }: { id: string; entityDigest: bigint; own: ReadonlyMap<string, bigint> },
): boolean {
  const { generation } = splitId(id);
  const known = reuses.generationOf(source, key);
  if (generation !== known) {
    const lower = own.get(key) ?? entities.get(source, key)?.entityDigest;
    reuses.inventoried({ source, key }, { generation, digest: entityDigest, lower });
  }
  return generation >= known;
}
