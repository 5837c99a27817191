/** What people decide: a guard's deletes, and what is released from quarantine. */
import { FuserError } from "../../base/errors.ts";
import type { Guard } from "../store/store.ts";
import { lostHistory } from "./lost-history.ts";
import type { Room } from "./parts.ts";

/** Quarantine code of an entity of which a person keeps at the portal what the ERP emptied or moved. */
const keptValuesCode = "kept-values";
/** Quarantine code of an entity that a person keeps at the portal although a restored ERP no longer has it. */
export const keptCode = "kept-at-portal";

/**
 * Approves or rejects what a guard holds. Approved keys are read once more, and deleted if they are still gone. Rejected ones stay at the portal: those
 * that the ERP lost for good (they stand in quarantine until they are released or return), those of a mass delete until a later compare finds them
 * missing again. Of entities that lost values or moved the portal keeps what it has, until their rows change again or they are released. Returns how many keys it concerned.
 * @throws FuserError `guard-unknown`
 */
export function decideGuard(room: Room, id: number, decision: "approve" | "reject"): number {
  const { store, clock } = room;
  const guard = store.guards.get(id);
  if (guard?.state !== "open") {
    throw new FuserError("rejected", guard === undefined ? `There is no guard ${id}` : `Guard ${id} is ${guard.state} already`, {
      code: "guard-unknown",
      operation: "decide a guard",
      hint: "See `erpfuser guard show`",
    });
  }
  const now = clock.now();
  return store.transaction(() => {
    store.guards.close(id, decision === "approve" ? "approved" : "rejected", now);
    // A table that was found empty while the ERP was being restored is held under the other kind.
    const lost = guard.kind === "history" || lostHistory(store.meta, guard.source) !== undefined;
    if (decision === "reject" && (guard.kind === "emptied" || guard.kind === "moved")) keepValues(room, guard);
    else if (decision === "reject" && lost) keep(room, guard);
    const count = store.pending.releaseGuard(id, decision === "approve" ? "approved" : "dropped", now);
    const entry = { at: now, kind: "guard", source: guard.source, status: "ok", durationMs: undefined } as const;
    store.journal.add({ ...entry, detail: { guard: id, kind: guard.kind, decision, count } });
    return count;
  }, "guard");
}

/** Else the next compare would find them missing, and delete them as anything that is gone. */
function keep({ store, clock, byName }: Room, guard: Guard): void {
  const mapping = byName.get(guard.source)?.mapping;
  if (mapping === undefined) return;
  const message = "A restored ERP no longer has it, and a person keeps it at the portal";
  const { source, type } = mapping;
  const reason = { code: keptCode, field: undefined, message, digest: undefined, since: clock.now(), waitsFor: undefined };
  for (const { key } of store.pending.heldBy(guard.id))
    store.quarantine.put({ ...reason, source, key, type, id: mapping.idOf(key) });
}

/** Like a state that the portal refused: it comes back at no compare. */
function keepValues({ store, clock, byName }: Room, { id, kind, source }: Guard): void {
  const mapping = byName.get(source)?.mapping;
  if (mapping === undefined) return;
  const what = kind === "moved" ? "refers to another parent" : "has lost values";
  const message = `It ${what} in the ERP, and a person keeps at the portal what it was`;
  const { type } = mapping;
  for (const { key, suspicion } of store.pending.heldBy(id)) {
    const reason = { code: keptValuesCode, field: undefined, message, since: clock.now(), waitsFor: undefined };
    store.quarantine.put({ ...reason, source, key, type, id: mapping.idOf(key), digest: suspicion?.entityDigest });
    const entityDigest = store.entities.get(source, key)?.entityDigest;
    store.entities.put(source, key, { rowDigest: suspicion?.rowDigest, entityDigest });
  }
}

/** Lets quarantined entities of a source, or one, be read and sent again. Returns how many. */
export function release(room: Room, source: string, key?: string): number {
  const { store, clock } = room;
  const now = clock.now();
  return store.transaction(() => {
    const one = key === undefined ? undefined : store.quarantine.get(source, key);
    const entries =
      key === undefined ? store.quarantine.list({ source, limit: store.quarantine.count(source) }) : one ? [one] : [];
    for (const entry of entries) {
      const kept = entry.code === keptCode;
      // The entry stays until the read has shown what becomes of it, but no longer stands in its way. A kept entity may now be deleted.
      if (kept) store.quarantine.remove(entry.source, entry.key);
      else store.quarantine.put({ ...entry, digest: undefined });
      store.entities.voidRowDigests(entry.source, entry.key);
      store.pending.mark(entry.source, [entry.key], { now, confirm: false });
      // Whoever names it has decided; of a whole source the guards ask once more.
      const waiting = kept && key !== undefined ? store.pending.get(entry.source, entry.key) : undefined;
      if (waiting) store.pending.advance(entry.source, entry.key, waiting.mark, { stage: "approved", notBefore: now });
    }
    return entries.length;
  }, "release");
}
