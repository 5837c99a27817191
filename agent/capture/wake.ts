/** Who waits for an entity, and is looked at now that something has become of it. In the transaction in which that happens. */
import type { EntityPlace, Store } from "../store/store.ts";

type Waiting = Pick<Store, "entities" | "pending" | "quarantine">;

/** The entity is on its way: children that waited for it in quarantine are read, and may follow. */
export function wakeDependents({ quarantine, pending }: Waiting, { source, key }: EntityPlace, now: number): void {
  for (const child of quarantine.dependents(source, key)) {
    quarantine.put({ ...child, digest: undefined, waitsFor: undefined });
    pending.mark(child.source, [child.key], { now, confirm: false });
  }
}

/** The same for what was sent without a reference to it. */
export function wakeAwaiting({ entities, pending }: Waiting, { source, key }: EntityPlace, now: number): void {
  for (const child of entities.awaiting(source, key)) {
    entities.voidRowDigests(child.source, child.key);
    pending.mark(child.source, [child.key], { now, confirm: false });
  }
}

/** Something no longer refers to these: those of them that waited for it to be deleted are looked at now. */
export function wakeParents({ pending, quarantine }: Waiting, parents: readonly EntityPlace[], now: number): void {
  for (const parent of parents) {
    const waiting = pending.get(parent.source, parent.key);
    if (waiting === undefined || (waiting.stage !== "grace" && waiting.stage !== "approved")) continue;
    if (quarantine.get(parent.source, parent.key)?.code !== "has-dependents") continue;
    pending.advance(parent.source, parent.key, waiting.mark, { stage: waiting.stage, notBefore: now });
  }
}
