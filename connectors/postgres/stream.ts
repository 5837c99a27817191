import { setImmediate as turn } from "node:timers/promises";
import type { ConnectorLimits } from "../connector.ts";
import { at, behind, identityAt, type KeyPoint, Tail } from "../keyset.ts";
import { type DigestedRows, sizeOf } from "../row-batch.ts";
import { createSerial } from "../serial.ts";
import { bind, concat, join, type Statement } from "../statement.ts";
import { statementLifeMs } from "../statement-life.ts";
import type { Access } from "./connect.ts";
import { type Link, openLink, type ResultSet, type SentValue } from "./link.ts";
import { withLiterals } from "./sql.ts";
import type { Field } from "./values.ts";

/** A SELECT that can be continued behind the last row it gave. */
export interface ContinuedSelect {
  /** Expressions it is ordered by, and the position of their value within a row. `filled`: it can't be NULL. */
  order: readonly { expression: string; position: number; filled: boolean }[];
  statement: (options: { condition?: Statement; orderBy?: readonly string[] }) => Statement;
  digested: (rows: readonly SentValue[][]) => DigestedRows;
  /** Throws when the result's columns are not the ones that were described. */
  verify: (fields: readonly Field[]) => void;
}

export interface StreamContext {
  access: Access;
  signal: AbortSignal;
  operation: string;
}

/**
 * All rows in the order of the SELECT, in bounded batches, each read only when asked for. A snapshot is given up after `snapshotMs` even while the consumer
 * takes its time, and the next one goes on behind the last row handed out; it always gives at least one row before. The order is the columns' own, by their
 * own collation, so that an index serves, and so is every comparison: what such a collation holds equal is never cut (`Tail`).
 */
export async function* readOn(select: ContinuedSelect, context: StreamContext): AsyncGenerator<DigestedRows> {
  const { limits } = context.access.context;
  const orderBy = select.order.map(({ expression }) => expression);
  const link = await openLink(context.access, "read", context.signal);
  const tail = new Tail();
  let last: readonly SentValue[] | undefined;
  const taken = (batch: DigestedRows): DigestedRows => {
    tail.note(batch);
    last = batch.rows.at(-1) as readonly SentValue[];
    return batch;
  };
  try {
    for (;;) {
      const points = last && pointsOf(select, last);
      if (points) {
        // The group of rows that the server holds equal to the last one is never cut: it could not be continued within.
        const seen = tail.filter();
        const group = select.statement({ condition: at(points) });
        for await (const batch of batchesOf(new Snapshot(link, group, context), select)) {
          const fresh = unseen(batch, seen, select);
          if (fresh.rows.length > 0) yield taken(fresh);
        }
      }
      const statement = select.statement(points ? { condition: behindPoints(points), orderBy } : { orderBy });
      const snapshot = new Snapshot(link, statement, context, limits.snapshotMs);
      for await (const batch of batchesOf(snapshot, select)) yield taken(batch);
      if (!snapshot.cut) break;
    }
  } finally {
    if (link.reusable) await link.close();
    else await link.cancel();
  }
}

async function* batchesOf(snapshot: Snapshot, select: ContinuedSelect): AsyncGenerator<DigestedRows> {
  try {
    for (let rows = await snapshot.next(select); rows !== undefined; rows = await snapshot.next(select)) {
      yield select.digested(rows);
      await turn();
    }
  } finally {
    await snapshot.close();
  }
}

function unseen(batch: DigestedRows, seen: (identity: bigint) => boolean, select: ContinuedSelect): DigestedRows {
  const fresh = batch.rows.filter((_, index) => !seen(identityAt(batch, index)));
  return fresh.length === batch.rows.length ? batch : select.digested(fresh as SentValue[][]);
}

function pointsOf(select: ContinuedSelect, row: readonly SentValue[]): KeyPoint[] {
  return select.order.map(({ expression, position, filled }) => {
    const value = row[position] ?? null;
    return { column: expression, value: value === null ? undefined : bind(value), filled };
  });
}

/** A row comparison is one range of the index (PostgreSQL manual, "Row Constructor Comparison"); it says nothing of NULLs. */
function behindPoints(points: readonly KeyPoint[]): Statement {
  const values = points.flatMap(({ value, filled }) => (filled && value !== undefined ? [value] : []));
  if (points.length === 1 || values.length < points.length) return behind(points, "last");
  return concat(`(${points.map(({ column }) => column).join(", ")}) > (`, join(values, ", "), ")");
}

