import type { ConnectorContext } from "../connector.ts";
import type { RawValue } from "../digest.ts";
import { at, behind, identityAt, type KeyPoint, Tail } from "../keyset.ts";
import { type DigestedRows, sizeOf } from "../row-batch.ts";
import type { Statement } from "../statement.ts";

/** A SELECT that can be continued behind the last row it gave. */
export interface PagedSelect {
  /** What it is ordered by: the column, how it is sorted, its position within a row, and how a value of it is bound. */
  order: readonly { column: string; by: string; position: number; bound: (raw: RawValue) => Statement | undefined }[];
  /** No two rows are equal in it, and none is null. */
  unique: boolean;
  statement: (options: {
    condition?: Statement;
    orderBy?: readonly string[];
    limit?: number;
    asOf?: Statement | undefined;
  }) => Statement;
  digested: (rows: readonly RawValue[][]) => DigestedRows;
}

/** Runs one SELECT. @param mostBytes after so many it may end before its last row, and says so by `cut` */
export type RunSelect = (statement: Statement, mostBytes?: number) => Promise<{ rows: RawValue[][]; cut: boolean }>;

/** Rows of the first page: enough to learn how large they are. */
const firstRows = 100;

/**
 * All rows in order, page by page: each page is a statement of its own behind the last row, so that none holds a snapshot for longer than it takes to read
 * it, and nothing is open while the consumer takes its time. A page has as many rows as the batch may have bytes.
 */
export async function* readPages(
  select: PagedSelect,
  run: RunSelect,
  { context, signal }: { context: ConnectorContext; signal: AbortSignal },
): AsyncGenerator<DigestedRows> {
  const { batchRows, batchBytes } = context.limits;
  const orderBy = select.order.map(({ by }) => by);
  const tail = new Tail();
  let limit = Math.min(batchRows, firstRows);
  let last: readonly RawValue[] | undefined;
  for (;;) {
    signal.throwIfAborted();
    const points = last && pointsOf(select, last);
    if (points && !select.unique) {
      // The group of rows equal to the last one is read once more: a page may have ended within it.
      const seen = tail.filter();
      for (const rows of cut((await run(select.statement({ condition: at(points) }))).rows, context)) {
        const batch = unseen(select.digested(rows), seen, select);
        if (batch.rows.length === 0) continue;
        tail.note(batch);
        yield batch;
      }
    }
    const statement = select.statement(points ? { condition: behind(points), orderBy, limit } : { orderBy, limit });
    const { rows: page, cut: isCut } = await run(statement, batchBytes);
    for (const rows of cut(page, context)) {
      const batch = select.digested(rows);
      tail.note(batch);
      yield batch;
    }
    if (page.length < limit && !isCut) return;
    last = page.at(-1);
    const bytes = page.reduce((sum, row) => sum + sizeOf(row), 0);
    limit = Math.max(1, Math.min(batchRows, Math.floor((batchBytes * page.length) / Math.max(1, bytes))));
  }
}

/** Batches of no more rows and bytes than the limits allow; a single row may have more. */
function* cut(rows: readonly RawValue[][], { limits }: ConnectorContext): Generator<RawValue[][]> {
  let batch: RawValue[][] = [];
  let bytes = 0;
  for (const row of rows) {
    batch.push(row);
    bytes += sizeOf(row);
    if (batch.length < limits.batchRows && bytes < limits.batchBytes) continue;
    yield batch;
    batch = [];
    bytes = 0;
  }
  if (batch.length > 0) yield batch;
}

function unseen(batch: DigestedRows, seen: (identity: bigint) => boolean, select: PagedSelect): DigestedRows {
  const fresh = batch.rows.filter((_, index) => !seen(identityAt(batch, index)));
  return fresh.length === batch.rows.length ? batch : select.digested(fresh as RawValue[][]);
}

function pointsOf(select: PagedSelect, row: readonly RawValue[]): KeyPoint[] {
  return select.order.map(({ column, position, bound }) => ({ column, value: bound(row[position] as RawValue) }));
}
