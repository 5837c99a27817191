/** Frames of `changes` as they travel, read once more and on its own: it shares no code with those who write and take them. */
import type { NumberedItem } from "../../../protocol/changes.ts";
import type { Changes } from "../../../protocol/messages.ts";

/** One row of a frame. */
interface WireItem {
  seq: number;
  /** Operation, type and id, for people. */
  name: string;
  /** Everything that it says but its number: equal for equal items. */
  content: string;
}

export function itemsOn({ from, tables }: Changes): WireItem[] {
  const rows = tables.flatMap((table) => table.rows.map((row, index) => ({ table, row, index })));
  return rows.map(({ table, row: [id, time, ...values], index }, place) => {
    const { op, type, fields, cause, replaces, withheld } = table;
    const said = fields.map((field, column): [string, unknown] => [field, values[column]]);
    const notes = [cause?.[index], replaces?.[index], withheld?.[index]];
    return { seq: from + place, name: `${op} ${type} ${id}`, content: contentOf({ op, type, id, time, said, notes }) };
  });
}

/** The same of an item that the portal says it has taken. */
export function contentTaken(item: NumberedItem): string {
  const { op, type, id, time, cause, replaces } = item;
  const said: [string, unknown][] = item.op === "delete" ? [["reason", item.reason]] : Object.entries(item.fields);
  const notes = [cause, replaces, item.op === "delete" ? undefined : item.withheld];
  return contentOf({ op, type, id, time, said, notes });
}

interface Content {
  op: string;
  type: string;
  id: unknown;
  time: unknown;
  said: readonly [field: string, value: unknown][];
  notes: readonly unknown[];
}

function contentOf({ op, type, id, time, said, notes }: Content): string {
  const sorted = said.toSorted(([one], [other]) => (one < other ? -1 : 1));
  return JSON.stringify([op, type, id, time, sorted, notes]);
}
