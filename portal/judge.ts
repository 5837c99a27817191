/** Which items of a frame can't be taken, and why: decided before the frame is journaled, so that its ack tells it. */
import { expandRow, type NumberedItem } from "../protocol/changes.ts";
import { parseRow, place, type ScannedTable } from "../protocol/changes-bytes.ts";
import type { ChangesTable, Refusal } from "../protocol/messages.ts";
import type { Json } from "../protocol/model.ts";
import { validateItem } from "../protocol/validate.ts";
import { type Arrived, messageOf } from "./arrived.ts";
import type { Tables } from "./journal.ts";
import { type KnownOfLink, type KnownOfType, viewOf } from "./known.ts";
import { eachParent, type HeadPlan, type TablePlan, type TablePlans } from "./table-plan.ts";

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
export function judge(parts: JudgeParts, frame: Arrived, last: number): Refusal[] | undefined {
  const { accepted, plans, known, refuse, tables } = parts;
  const work: Work = { accepted, plans, known, refuse, tables, gone: new Set(), last, refused: [] };
  let { from } = frame;
  if (frame.scanned === undefined) {
    for (const table of messageOf(frame).tables) {
      if (!judgeTable(work, table, from)) return undefined;
      from += table.rows.length;
    }
    return work.refused;
  }
  const { bytes } = frame.scanned;
  const view = viewOf(bytes);
  for (const table of frame.scanned.tables) {
    if (!judgeScanned(work, table, { bytes, view, from })) return undefined;
    from += table.rows;
  }
  return work.refused;
}

interface Work extends JudgeParts {
  /** What this frame has deleted so far, by type and id: the tables still hold it. */
  gone: Set<string>;
  last: number;
  refused: Refusal[];
}

/** False where it can't be told yet. `from`: number of the table's first row. */
function judgeTable(work: Work, table: ChangesTable, from: number): boolean {
  const plan = table.op === "upsert" ? work.plans.of(table.type, table.fields) : undefined;
  for (let index = Math.max(0, work.last + 1 - from); index < table.rows.length; index++) {
    if (!judgeRow(work, { table, plan, index, seq: from + index })) return false;
  }
  return true;
}

interface RowOf {
  table: ChangesTable;
  plan: TablePlan | undefined;
  index: number;
  seq: number;
}

function judgeRow(work: Work, { table, plan, index, seq }: RowOf): boolean {
  const { accepted, refuse, refused } = work;
  const row = table.rows[index] as readonly Json[];
  const isPlain = refuse === undefined && accepted.has(table.type) && table.withheld === undefined;
  let reason: Reason | undefined;
  if (!isPlain || plan === undefined || !plan.fits(row)) reason = reasonOf(work, expandRow(table, index, seq));
  if (reason === undefined && plan !== undefined) {
    const verdict = judgeParents(work, plan, table.type, row);
    if (verdict === "unsure") return false;
    reason = verdict;
  }
  if (reason !== undefined) refused.push({ seq, ...reason });
  else if (table.op === "delete") forget(work, table.type, row[0] as string);
  else if (plan?.mayBeParent) remember(work, table.type, row[0] as string);
  return true;
}

function forget({ known, gone }: Work, type: string, id: string): void {
  known.of(type).remove(id);
  gone.add(nameOf(type, id));
}

function remember({ known, gone }: Work, type: string, id: string): void {
  known.of(type).add(id);
  if (gone.size > 0) gone.delete(nameOf(type, id));
}

/** The same of a table that was looked through as bytes. A row of which nothing is in doubt is settled as it stands; any other is parsed and judged alone. */
function judgeScanned(
  work: Work,
  scanned: ScannedTable<HeadPlan>,
  { bytes, view, from }: { bytes: Uint8Array; view: DataView; from: number },
): boolean {
  const { type, op, fields } = scanned.head;
  const plan = scanned.plan.table;
  const own = work.known.of(type);
  const parents = plan?.parents.map(({ types }) => types.map((parent) => work.known.of(parent))) ?? [];
  for (let index = Math.max(0, work.last + 1 - from); index < scanned.rows; index++) {
    const isCertain = plan !== undefined && work.refuse === undefined && work.gone.size === 0;
    if (isCertain && areParentsKnown(scanned, { view, index, parents })) {
      const at = index * place.size;
      const start = scanned.places[at + place.start] as number;
      if (plan.mayBeParent) own.addAt(view, start + 2, scanned.places[at + place.idEnd] as number);
      continue;
    }
    const table = { type, op, fields: [...fields], rows: [[...parseRow(bytes, scanned, index)]] };
    if (!judgeRow(work, { table, plan, index: 0, seq: from + index })) return false;
  }
  return true;
}

/** Whether a row is certain and all the parents that it names stand in the cache. */
function areParentsKnown(
  { places, marks }: ScannedTable<HeadPlan>,
  { view, index, parents }: { view: DataView; index: number; parents: readonly (readonly KnownOfType[])[] },
): boolean {
  const row = index * place.size;
  if ((places[row + place.idEnd] as number) < 0) return false;
  const end = places[row + place.marksEnd] as number;
  for (let at = index === 0 ? 0 : (places[row - place.size + place.marksEnd] as number); at < end; at += 3) {
    const types = parents[marks[at] as number] as readonly KnownOfType[];
    let isKnown = false;
    for (let each = 0; each < types.length && !isKnown; each++)
      isKnown = (types[each] as KnownOfType).hasAt(view, marks[at + 1] as number, marks[at + 2] as number);
    if (!isKnown) return false;
  }
  return true;
}

/** What is wrong with an item itself. */
function reasonOf({ accepted, plans, refuse }: JudgeParts, item: NumberedItem): Reason | undefined {
  const hooked = refuse?.(item);
  if (hooked !== undefined) return hooked;
  if (!accepted.has(item.type)) return { code: "invalid", reason: "type: is not among the accepted types" };
  const faults = validateItem(item, plans.types);
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
      for (const parent of types) if (known.of(parent).has(id)) return true;
      if (tables === "outdated") return false;
      return types.some((parent) => !gone.has(nameOf(parent, id)) && known.of(parent).look(id, gone.size === 0));
    });
    if (areKnown) continue;
    return tables === "complete" ? { code: "unknown-parent", reason: `${types.join(" or ")} is not known here` } : "unsure";
  }
  return undefined;
}
