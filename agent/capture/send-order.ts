/** In which order the entities of one transaction go: parents before their children, also within one source. Lives no longer than the transaction. */
import type { Parent } from "../map/mapped.ts";
import type { EntityState } from "../store/store.ts";
import type { Upsert } from "./upsert.ts";

export interface SendOrder {
  add(upsert: Upsert): void;
  /** All that were added: those that go, in their order, and those that can't, as a parent is neither at the portal nor goes with them. To be called once. */
  sorted(): Sorted;
}

interface Sorted {
  going: readonly Upsert[];
  orphans: readonly { upsert: Upsert; missing: Parent }[];
}

/** @param stateOf state of an entity's parent, within the transaction; undefined also where it must not hang on what stands there yet */
export function createSendOrder(source: string, stateOf: (parent: Parent, of: Upsert) => EntityState | undefined): SendOrder {
  let waiting: Upsert[] = [];
  const going: Upsert[] = [];
  const orphans: { upsert: Upsert; missing: Parent }[] = [];
  /** Keys of this source that wait for their place, and those that have it. */
  const unplaced = new Set<string>();
  const placed = new Set<string>();
  const place = (upsert: Upsert): void => {
    going.push(upsert);
    unplaced.delete(upsert.key);
    placed.add(upsert.key);
  };
  /** `besides`: what waits beside it counts as there. */
  const missing = (of: Upsert, besides: boolean): Parent | undefined => {
    const { key, parents, awaited } = of;
    return parents.find((parent) => {
      if (awaited.some((left) => left.source === parent.source && left.key === parent.key)) return false;
      const own = parent.source === source;
      if (own && (parent.key === key || placed.has(parent.key))) return false;
      if (own && unplaced.has(parent.key)) return !besides;
      return stateOf(parent, of)?.entityDigest === undefined;
    });
  };
  /** Places those whose parents have their place, until no more of them do. */
  const placeAll = (): void => {
    for (let before = Number.POSITIVE_INFINITY; waiting.length < before; ) {
      before = waiting.length;
      const still: Upsert[] = [];
      for (const upsert of waiting) {
        if (missing(upsert, false) === undefined) place(upsert);
        else still.push(upsert);
      }
      waiting = still;
    }
  };
  /** Sorts out those that lack a parent, and then whoever lacks one of these. */
  const orphan = (): void => {
    for (let before = Number.POSITIVE_INFINITY; waiting.length < before; ) {
      before = waiting.length;
      const still: Upsert[] = [];
      for (const upsert of waiting) {
        const lacks = missing(upsert, true);
        if (lacks === undefined) still.push(upsert);
        else {
          orphans.push({ upsert, missing: lacks });
          unplaced.delete(upsert.key);
        }
      }
      waiting = still;
    }
  };
  /** From parent to parent until one comes twice. */
  const ofRing = (): Upsert | undefined => {
    const seen = new Set<Upsert>();
    let at = waiting[0];
    while (at !== undefined && !seen.has(at)) {
      seen.add(at);
      const parent = missing(at, false);
      at = waiting.find(({ key }) => key === parent?.key);
    }
    return at;
  };
  return {
    add(upsert) {
      waiting.push(upsert);
      unplaced.add(upsert.key);
    },
    sorted() {
      placeAll();
      orphan();
      // A parent that waits may be at the portal already, as it was: its children go all the same.
      placeAll();
      // Only entities that refer to each other in a ring are left, with what hangs on them: one of the ring begins.
      for (let first = ofRing(); first !== undefined; first = ofRing()) {
        place(first);
        waiting = waiting.filter((upsert) => upsert !== first);
        placeAll();
      }
      return { going, orphans };
    },
  };
}
