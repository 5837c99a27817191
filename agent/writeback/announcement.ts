/** Before a command that the ERP can't tell is carried out, the portal must hold that it is about to be: should this store be put back to an older state, it will be told so (decisions/0028). */
import { FuserError } from "../../base/errors.ts";
import type { WritebackParts } from "./parts.ts";

/** How long the portal has to confirm that it knows of an attempt, ms. */
const announceMs = 10_000;
/** Whether the link is still there is looked at so often meanwhile, ms. */
const announceLookMs = 1_000;

/** True once the portal has settled the announcement; false when it can't or does not. */
export async function isTold(
  { store: { inbox }, clock, portalAsks }: WritebackParts,
  { id, revision, signal }: { id: string; revision: number; signal: AbortSignal },
): Promise<boolean> {
  let ring: () => void = () => undefined;
  const stopListening = inbox.onChange(() => ring());
  try {
    const until = clock.monotonic() + announceMs;
    for (;;) {
      const early = new AbortController();
      ring = () => early.abort();
      if ((inbox.get(id)?.settledRevision ?? 0) >= revision) return true;
      const leftMs = until - clock.monotonic();
      if (leftMs <= 0 || signal.aborted || portalAsks(id) === undefined) return false;
      await clock.sleep(Math.min(leftMs, announceLookMs), AbortSignal.any([signal, early.signal])).catch(() => undefined);
    }
  } finally {
    stopListening();
  }
}

/** What holds a command back then; nothing was written. */
export function portalAway(): FuserError {
  return new FuserError("transient", "The portal has not confirmed that the command is about to be carried out", {
    code: "command-not-announced",
    operation: "announce a command",
    hint: "It is tried again. Only commands that the ERP can't tell wait for the portal: give them a column, a ledger or a probe for `:command.id`.",
  });
}
