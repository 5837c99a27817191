import type { DatabaseSync } from "node:sqlite";
import { setImmediate as turn } from "node:timers/promises";
import { decodeKey } from "../../base/key.ts";
import type { ConnectorContext, ConnectorLimits } from "../connector.ts";
import type { RawValue } from "../digest.ts";
import { anyOf, at, behind, identityAt, type KeyPoint, Tail } from "../keyset.ts";
import { type DigestedRows, sizeOf } from "../row-batch.ts";
import { bind, type Statement, withMarks } from "../statement.ts";
import { retryBusy } from "./busy.ts";
import { inputs, isWal, prepare } from "./database.ts";
import { sqliteSyntax } from "./sql.ts";
import { type DeclaredType, storedForms } from "./values.ts";

/** A SELECT that can be continued behind the last row it gave. */
export interface ContinuedSelect {
  /** Columns it is ordered by, quoted, and their positions within a row. */
  order: readonly { column: string; position: number }[];
  /** The statement with a further condition, ordered or not. */
  statement: (options: { condition?: Statement; orderBy?: readonly string[]; limit?: number }) => Statement;
  digested: (rows: readonly RawValue[][]) => DigestedRows;
}

export interface ReadContext {
  context: ConnectorContext;
  signal: AbortSignal;
}

/**
 * All rows in the order of the SELECT, in bounded batches, with a turn for the event loop between them. With a write-ahead log a statement
 * lives up to `snapshotMs`; without one no statement outlives its batch, for it would keep the ERP from writing. It goes on behind the last
 * row. The connection must be the reader's own: an open statement holds a snapshot for all of its connection.
 */
export async function* readOn(
  database: DatabaseSync,
  select: ContinuedSelect,
  { context, signal }: ReadContext,
): AsyncGenerator<DigestedRows> {
  const { clock, limits } = context;
  const log = isWal(database);
  const page = { orderBy: select.order.map(({ column }) => column), ...(log ? {} : { limit: limits.batchRows }) };
  const tail = new Tail();
  let last: readonly RawValue[] | undefined;
  for (;;) {
    const begun = clock.monotonic();
    const behindLast = last && pointsOf(select, last);
    if (behindLast) {
      // The group of rows that the database holds equal to the last one is never cut: it could not be continued within.
      const seen = tail.filter();
      const group = await retryBusy(context, signal, () => {
        const rows = rowsOf(database, select.statement({ condition: at(behindLast) }));
        return log ? rows : [...rows];
      });
      for (const rows of batches(group, limits)) {
        const batch = unseen(select.digested(rows), seen, select);
        if (batch.rows.length === 0) continue;
        tail.note(batch);
        last = batch.rows.at(-1);
        yield batch;
        await nextTurn(signal);
      }
    }
    const statement = select.statement(behindLast ? { ...page, condition: behind(behindLast) } : page);
    const { rows, first } = await retryBusy(context, signal, () => firstBatch(rowsOf(database, statement), limits));
    let cut = false;
    for (let next = first; !next.done; next = cut ? rows.return(undefined) : rows.next()) {
      const batch = select.digested(next.value);
      tail.note(batch);
      last = batch.rows.at(-1);
      // Without a log the statement ends before the consumer takes its time.
      cut = !log;
      if (cut) rows.return(undefined);
      yield batch;
      await nextTurn(signal);
      cut ||= clock.monotonic() - begun >= limits.snapshotMs;
    }
    if (!cut) return;
  }
}

type Batches = Generator<RawValue[][], undefined, undefined>;

function firstBatch(
  source: Iterable<RawValue[]>,
  limits: ConnectorLimits,
): { rows: Batches; first: IteratorResult<RawValue[][], undefined> } {
  const rows = batches(source, limits);
  return { rows, first: rows.next() };
}

async function nextTurn(signal: AbortSignal): Promise<void> {
  await turn();
  signal.throwIfAborted();
}

function* batches(rows: Iterable<RawValue[]>, limits: ConnectorLimits): Batches {
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

function unseen(batch: DigestedRows, seen: (identity: bigint) => boolean, select: ContinuedSelect): DigestedRows {
  const fresh = batch.rows.filter((_, index) => !seen(identityAt(batch, index)));
  return fresh.length === batch.rows.length ? batch : select.digested(fresh as RawValue[][]);
}

function pointsOf(select: ContinuedSelect, row: readonly RawValue[]): KeyPoint[] {
  return select.order.map(({ column, position }) => {
    const raw = row[position] as RawValue;
    return { column, value: raw === null ? undefined : bind(raw) };
  });
}

function rowsOf(database: DatabaseSync, statement: Statement): Iterable<RawValue[]> {
  return prepare(database, withMarks(statement)).iterate(...inputs(statement)) as unknown as Iterable<RawValue[]>;
}

/** Condition that finds the rows of these keys; undefined when none of them was made by `encodeKey` for this many columns. */
export function keyCondition(
  columns: readonly string[],
  types: readonly DeclaredType[],
  keys: readonly string[],
): Statement | undefined {
  const forms = keys.flatMap((key) => {
    const parts = decodeKey(key);
    if (parts?.length !== columns.length) return [];
    return [parts.map((part, index) => storedForms(part, types[index] as DeclaredType).map(bind))];
  });
  return forms.length === 0 ? undefined : anyOf(columns.map(sqliteSyntax.quote), forms);
}
