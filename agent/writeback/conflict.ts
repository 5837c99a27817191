/**
 * A field that both sides have changed: the ERP's value stays, the portal's is written over it, or a person decides, by the field's policy. Whatever becomes of it
 * is in the command's result, in the journal and in a finding, and both values are in the result.
 */
import { splitId } from "../../base/key.ts";
import type { FieldConflict, Value, WritePlan } from "../../connectors/connector.ts";
import type { Raised } from "../quality/judged.ts";
import type { Conclusion } from "./conclude.ts";
import { askedOf, forgetConflict, noteAsked, noteOverruled, overruledOf } from "./memory.ts";
import type { CompiledCommand, ResolvedCommand, WritebackParts, WritebackStore } from "./parts.ts";
import { reply } from "./replies.ts";

/** What became of a conflict, as findings and journal name it. */
type Settled = "erp-wins" | "portal-wins" | "ask";

/** Nothing was written. */
export function conflicted(compiled: CompiledCommand, command: ResolvedCommand, fields: readonly FieldConflict[]): Conclusion {
  const conflict = compiled.conflicts(fields);
  const { entity } = command;
  const at = entity && { source: compiled.source, key: splitId(entity.id).key };
  if (at === undefined || !compiled.asks(fields))
    return { outcome: "conflict", details: { conflict, error: reply("conflict") }, conflictAt: at };
  const seen = Object.fromEntries(fields.map(({ column, current }) => [column, textOf(current)]));
  return { outcome: "waiting", details: { conflict, error: reply("conflict-asked") }, conflictAt: at, seen };
}

const textOf = (value: Value): string | null => {
  if (value === null) return null;
  return value instanceof Uint8Array ? Buffer.from(value).toString("hex") : String(value);
};

/** What of a plan depends on who has decided what. */
export function settlement(
  { store }: WritebackParts,
  id: string,
  compiled: CompiledCommand,
): Pick<WritePlan, "overruling" | "seen"> {
  const asked = askedOf(store.meta, id);
  return {
    overruling: (fields) =>
      store.transaction(() => noteOverruled(store.meta, id, compiled.conflicts(fields)), "command-overrules"),
    ...(asked && { seen: asked.seen }),
  };
}

/** Under which the findings of a record's conflicts stand. */
export const conflictGroup = (
  { facts }: Pick<WritebackStore, "facts">,
  { source, key }: { source: string; key: string },
): bigint => facts.hash("conflict", `${source}\0${key}`);

/** Notes what a conclusion says of a conflict, in its transaction; what it says no longer, closes. Returns the journal's words of it. */
export function settleConflict(
  store: WritebackStore,
  id: string,
  { conclusion, now }: { conclusion: Conclusion; now: number },
): Readonly<Record<string, string>> {
  const { outcome, details, entity, seen } = conclusion;
  const asked = askedOf(store.meta, id);
  const conflictAt = conclusion.conflictAt ?? entity ?? asked;
  const isOpen = outcome === "waiting" || outcome === "uncertain";
  const fields = (details.conflict ?? []).map(({ field }) => field);
  const settled: Settled = outcome === "applied" ? "portal-wins" : outcome === "waiting" ? "ask" : "erp-wins";
  if (conflictAt !== undefined) {
    const { source, key } = conflictAt;
    const raised = fields.map(
      (field): Raised => ({ rule: "field-conflict", source, key, field, other: "", params: { command: id, settled } }),
    );
    // What a person was asked is answered, also where the command ends without a dispute: rejected, or too late.
    const isAnswered = asked !== undefined && !isOpen;
    if (raised.length > 0 || outcome === "applied" || isAnswered) replaceFindings(store, { at: conflictAt, id, raised, now });
    if (seen !== undefined) noteAsked(store.meta, id, { source, key, seen });
  }
  if (!isOpen) forgetConflict(store.meta, id);
  return fields.length === 0 ? {} : { conflict: fields.join(", "), settled };
}

interface Found {
  at: { source: string; key: string };
  /** The command. */
  id: string;
  raised: readonly Raised[];
  now: number;
}

/** The dispute of another command is another one: it has its own time, and nobody has accepted it yet. */
function replaceFindings(store: WritebackStore, { at, id, raised, now }: Found): void {
  const group = conflictGroup(store, at);
  const isOther = store.findings.ofGroup(group).some(({ params }) => params.command !== id);
  if (isOther) store.findings.replace(group, [], now);
  store.findings.replace(group, raised, now);
}

/** With what an applied command has written over. */
export function withOverruled({ meta }: WritebackStore, id: string, conclusion: Conclusion): Conclusion {
  const overruled = conclusion.outcome === "applied" ? overruledOf(meta, id) : [];
  return overruled.length === 0 ? conclusion : { ...conclusion, details: { ...conclusion.details, conflict: overruled } };
}
