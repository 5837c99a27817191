import type { ConnectorLimits } from "../connector.ts";
import type { RawValue } from "../digest.ts";
import { at, behind, identityAt, type KeyPoint, Tail } from "../keyset.ts";
import type { LinkPool } from "../link-pool.ts";
import type { DigestedRows } from "../row-batch.ts";
import type { Statement } from "../statement.ts";
import type { Link } from "./link.ts";
import type { ResultColumn } from "./values.ts";

/** A SELECT that can be continued behind the last row it gave. */
export interface ContinuedSelect {
  /** Columns it is ordered by, quoted, with their positions in a row and how a value of theirs is bound. */
  order: readonly { column: string; position: number; bound: (raw: Exclude<RawValue, null>) => Statement }[];
  /** No two rows are equal in the order: a unique index says so. */
  unique: boolean;
  statement: (options: { condition?: Statement; orderBy?: readonly string[]; limit?: number }) => Statement;
  /** @throws FuserError transient when the server now types the columns in another way */
  verify: (columns: readonly ResultColumn[]) => void;
  digested: (rows: readonly RawValue[][]) => DigestedRows;
}

export interface StreamContext {
  pool: LinkPool<Link>;
  limits: ConnectorLimits;
  signal: AbortSignal;
  operation: string;
  /** Throws on a connection that the rows can't be read from. */
  requireSuits?: (link: Link) => void;
}

/**
 * All rows in the order of the SELECT. Each page is a statement of its own, read to its end before it is handed out: a slow consumer holds neither locks nor
 * row versions in the ERP, whether the database keeps versions or not.
 */
export async function* readOn(select: ContinuedSelect, context: StreamContext): AsyncGenerator<DigestedRows> {
  const { limits } = context;
  const tail = new Tail();
  const orderBy = select.order.map(({ column }) => column);
  let last: readonly RawValue[] | undefined;
  for (;;) {
    const behindLast = last && pointsOf(select, last);
    if (behindLast && !select.unique) {
      // The group of rows that the server holds equal to the last one is never cut: it could not be continued within.
      const seen = tail.filter();
      for await (const rows of group(select, at(behindLast), context)) {
        const fresh = unseen(select.digested(rows), seen, select);
        if (fresh.rows.length === 0) continue;
        tail.note(fresh);
        last = fresh.rows.at(-1);
        yield fresh;
      }
    }
    const page = { orderBy, limit: limits.batchRows, ...(behindLast ? { condition: behind(behindLast) } : {}) };
    const { rows, last: ended } = await readPage(select, select.statement(page), context);
    if (rows.length > 0) {
      const batch = select.digested(rows);
      tail.note(batch);
      last = batch.rows.at(-1);
      yield batch;
    }
    if (ended && rows.length < limits.batchRows) return;
  }
}

/** One page: as many rows as its limit, fewer where they are so wide that a part of them fills a batch. */
function readPage(
  { verify }: ContinuedSelect,
  statement: Statement,
  { pool, limits, signal, operation, requireSuits }: StreamContext,
): Promise<{ rows: RawValue[][]; last: boolean }> {
  return pool.use(signal, async (link) => {
    requireSuits?.(link);
    const bounds = { rows: Number.POSITIVE_INFINITY, bytes: limits.batchBytes };
    for await (const piece of link.rows(statement, { signal, operation }, bounds)) {
      verify(piece.columns);
      return piece;
    }
    return { rows: [], last: true };
  });
}

/** Rows that are all equal in the order: mostly one, or none that is new. */
async function* group(
  select: ContinuedSelect,
  condition: Statement,
  { pool, limits, signal, operation, requireSuits }: StreamContext,
): AsyncGenerator<RawValue[][]> {
  const bounds = { rows: limits.batchRows, bytes: limits.batchBytes };
  const statement = select.statement({ condition });
  // One piece is the rule; more are read while the connection is held.
  const pieces = await pool.use(signal, async (link) => {
    requireSuits?.(link);
    const all: RawValue[][][] = [];
    for await (const piece of link.rows(statement, { signal, operation }, bounds)) {
      select.verify(piece.columns);
      all.push(piece.rows);
    }
    return all;
  });
  yield* pieces;
}

function unseen(batch: DigestedRows, seen: (identity: bigint) => boolean, select: ContinuedSelect): DigestedRows {
  const fresh = batch.rows.filter((_, index) => !seen(identityAt(batch, index)));
  return fresh.length === batch.rows.length ? batch : select.digested(fresh as RawValue[][]);
}

function pointsOf(select: ContinuedSelect, row: readonly RawValue[]): KeyPoint[] {
  return select.order.map(({ column, position, bound }) => {
    const raw = row[position] as RawValue;
    return { column, value: raw === null ? undefined : bound(raw) };
  });
}
