/** A period that ends before it begins. */
import type { Raised } from "../judged.ts";
import { isReversed, raisedOf, type Use } from "../uses.ts";

export const reversedOnes = (uses: readonly Use[]): readonly Raised[] =>
  uses.filter(isReversed).map((use) => raisedOf("period-reversed", use, { field: "endDate" }));
