/** Which items of a frame can't be taken, and why: decided before the frame is journaled, so that its ack tells it. */
import { expandChanges, type NumberedItem } from "../protocol/changes.ts";
import type { Changes, Refusal } from "../protocol/messages.ts";
import type { TypeName } from "../protocol/model.ts";
import { parentReferences } from "../protocol/references.ts";
import { validateItem } from "../protocol/validate.ts";
import type { KnownOfLink } from "./known.ts";

/** A reason to refuse an item beside the portal's own ones. */
export type RefuseHook = (item: NumberedItem) => Omit<Refusal, "seq"> | undefined;

export interface JudgeParts {
  /** The types that `welcome` named. */
  accepted: ReadonlySet<string>;
  known: KnownOfLink;
  refuse?: RefuseHook | undefined;
  /** Whether the tables hold all that was journaled of this agent. */
  settled: boolean;
}

/**
 * The refusals among the items behind number `last`, in order. Undefined where a parent is not known and may stand in a frame that is not applied yet:
 * then the frame must be judged again once all is.
 */
export function judge(parts: JudgeParts, frame: Changes, last: number): Refusal[] | undefined {
  const refused: Refusal[] = [];
  for (const item of expandChanges(frame)) {
    if (item.seq <= last) continue;
    const refusal = parts.refuse?.(item) ?? reasonToRefuse(parts, item);
    if (refusal === "unsure") return undefined;
    if (refusal !== undefined) refused.push({ seq: item.seq, ...refusal });
    else if (item.op === "upsert") parts.known.add(item.type, item.id);
    else parts.known.remove(item.type, item.id);
  }
  return refused;
}

function reasonToRefuse(parts: JudgeParts, item: NumberedItem): Omit<Refusal, "seq"> | "unsure" | undefined {
  const { accepted } = parts;
  if (!accepted.has(item.type)) return { code: "invalid", reason: "type: is not among the accepted types" };
  const faults = validateItem(item);
  if (faults.length > 0) {
    const reason = faults.map((fault) => `${fault.path}: ${fault.message}`).join("; ");
    return { code: "invalid", reason: reason.slice(0, 1_000) };
  }
  if (item.op === "delete") return undefined;
  for (const parent of parentReferences(item.type as TypeName, item.fields)) {
    // Types that this agent does not send can't be asked for.
    const types = parent.types.filter((type) => accepted.has(type));
    if (types.length === 0 || (parent.id === item.id && types.includes(item.type))) continue;
    if (types.some((type) => parts.known.has(type, parent.id))) continue;
    if (!parts.settled) return "unsure";
    if (types.some((type) => parts.known.look(type, parent.id))) continue;
    return { code: "unknown-parent", reason: `${types.join(" or ")} is not known here` };
  }
  return undefined;
}
