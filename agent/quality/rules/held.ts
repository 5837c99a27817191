/** What waits in quarantine is found by its cause: a parent that does not exist, a code that nobody has seen before, a row that can't be read. */
import type { Held, Place, Raised } from "../judged.ts";

/** Found by the rule that holds it, or kept so by a person. */
const known: ReadonlySet<string> = new Set(["quality", "kept-at-portal"]);

/** @param isHeld whether the place stands in quarantine itself: what waits for it has no fault of its own */
export function foundOfHeld(entry: Held, isHeld: (place: Place) => boolean): readonly Raised[] {
  const { source, key, code, field = "", waitsFor } = entry;
  if (known.has(code)) return [];
  if (code === "parent-missing")
    return waitsFor === undefined || isHeld(waitsFor) ? [] : [parentMissing({ source, key }, waitsFor)];
  if (code === "code-unknown") return [{ rule: "code-unknown", source, key, field, other: "", params: {} }];
  return [{ rule: "row-held", source, key, field, other: "", params: { code } }];
}

/** It was sent without the reference. */
export function foundOfAwaiting(child: Place, parents: readonly Place[], isHeld: (place: Place) => boolean): readonly Raised[] {
  return parents.filter((parent) => !isHeld(parent)).map((parent) => parentMissing(child, parent));
}

const parentMissing = ({ source, key }: Place, parent: Place): Raised => ({
  ...{ rule: "parent-missing", source, key, field: "", other: parent.key, params: { otherSource: parent.source } },
});
