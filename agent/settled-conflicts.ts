/** Findings of conflicts that are settled, and of which nobody has anything to do any more: nothing in the ERP says so, as it does where a rule finds fault. */
import type { Store } from "./store/store.ts";
import { conflictGroup } from "./writeback/conflict.ts";

/** How long one is listed that its policy or a person has settled, ms. */
const listedMs = 30 * 86_400_000;

/** Closes those of records that are gone, and those that were settled a month ago; what waits for a decision stays. */
export function forgetConflicts(
  { findings, entities, facts }: Pick<Store, "findings" | "entities" | "facts">,
  now: number,
): void {
  for (const { source, key, since, params } of findings.list({ rule: "field-conflict" })) {
    if (params.settled === "ask") continue;
    if (since > now - listedMs && entities.known(source, key)) continue;
    findings.replace(conflictGroup({ facts }, { source, key }), [], now);
  }
}
