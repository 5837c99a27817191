/** Which items of a frame can't be taken, and why: decided before the frame is journaled, so that its ack tells it. */
import { expandRow, type NumberedItem } from "../protocol/changes.ts";
import type { Changes, ChangesTable, Refusal } from "../protocol/messages.ts";
import type { Json } from "../protocol/model.ts";
import { validateItem } from "../protocol/validate.ts";
import type { Tables } from "./journal.ts";
import type { KnownOfLink } from "./known.ts";
import { eachParent, type TablePlan, type TablePlans } from "./table-plan.ts";

type Reason = Omit<Refusal, "seq">;

/** A reason to refuse an item beside the portal's own ones. */
export type RefuseHook = (item: NumberedItem) => Reason | undefined;

export interface JudgeParts {
  /** The types that `welcome` named. */
  accepted: ReadonlySet<string>;
  plans: TablePlans;
  known: KnownOfLink;
  refuse?: RefuseHook | undefined;
  /** What the tables are worth before this frame. */
  tables: Tables;
}

/**
 * The refusals among the items behind number `last`, in order. Undefined where a parent is not known and may stand in a frame that is not applied yet:
 * then the frame must be judged again once all is.
 */
export function judge(parts: JudgeParts, frame: Changes, last: number): Refusal[] | undefined {
  const refused: Refusal[] = [];
  const work: Work = { ...parts, gone: new Set() };
  let from = frame.from;
  for (const table of frame.tables) {
    const sure = judgeTable(work, table, { from, last, refused });
    if (!sure) return undefined;
    from += table.rows.length;
  }
  return refused;
}

interface Work extends JudgeParts {
  /** What this frame has deleted so far, by type and id: the tables still hold it. */
  gone: Set<string>;
}

interface Place {
  /** Number of the table's first row. */
  from: number;
  last: number;
  refused: Refusal[];
}

/** False where it can't be told yet. */
function judgeTable(parts: Work, table: ChangesTable, { from, last, refused }: Place): boolean {
  const { accepted, known, refuse, gone } = parts;
  const plan = table.op === "upsert" ? parts.plans.of(table.type, table.fields) : undefined;
  const isPlain = refuse === undefined && accepted.has(table.type) && table.withheld === undefined;
  for (let index = Math.max(0, last + 1 - from); index < table.rows.length; index++) {
    const row = table.rows[index] as readonly Json[];
    const seq = from + index;
    let reason: Reason | undefined;
    if (!isPlain || plan === undefined || !plan.fits(row)) reason = reasonOf(parts, expandRow(table, index, seq));
    if (reason === undefined && plan !== undefined) {
      const verdict = judgeParents(parts, plan, table.type, row);
      if (verdict === "unsure") return false;
      reason = verdict;
    }
    if (reason !== undefined) refused.push({ seq, ...reason });
    else if (table.op === "delete") {
      known.remove(table.type, row[0] as string);
      gone.add(nameOf(table.type, row[0] as string));
    } else if (plan?.mayBeParent) {
      known.add(table.type, row[0] as string);
      if (gone.size > 0) gone.delete(nameOf(table.type, row[0] as string));
    }
  }
  return true;
}

/** What is wrong with an item itself. */
function reasonOf({ accepted, refuse }: JudgeParts, item: NumberedItem): Reason | undefined {
  const hooked = refuse?.(item);
  if (hooked !== undefined) return hooked;
  if (!accepted.has(item.type)) return { code: "invalid", reason: "type: is not among the accepted types" };
  const faults = validateItem(item);
  if (faults.length === 0) return undefined;
  const reason = faults.map((fault) => `${fault.path}: ${fault.message}`).join("; ");
  return { code: "invalid", reason: reason.slice(0, 1_000) };
}

const nameOf = (type: string, id: string): string => `${type} ${id}`;

function judgeParents(
  { known, tables, gone }: Work,
  plan: TablePlan,
  type: string,
  row: readonly Json[],
): Reason | "unsure" | undefined {
  for (const { column, path, types } of plan.parents) {
    const areKnown = eachParent(row[column], path, (id) => {
      if (id === row[0] && types.includes(type)) return true;
      for (const parent of types) if (known.has(parent, id)) return true;
      if (tables === "outdated") return false;
      return types.some((parent) => !gone.has(nameOf(parent, id)) && known.look(parent, id, gone.size === 0));
    });
    if (areKnown) continue;
    return tables === "complete" ? { code: "unknown-parent", reason: `${types.join(" or ")} is not known here` } : "unsure";
  }
  return undefined;
}