/** Rows of the first portion: few, for nobody knows yet how long they are. */
const firstRows = 64;

/** The rows of one statement, by a cursor in a transaction that reads only. */
class Snapshot {
  readonly #link: Link;
  readonly #statement: Statement;
  readonly #context: StreamContext;
  readonly #lifeMs: number | undefined;
  readonly #serial = createSerial();
  #stopTimer: () => void = () => {};
  #state: "new" | "open" | "cut" | "done" | "failed" = "new";
  /** Rows that came and wait, and how many the next portion has. */
  #ready: SentValue[][] = [];
  #portion: number;

  /** @param lifeMs how long it may live; without it to its end */
  constructor(link: Link, statement: Statement, context: StreamContext, lifeMs?: number) {
    this.#link = link;
    this.#statement = statement;
    this.#context = context;
    this.#lifeMs = lifeMs;
    this.#portion = Math.min(firstRows, context.access.context.limits.batchRows);
  }

  /** Whether it was given up before its last row. */
  get cut(): boolean {
    return this.#state === "cut";
  }

  /** The next batch; undefined at the end or at the cut. */
  async next(select: ContinuedSelect): Promise<SentValue[][] | undefined> {
    if (this.#ready.length === 0) await this.#serial(() => this.#fetch(select));
    if (this.#ready.length === 0) return undefined;
    return this.#ready.splice(0, batchLength(this.#ready, this.#context.access.context.limits));
  }

  async #fetch(select: ContinuedSelect): Promise<void> {
    if (this.#state !== "new" && this.#state !== "open") return;
    const { signal, operation } = this.#context;
    const opening = this.#state === "new";
    const began = this.#context.access.context.clock.monotonic();
    const fetch = `FETCH FORWARD ${this.#portion} FROM fuser_scan`;
    const declare = `BEGIN READ ONLY; DECLARE fuser_scan NO SCROLL CURSOR FOR ${withLiterals(this.#statement)}\n; ${fetch}`;
    try {
      const results = await this.#link.query(opening ? declare : fetch, signal, operation);
      const { fields, rows } = results.at(-1) as ResultSet;
      if (opening) this.#opened(select, fields, began);
      this.#ready = rows;
      if (rows.length < this.#portion) await this.#end("done");
      else this.#portion = nextPortion(rows, this.#context.access.context.limits);
    } catch (error) {
      this.#fail();
      throw error;
    }
  }

  #opened(select: ContinuedSelect, fields: readonly Field[], began: number): void {
    select.verify(fields);
    this.#state = "open";
    if (this.#lifeMs === undefined) return;
    const { clock, limits } = this.#context.access.context;
    const tookMs = clock.monotonic() - began;
    const lifeMs = Math.min(this.#lifeMs, Math.max(0, statementLifeMs(limits, tookMs) - tookMs));
    this.#stopTimer = clock.after(lifeMs, () => {
      void this.#serial(async () => {
        if (this.#state === "open") await this.#end("cut");
      }).catch(() => this.#fail());
    });
  }

  async #end(state: "cut" | "done"): Promise<void> {
    this.#stopTimer();
    this.#state = state;
    await this.#link.query("COMMIT", this.#context.signal, this.#context.operation);
  }

  #fail(): void {
    this.#stopTimer();
    this.#state = "failed";
  }

  /** Leaves nothing running; a transaction that is still open ends with its connection. */
  async close(): Promise<void> {
    this.#stopTimer();
    await this.#serial(async () => {
      if (this.#state === "open") this.#state = "failed";
    });
  }
}

/** Rows that fit a batch, at least one. */
function batchLength(rows: readonly SentValue[][], { batchRows, batchBytes }: ConnectorLimits): number {
  let bytes = 0;
  for (let count = 0; count < rows.length; count++) {
    bytes += sizeOf(rows[count] as SentValue[]);
    if (count + 1 >= batchRows || bytes >= batchBytes) return count + 1;
  }
  return rows.length;
}

/** As many rows as a batch may have bytes, and not many times what came just now: the next ones may be longer. */
function nextPortion(rows: readonly SentValue[][], { batchRows, batchBytes }: ConnectorLimits): number {
  let bytes = 0;
  for (const row of rows) bytes += sizeOf(row);
  const fitting = Math.floor((batchBytes * rows.length) / Math.max(1, bytes));
  return Math.max(1, Math.min(batchRows, fitting, rows.length * 4));
}
