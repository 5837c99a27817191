/** A period without a beginning: nobody knows whether it runs. */
import type { Raised } from "../judged.ts";
import { raisedOf, type Use } from "../uses.ts";

export const noStarts = (uses: readonly Use[]): readonly Raised[] =>
  uses.filter(({ from }) => from === undefined).map((use) => raisedOf("period-no-start", use, { field: "startDate" }));
