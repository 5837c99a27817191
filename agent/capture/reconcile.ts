/**
 * A new epoch: what the portal really holds takes the place of what this store believed, then everything is compared in full. Ids that the ERP does not
 * have are found by that compare, and their deletes go through confirmation, grace and guards like any other; nothing is swept by absence.
 */
import type { Room } from "./parts.ts";

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

/** Takes the inventory of each type that is still open; interrupted, it begins that type anew. Returns how many entities the portal holds. */
export async function reconcile(room: Room, inventory: Inventory, signal: AbortSignal): Promise<number> {
  const { store, log } = room;
  const open = room.sources.filter(({ mapping }) => !store.sources.get(mapping.source).reconciled);
  let held = 0;
  for (const type of new Set(open.map(({ mapping }) => mapping.type))) {
    const sources = open.filter(({ mapping }) => mapping.type === type);
    store.transaction(() => {
      for (const { mapping } of sources) store.entities.beginInventory(mapping.source);
    }, "inventory");
    let strangers = 0;
    for await (const page of inventory(type, signal)) {
      held += page.length;
      strangers += takePage(room, type, page);
    }
    signal.throwIfAborted();
    store.transaction(() => {
      for (const { mapping } of sources) {
        store.entities.endInventory(mapping.source);
        store.sources.update(mapping.source, { comparedAt: undefined });
      }
    }, "inventory");
    // Of a source that the configuration no longer has: left alone, for nobody said that they are gone.
    if (strangers > 0)
      log.warn("The portal holds entities of no source", { code: "inventory-strangers", type, count: strangers });
  }
  return held;
}

/** Returns how many ids belong to no source. */
function takePage(room: Room, type: string, page: readonly HeldId[]): number {
  const { store } = room;
  const sources = room.sources.filter(({ mapping }) => mapping.type === type);
  return store.transaction(() => {
    const rest = new Map(page.map(({ id, digest }) => [id, digest]));
    for (const { mapping } of sources) {
      const own: { key: string; entityDigest: bigint }[] = [];
      for (const [id, entityDigest] of rest) {
        const key = mapping.keyOf(id);
        if (key === undefined) continue;
        own.push({ key, entityDigest });
        rest.delete(id);
      }
      if (!store.sources.get(mapping.source).reconciled) store.entities.addInventory(mapping.source, own);
    }
    return rest.size;
  }, "inventory");
}
