/** Items of the outbox as tables, and back: per run of one type, operation and set of fields the names once, then rows of values. */
import type { Changes, ChangesTable, DeleteReason } from "./messages.ts";
import type { Fields, Json } from "./model.ts";

interface ItemCommon {
  /** Name of the type in the model. */
  type: string;
  id: string;
  /** When the agent read the state, milliseconds since the epoch. */
  time: number;
  /** Id of the command found in the ERP with this state. */
  cause?: string | undefined;
  /** Old id that this entity continues. */
  replaces?: string | undefined;
}

/** The whole new state of an entity. */
export interface UpsertItem extends ItemCommon {
  op: "upsert";
  fields: Fields;
  /** Fields, null here, that a quality rule withheld. */
  withheld?: readonly string[] | undefined;
}

export interface DeleteItem extends ItemCommon {
  op: "delete";
  reason: DeleteReason;
}

export type ChangeItem = UpsertItem | DeleteItem;
export type NumberedItem = ChangeItem & { seq: number };

/** The frame that carries `items` in their order, the first under number `from`. A field that is undefined counts as absent. */
export function buildChanges(from: number, items: Iterable<ChangeItem>): Changes {
  const tables: ChangesTable[] = [];
  let table: ChangesTable | undefined;
  for (const item of items) {
    if (table === undefined || !fits(table, item)) {
      table = { type: item.type, op: item.op, fields: item.op === "delete" ? ["reason"] : presentFields(item.fields), rows: [] };
      tables.push(table);
    }
    append(table, item);
  }
  return { type: "changes", from, tables };
}

function presentFields(fields: Fields): string[] {
  return Object.keys(fields).filter((field) => fields[field] !== undefined);
}

function fits(table: ChangesTable, item: ChangeItem): boolean {
  if (table.type !== item.type || table.op !== item.op) return false;
  if (item.op === "delete") return true;
  let count = 0;
  for (const field in item.fields) if (item.fields[field] !== undefined) count += 1;
  return (
    count === table.fields.length &&
    table.fields.every((field) => Object.hasOwn(item.fields, field) && item.fields[field] !== undefined)
  );
}

function append(table: ChangesTable, item: ChangeItem): void {
  const index = String(table.rows.length);
  const row: Json[] = [item.id, item.time];
  if (item.op === "delete") row.push(item.reason);
  else for (const field of table.fields) row.push(item.fields[field] as Json);
  table.rows.push(row);
  if (item.cause !== undefined) {
    table.cause ??= {};
    table.cause[index] = item.cause;
  }
  if (item.replaces !== undefined) {
    table.replaces ??= {};
    table.replaces[index] = item.replaces;
  }
  if (item.op === "upsert" && item.withheld !== undefined && item.withheld.length > 0) {
    table.withheld ??= {};
    table.withheld[index] = [...item.withheld];
  }
}

/** How many items a frame carries. */
export function countItems(frame: Changes): number {
  return frame.tables.reduce((count, table) => count + table.rows.length, 0);
}

/**
 * The items of a frame with their numbers, one at a time. The frame must have passed its schema (`decodeFrame`); whether each item fits the
 * model is for `validateItem`.
 */
export function* expandChanges(frame: Changes): Generator<NumberedItem, void, undefined> {
  let seq = frame.from;
  for (const table of frame.tables) {
    for (let index = 0; index < table.rows.length; index++) yield expandRow(table, index, seq++);
  }
}

/** The item in a row of a table, under its number. */
export function expandRow(table: ChangesTable, index: number, seq: number): NumberedItem {
  const row = table.rows[index] as Json[];
  const common: ItemCommon & { seq: number } = { seq, type: table.type, id: row[0] as string, time: row[1] as number };
  const cause = table.cause?.[index];
  if (cause !== undefined) common.cause = cause;
  const replaces = table.replaces?.[index];
  if (replaces !== undefined) common.replaces = replaces;
  if (table.op === "delete") return { ...common, op: "delete", reason: row[2] as DeleteReason };
  const fields: Record<string, Json> = {};
  for (let column = 0; column < table.fields.length; column++) fields[table.fields[column] as string] = row[column + 2] as Json;
  const withheld = table.withheld?.[index];
  return withheld === undefined ? { ...common, op: "upsert", fields } : { ...common, op: "upsert", fields, withheld };
}
