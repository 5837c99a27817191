/** A period that was never closed when the next one on its unit began. */
import type { Raised } from "../judged.ts";
import { isLeftOpen, raisedOf, type SoundUse } from "../uses.ts";

/** @param uses in the order of their beginnings */
export function openPredecessors(uses: readonly SoundUse[]): readonly Raised[] {
  return uses.flatMap((use) => {
    const next = uses.find((later) => isLeftOpen(use, later));
    return next === undefined ? [] : [raisedOf("period-open-predecessor", use, { field: "endDate", other: next.key })];
  });
}
