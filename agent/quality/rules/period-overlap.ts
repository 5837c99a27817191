/**
 * Two periods of one kind on a unit at the same time. Those with the same dates are one contract in which each participant has a row; one that was
 * never closed is found as that.
 */
import type { Raised } from "../judged.ts";
import { isLeftOpen, raisedOf, type SoundUse } from "../uses.ts";

/** @param uses in the order of their beginnings */
export function overlaps(uses: readonly SoundUse[]): readonly Raised[] {
  return uses.flatMap((later, at) =>
    uses
      .slice(0, at)
      .filter((earlier) => collide(earlier, later))
      .map((earlier) => raisedOf("period-overlap", later, { other: earlier.key })),
  );
}

function collide(earlier: SoundUse, later: SoundUse): boolean {
  if (earlier.kind !== later.kind || isLeftOpen(earlier, later)) return false;
  if (earlier.from === later.from && earlier.until === later.until) return false;
  return earlier.until === undefined || later.from <= earlier.until;
}
