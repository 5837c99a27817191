/** What is made of a key whose row the ERP does not show: it is confirmed, waits out its grace, and is deleted or forgotten in the end. */
import { keptCode } from "./decisions.ts";
import { type Deletion, forgetEntity } from "./deletes.ts";
import { lostHistory } from "./lost-history.ts";
import type { Room } from "./parts.ts";
import type { Reading } from "./reading.ts";
import type { CapturedSource } from "./source.ts";
import { successorOf } from "./successions.ts";
import { absentVerdict } from "./verdict.ts";

/** In the transaction that takes the read. Returns the deletion that is due now; all else is noted at the pending key. */
export function takeAbsent(
  room: Room,
  source: CapturedSource,
  { key, pending }: Pick<Reading, "key" | "pending">,
  now: number,
): Deletion | undefined {
  const { store } = room;
  const name = source.mapping.source;
  // A signal during the read: what was not there may be there now.
  if (pending === undefined || store.pending.get(name, key)?.mark !== pending.mark) return undefined;
  if (store.quarantine.get(name, key)?.code === keptCode) {
    store.pending.clear(name, key, pending.mark);
    return undefined;
  }
  // After lost history a person decides, and sees at once what there is to decide.
  const isLost = lostHistory(store.meta, name) !== undefined;
  const successor = isLost ? undefined : successorOf(room, name, key);
  const graceMs = isLost || successor !== undefined ? 0 : source.mapping.graceMs;
  const known = store.entities.known(name, key);
  const verdict = absentVerdict(pending, { known, graceMs });
  switch (verdict) {
    case "confirm":
      store.pending.advance(name, key, pending.mark, {
        stage: "confirm",
        notBefore: now + room.confirmAfterMs,
        owesConfirm: false,
        unheld: !known,
        suspectedAt: now,
        suspicion: "none",
      });
      return undefined;
    case "grace":
      store.pending.advance(name, key, pending.mark, { stage: "grace", notBefore: now + graceMs });
      return undefined;
    case "forget":
      store.outOfScope.remove({ source: name, key });
      forgetEntity(room, source, key, now);
      store.pending.clear(name, key, pending.mark);
      return undefined;
    case "delete":
    case "delete-approved":
      return {
        ...{ key, pending, reason: successor?.reason ?? "gone" },
        approved: verdict === "delete-approved" || successor !== undefined,
      };
    default:
      return verdict satisfies never;
  }
}
