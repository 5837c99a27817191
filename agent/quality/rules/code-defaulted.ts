/** A code that no map names: what it means the portal is told by the map's default alone. One finding for each code of a field, with the count of its records. */
import type { FactReads, Facts, Subject } from "../judged.ts";

/** Those of an entity, each once. */
export function defaultedCodes(
  { source, notes }: Pick<Subject, "source" | "notes">,
  look: FactReads,
): NonNullable<Facts["codes"]> {
  const codes = new Map<string, NonNullable<Facts["codes"]>[number]>();
  for (const { code: note, field, value = "" } of notes) {
    if (note !== "code-defaulted") continue;
    const name = JSON.stringify([source, field, value]);
    const raised = { rule: "code-defaulted", source, key: "", field, other: "", params: { code: value } } as const;
    codes.set(name, { hash: look.hash("code", name), raised });
  }
  return [...codes.values()];
}
