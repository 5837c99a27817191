/**
 * Rows that the database itself deletes or changes because a row of another table was (ON DELETE, ON UPDATE) are not in the binlog. Their tables are compared
 * in full after each deletion in the other table, and after each change of what they refer to.
 */
import { bind, concat, join } from "../statement.ts";
import { askServer } from "./describe.ts";
import type { FedTable, LoggedRow } from "./feed-keys.ts";
import type { Link } from "./link.ts";

/** A table whose changes the database carries on. */
export interface Cause {
  schema: string;
  name: string;
  /** Tables asked for of which rows go with a deleted one. */
  onDelete: readonly number[];
  /** Tables asked for of which rows change when one of these columns does. */
  onUpdate: readonly { columns: readonly string[]; tables: readonly number[] }[];
}

interface Reference {
  from: string;
  to: string;
  columns: string[];
  onDelete: boolean;
  onUpdate: boolean;
}

const operation = "look for what the database carries on by itself";
const carriedOn = "('CASCADE', 'SET NULL')";
const idOf = (schema: string | null | undefined, name: string | null | undefined): string => `${schema}\n${name}`;

/** Every table from which the database carries changes on to the fed ones, over any number of others, as far as the account can see. */
export async function causesOf(link: Link, fed: readonly FedTable[], signal: AbortSignal): Promise<Cause[]> {
  const schemas = [...new Set(fed.map(({ schema }) => schema))];
  if (schemas.length === 0) return [];
  const question = concat(
    "SELECT k.TABLE_SCHEMA, k.TABLE_NAME, k.CONSTRAINT_NAME, k.REFERENCED_TABLE_SCHEMA, k.REFERENCED_TABLE_NAME, k.REFERENCED_COLUMN_NAME,",
    ` r.DELETE_RULE IN ${carriedOn} AS deletes, r.UPDATE_RULE IN ${carriedOn} AS updates FROM information_schema.REFERENTIAL_CONSTRAINTS r`,
    " JOIN information_schema.KEY_COLUMN_USAGE k ON k.CONSTRAINT_SCHEMA = r.CONSTRAINT_SCHEMA AND k.CONSTRAINT_NAME = r.CONSTRAINT_NAME",
    " AND k.TABLE_NAME = r.TABLE_NAME WHERE k.REFERENCED_TABLE_NAME IS NOT NULL AND",
    ` (r.DELETE_RULE IN ${carriedOn} OR r.UPDATE_RULE IN ${carriedOn}) AND r.CONSTRAINT_SCHEMA IN (`,
    join(schemas.map(bind), ", "),
    ")",
  );
  const rows = await askServer(link, question, signal, operation);
  const references = [
    ...Map.groupBy(rows, (row) => `${idOf(row.table_schema, row.table_name)}\n${row.constraint_name}`).values(),
  ].map(
    (parts): Reference => ({
      from: idOf(parts[0]?.table_schema, parts[0]?.table_name),
      to: idOf(parts[0]?.referenced_table_schema, parts[0]?.referenced_table_name),
      columns: parts.map((part) => part.referenced_column_name ?? ""),
      onDelete: parts[0]?.deletes === "1",
      onUpdate: parts[0]?.updates === "1",
    }),
  );
  return [...new Set(references.map(({ to }) => to))].flatMap((id) => causeOf(id, references, fed));
}

function causeOf(id: string, references: readonly Reference[], fed: readonly FedTable[]): Cause[] {
  const direct = references.filter(({ to }) => to === id);
  const reached = (some: readonly Reference[]): number[] => {
    const seen = new Set<string>();
    const add = (one: string): void => {
      if (seen.has(one)) return;
      seen.add(one);
      for (const { from, to } of references) if (to === one) add(from);
    };
    for (const { from } of some) add(from);
    return fed.filter(({ schema, name }) => seen.has(idOf(schema, name))).map(({ index }) => index);
  };
  const onDelete = reached(direct.filter((one) => one.onDelete));
  const onUpdate = direct
    .filter((one) => one.onUpdate)
    .map((one) => ({ columns: one.columns, tables: reached([one]) }))
    .filter(({ tables }) => tables.length > 0);
  if (onDelete.length === 0 && onUpdate.length === 0) return [];
  const [schema = "", name = ""] = id.split("\n");
  return [{ schema, name, onDelete, onUpdate }];
}

/** Tables that a changed row's change was carried on to. */
export function carriedBy({ onUpdate }: Cause, before: LoggedRow, after: LoggedRow): number[] {
  return onUpdate
    .filter(({ columns }) => columns.some((name) => !same(before[name], after[name])))
    .flatMap(({ tables }) => tables);
}

const same = (one: unknown, other: unknown): boolean =>
  one === other || (Buffer.isBuffer(one) && Buffer.isBuffer(other) && one.equals(other));
