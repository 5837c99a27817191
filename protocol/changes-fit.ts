/**
 * A quick look at a `changes` message, the one that comes by the hundred thousand: it says yes only where the schema in messages.ts says yes. Whoever hears no
 * asks the schema, which alone decides and explains.
 */
import type { Changes } from "./messages.ts";
import type { Json } from "./model.ts";

const messageKeys = new Set(["type", "from", "tables"]);
const tableKeys = new Set(["type", "op", "fields", "rows"]);
const mostFields = 200;

type Table = Readonly<Record<string, unknown>>;

/** Whether a value, as JSON.parse gives it, is a `changes` message without notes on rows. */
export function isPlainChanges(value: unknown): value is Changes {
  if (!isObject(value) || value.type !== "changes" || !hasOnly(value, messageKeys)) return false;
  const { from, tables } = value;
  if (!Number.isSafeInteger(from) || (from as number) < 0) return false;
  return Array.isArray(tables) && tables.length > 0 && tables.every(isPlainTable);
}

function isPlainTable(table: unknown): boolean {
  if (!isPlainHead(table)) return false;
  const { fields, rows } = table as Table & { fields: readonly string[] };
  return Array.isArray(rows) && rows.length > 0 && rows.every((row) => isPlainRow(row, fields.length));
}

/** Whether an object is a table without notes on its rows, whatever these are. */
export function isPlainHead(
  table: unknown,
): table is { type: string; op: "upsert" | "delete"; fields: readonly string[]; rows?: unknown } {
  if (!isObject(table) || !hasOnly(table, tableKeys) || !isWord(table.type)) return false;
  const { op, fields } = table;
  if (!Array.isArray(fields) || fields.length > mostFields || !fields.every(isWord)) return false;
  if (!areDistinct(fields) || fields.includes("__proto__")) return false;
  return op === "delete" ? fields.length === 1 && fields[0] === "reason" : op === "upsert";
}

/** A few names are compared faster than a set is made. */
function areDistinct(fields: readonly unknown[]): boolean {
  if (fields.length > 20) return new Set(fields).size === fields.length;
  for (let at = 1; at < fields.length; at++) if (fields.indexOf(fields[at]) !== at) return false;
  return true;
}

/** Whether a value is a row of a table with so many fields. */
export function isPlainRow(row: unknown, fields: number): row is Json[] {
  return Array.isArray(row) && row.length === fields + 2 && typeof row[0] === "string" && Number.isSafeInteger(row[1]);
}

function isObject(value: unknown): value is Table {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function hasOnly(value: Table, keys: ReadonlySet<string>): boolean {
  for (const key in value) if (!keys.has(key)) return false;
  return true;
}

function isWord(value: unknown): boolean {
  return typeof value === "string" && value.length > 0 && value.length <= 100;
}
