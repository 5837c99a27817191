/** Fields that a command writes and the ERP owns: each command that brings one is refused, which nobody who only reads the plan would guess. */
import { ownerUnmapped } from "../protocol/ownership.ts";
import type { CommandConfig, Source, Step } from "./config.ts";
import type { Scene } from "./scene.ts";

export function noteNeverWritten(scene: Scene, commands: readonly CommandConfig[], sources: readonly Source[]): void {
  for (const { name, steps, result } of commands) {
    const source = sources.find((one) => one.name === result.source);
    // A new entity has no owner yet.
    if (source === undefined || name.endsWith(".create")) continue;
    const owner = (field: string): string => source.fields[field]?.owner ?? ownerUnmapped(source.type, field);
    const refused = [...new Set(steps.flatMap(fieldsOf))].filter((field) => owner(field) === "erp");
    if (refused.length > 0)
      scene.note(
        ["commands", name],
        "field-never-written",
        `It writes ${refused.join(", ")}, which the ERP owns: commands that bring ${refused.length === 1 ? "it" : "one"} are refused`,
        `Say \`owner: shared\` or \`owner: portal\` at the field of source \`${source.name}\`, or leave it out of the steps.`,
      );
  }
}

function fieldsOf(step: Step): string[] {
  if (step.kind === "insertLines") return [step.field];
  const writes = step.kind === "call" ? step.args : "values" in step ? step.values : {};
  return Object.values(writes).flatMap((write) => (write.kind === "from" ? [write.field] : []));
}
