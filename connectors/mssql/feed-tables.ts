/** The tables of a feed as the server has them, and their changes. */
import type { Table } from "../connector.ts";
import type { RawValue } from "../digest.ts";
import type { FeedChange, FeedTable } from "../feed.ts";
import { keyOf } from "../row-batch.ts";
import { bind, concat } from "../statement.ts";
import { describeTables, nativeOf } from "./describe.ts";
import type { Asked, Link } from "./link.ts";
import { mssqlSyntax } from "./sql.ts";
import { columnType, type NativeType, readingOf } from "./types.ts";
import { decoderOf } from "./values.ts";

/** Changes of one table in one answer; a table with more is compared in full, which reads it once and not row by row. */
const mostChanges = 20_000;

export interface FedTable {
  table: FeedTable;
  /** Undefined while it is away. */
  described: Table | undefined;
}

export async function fedTables(link: Link, tables: readonly FeedTable[], signal: AbortSignal): Promise<FedTable[]> {
  const found: FedTable[] = [];
  for (const table of tables) {
    const [described] = await describeTables(link, [table.table], signal);
    found.push({ table, described });
  }
  return found;
}

const same = (one: string, other: string): boolean => one.toLowerCase() === other.toLowerCase();

/** Whether change tracking tells a row's own key: it tells primary keys alone. */
export function tellsOwnKey({ table, described }: FedTable): boolean {
  const key = described?.primaryKey ?? [];
  return key.length > 0 && table.own.every((name) => key.some((part) => same(part, name)));
}

interface Part {
  /** It comes from the row as it is now. */
  ofRow: boolean;
  expression: string;
  type: NativeType;
}

/**
 * What of a key is read: of the primary key from the changes, which keep it of deleted rows too; of other columns from the row as it is now. A child's row
 * that is gone has no parent any more: then its own key is told alone.
 */
function partsOf(names: readonly string[], described: Table): Part[] {
  return names.map((name) => {
    const column = described.columns.find((candidate) => same(candidate.name, name));
    const type = nativeOf(column ?? (described.columns[0] as (typeof described.columns)[number]));
    const ofRow = !described.primaryKey.some((part) => same(part, name));
    return { ofRow, expression: readingOf(`${ofRow ? "t" : "ct"}.${mssqlSyntax.quote(column?.name ?? name)}`, type), type };
  });
}

/** The changes behind a version, each row once; `untold` where there are too many of them. */
export async function changesOf(
  link: Link,
  { table, described }: { table: FeedTable; described: Table },
  { index, since, asked }: { index: number; since: bigint; asked: Asked },
): Promise<FeedChange[] | "untold"> {
  const { quote } = mssqlSyntax;
  const key = partsOf(table.key, described);
  const own = partsOf(table.own, described);
  const list = [...key, ...own].map(({ expression }) => expression).join(", ");
  const name = quote(described.name);
  const joined = described.primaryKey.map((part) => `t.${quote(part)} = ct.${quote(part)}`).join(" AND ");
  // The rows themselves are looked at only where they must be: without row versions that waits for whoever writes them.
  const rowsToo = [...key, ...own].some(({ ofRow }) => ofRow);
  const statement = concat(
    `SELECT TOP (${mostChanges + 1}) ${list} FROM CHANGETABLE(CHANGES ${name}, `,
    bind(since),
    rowsToo ? `) AS ct LEFT JOIN ${name} AS t ON ${joined}` : ") AS ct",
  );
  const [result] = await link.query(statement, asked);
  const rows = result?.rows ?? [];
  if (rows.length > mostChanges) return "untold";
  const textOf = (row: readonly RawValue[], parts: readonly Part[], from: number): string | undefined =>
    keyOf(parts.map(({ type }, at) => decoderOf(columnType(type))(row[from + at] as RawValue)));
  return rows.map((row) => ({ table: index, key: textOf(row, key, 0), own: textOf(row, own, key.length) }));
}
