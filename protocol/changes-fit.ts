/**
 * A quick look at a `changes` message, the one that comes by the hundred thousand: it says yes only where the schema in messages.ts says yes. Whoever hears no
 * asks the schema, which alone decides and explains.
 */
import type { Changes } from "./messages.ts";

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
  if (!isObject(table) || !hasOnly(table, tableKeys) || !isWord(table.type)) return false;
  const { op, fields, rows } = table;
  if (!Array.isArray(fields) || fields.length > mostFields || !fields.every(isWord)) return false;
  if (!areDistinct(fields) || fields.includes("__proto__")) return false;
  if (op === "delete" ? fields.length !== 1 || fields[0] !== "reason" : op !== "upsert") return false;
  return Array.isArray(rows) && rows.length > 0 && areRows(rows, fields.length + 2);
}

/** A few names are compared faster than a set is made. */
function areDistinct(fields: readonly unknown[]): boolean {
  if (fields.length > 20) return new Set(fields).size === fields.length;
  for (let at = 1; at < fields.length; at++) if (fields.indexOf(fields[at]) !== at) return false;
  return true;
}

function areRows(rows: readonly unknown[], width: number): boolean {
  for (const row of rows) {
    if (!Array.isArray(row) || row.length !== width) return false;
    if (typeof row[0] !== "string" || !Number.isSafeInteger(row[1])) return false;
  }
  return true;
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
