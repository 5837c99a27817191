/** The tables of a feed as the server has them, and the versions of their rows. */
import { FuserError } from "../../base/errors.ts";
import type { RawValue } from "../digest.ts";
import type { FeedChange, FeedTable } from "../feed.ts";
import { keyOf } from "../row-batch.ts";
import { bind, concat, type Statement, sql } from "../statement.ts";
import { describeTables } from "./describe.ts";
import type { Link } from "./link.ts";
import { columnOf } from "./source.ts";
import { oracleSyntax } from "./sql.ts";
import { decoderOf, type OracleColumn, readable } from "./values.ts";

/** Versions of one table in one answer; a table with more is compared in full, which reads it page by page. */
const mostVersions = 20_000;

export interface FedTable {
  table: FeedTable;
  /** Its name in the catalogue, and the columns of its keys; undefined while it is away. */
  place: { owner: string; object: string } | undefined;
  columns: readonly OracleColumn[];
}

export interface Asked {
  operation: string;
  signal: AbortSignal;
}

export async function fedTables(link: Link, tables: readonly FeedTable[], asked: Asked): Promise<FedTable[]> {
  const found: FedTable[] = [];
  for (const table of tables) {
    const [described] = await describeTables(link, [table.table], asked.signal);
    const place = described && { owner: described.owner, object: described.object };
    const columns = described === undefined ? [] : await columnsOf(link, table, asked);
    found.push({ table, place: columns === undefined ? undefined : place, columns: columns ?? [] });
  }
  return found;
}

/** Undefined where the table went away in between. */
async function columnsOf(link: Link, { table, key, own }: FeedTable, asked: Asked): Promise<OracleColumn[] | undefined> {
  const names = [...key, ...own];
  const list = names.map((name, index) => `${oracleSyntax.quote(name)} AS C${index}`).join(", ");
  const described = sql(`SELECT ${list} FROM ${oracleSyntax.quote(table)}`);
  try {
    const fields = await link.describe(described, asked.signal, asked.operation);
    return names.map((name, index) => columnOf(fields[index] as (typeof fields)[number], name));
  } catch (error) {
    if (error instanceof FuserError && error.code === "erp-object-missing") return undefined;
    throw error;
  }
}

/** Everything that was committed above `from` and up to `to`. */
export interface Window {
  from: bigint;
  to: bigint;
}

/** ` VERSIONS BETWEEN SCN a AND b`, both ends included. */
export const versionsBetween = ({ from, to }: Window): Statement =>
  concat(" VERSIONS BETWEEN SCN ", bind(from), " AND ", bind(to));

/**
 * A version that began or ended in the window. One that ended tells the key that the row had before: a key that was changed comes under both, whether the server tells
 * the change as an update or as a delete and an insert. A version from before may still show its beginning, which alone is no news.
 */
function isNews(from: bigint): Statement {
  const later = (column: string): Statement => concat(`${column} > `, bind(from));
  return concat(
    "(",
    later("VERSIONS_STARTSCN"),
    " OR ",
    later("VERSIONS_ENDSCN"),
    " OR (VERSIONS_STARTSCN IS NULL AND VERSIONS_OPERATION IS NOT NULL))",
  );
}

/** The changed rows of a table, each key once; `untold` where there are too many versions. */
export async function changesOf(
  link: Link,
  { table, columns }: FedTable,
  { index, window, asked }: { index: number; window: Window; asked: Asked },
): Promise<FeedChange[] | "untold"> {
  const list = columns.map(({ name, native }, at) => `${readable(oracleSyntax.quote(name), native)} AS C${at}`).join(", ");
  const rest = concat(` FROM ${oracleSyntax.quote(table.table)}`, versionsBetween(window), " WHERE ", isNews(window.from));
  const { rows } = await link.execute(oracleSyntax.limited(sql(list), rest, mostVersions + 1), asked.signal, asked);
  if (rows.length > mostVersions) return "untold";
  const textOf = (row: readonly RawValue[], begin: number, end: number): string | undefined =>
    keyOf(columns.slice(begin, end).map((column, at) => decoderOf(column)(row[begin + at] as RawValue)));
  const changes = new Map<string, FeedChange>();
  for (const row of rows) {
    const key = textOf(row, 0, table.key.length);
    const own = textOf(row, table.key.length, columns.length);
    changes.set(JSON.stringify([key ?? null, own ?? null]), { table: index, key, own });
  }
  return [...changes.values()];
}
