/** What becomes of a pending key after a read: the one place that decides between confirming, waiting and deleting. Pure. */
import type { PendingKey } from "../store/store.ts";

export type PresentVerdict = "clear" | "confirm";

/** The row is there. */
export function presentVerdict(pending: PendingKey): PresentVerdict {
  return pending.stage === "marked" && pending.owesConfirm ? "confirm" : "clear";
}

export type AbsentVerdict =
  /** Read again before anything is believed. */
  | "confirm"
  /** Confirmed absent: wait out the grace time. */
  | "grace"
  /** Confirmed absent, and the portal holds nothing of it. */
  | "forget"
  | "delete"
  /** A person has approved it: no guard is asked. */
  | "delete-approved";

/** No row. */
export function absentVerdict(pending: PendingKey, entity: { known: boolean; graceMs: number }): AbsentVerdict {
  switch (pending.stage) {
    case "marked":
      return "confirm";
    // Suspected for what its row said, and the row is gone.
    case "suspect":
      return "confirm";
    case "confirm":
      // Owed: its first read found the row, so this is the first empty one.
      if (pending.owesConfirm) return "confirm";
      if (!entity.known) return "forget";
      return entity.graceMs > 0 ? "grace" : "delete";
    case "grace":
    case "held":
      return entity.known ? "delete" : "forget";
    case "approved":
      // What was approved of its values says nothing of its delete.
      if (pending.suspicion !== undefined && pending.suspicion.why !== "flag") return "confirm";
      return entity.known ? "delete-approved" : "forget";
    default:
      return pending.stage satisfies never;
  }
}
