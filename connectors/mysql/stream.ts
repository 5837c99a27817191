import { setImmediate as turn } from "node:timers/promises";
import type { ConnectorLimits } from "../connector.ts";
import type { RawValue } from "../digest.ts";
import { at, behind, type KeyPoint, Tail } from "../keyset.ts";
import { sizeOf } from "../row-batch.ts";
import type { Statement } from "../statement.ts";
import { type Access, type Link, openLink } from "./link.ts";
import { withLiterals } from "./sql.ts";
import { type Field, rawLiteral } from "./values.ts";

/** A SELECT that can be continued behind the last row it gave. */
export interface ContinuedSelect {
  /** Expressions it is ordered by, and the position of their value within a row. */
  order: readonly { expression: string; position: number; field: Field }[];
  statement: (options: { condition?: Statement; orderBy?: readonly string[] }) => Statement;
  /** Tells rows apart that the order holds equal. */
  identity: (row: readonly RawValue[]) => string;
}

export interface StreamContext {
  access: Access;
  signal: AbortSignal;
  operation: string;
}

/**
 * All rows in the order of the SELECT, in bounded batches, each read only when asked for. A statement is ended after `snapshotMs` even while
 * the consumer takes its time, and the next one goes on behind the last row handed out; it always gives at least one row before.
 */
export async function* readOn(select: ContinuedSelect, context: StreamContext): AsyncGenerator<RawValue[][]> {
  const { limits } = context.access.context;
  const orderBy = select.order.map(({ expression }) => expression);
  const tail = new Tail();
  let last: RawValue[] | undefined;
  for (;;) {
    const points = last && pointsOf(select, last);
    if (points) {
      // The group of rows that the server holds equal to the last one is never cut: it could not be continued within.
      const seen = tail.filter();
      const group = await RowStream.open(context, withLiterals(select.statement({ condition: at(points) })), undefined);
      for await (const batch of batchesOf(group)) {
        const fresh = batch.filter((row) => !seen(select.identity(row)));
        if (fresh.length === 0) continue;
        last = note(fresh, tail, select);
        yield fresh;
      }
    }
    const statement = select.statement(points ? { condition: behind(points), orderBy } : { orderBy });
    const rows = await RowStream.open(context, withLiterals(statement), limits.snapshotMs);
    for await (const batch of batchesOf(rows)) {
      last = note(batch, tail, select);
      yield batch;
    }
    if (!rows.cut) return;
  }
}

async function* batchesOf(rows: RowStream): AsyncGenerator<RawValue[][]> {
  try {
    for (let batch = await rows.next(); batch !== undefined; batch = await rows.next()) {
      yield batch;
      await turn();
    }
  } finally {
    await rows.close();
  }
}

function note(batch: readonly RawValue[][], tail: Tail, select: ContinuedSelect): RawValue[] {
  for (const row of batch) tail.note(select.identity(row));
  return batch.at(-1) as RawValue[];
}

function pointsOf(select: ContinuedSelect, row: readonly RawValue[]): KeyPoint[] {
  return select.order.map(({ expression, position, field }) => {
    const raw = row[position] as RawValue;
    return { column: expression, value: raw === null ? undefined : rawLiteral(raw, field) };
  });
}

/** The rows of one statement on a connection of its own, held back while more than two batches wait. */
class RowStream {
  readonly #link: Link;
  readonly #limits: ConnectorLimits;
  readonly #stopTimer: () => void;
  #rows: RawValue[][] = [];
  #bytes = 0;
  #received = 0;
  #paused = false;
  #state: "running" | "overdue" | "cut" | "done" | "failed" | "closed" = "running";
  #error: unknown;
  #ended: Promise<void> = Promise.resolve();
  #wake = (): void => {};

  static async open(context: StreamContext, text: string, lifeMs: number | undefined): Promise<RowStream> {
    const link = await openLink(context.access, "read", context.signal);
    return new RowStream(link, context, { text, lifeMs });
  }

  private constructor(
    link: Link,
    { access, signal, operation }: StreamContext,
    { text, lifeMs }: { text: string; lifeMs: number | undefined },
  ) {
    this.#link = link;
    const { clock, limits } = access.context;
    this.#limits = limits;
    this.#stopTimer = lifeMs === undefined ? () => {} : clock.after(lifeMs, () => this.#overdue());
    const limitMs = Math.max(limits.statementTimeoutMs, limits.snapshotMs) + 7_000;
    const receiver = {
      operation,
      limitMs,
      onFields: () => {},
      onHeader: () => {},
      onRow: (row: RawValue[]) => this.#receive(row),
    };
    this.#ended = link.run(text, signal, receiver).then(
      () => this.#finish("done", undefined),
      (error: unknown) => this.#finish("failed", error),
    );
  }

  /** Whether it was ended before its last row. */
  get cut(): boolean {
    return this.#state === "cut";
  }

  /** The next batch; undefined at the end or at the cut. */
  async next(): Promise<RawValue[][] | undefined> {
    while (!this.#full() && (this.#state === "running" || this.#state === "overdue")) {
      if (this.#paused) {
        this.#paused = false;
        this.#link.resume();
      }
      if (this.#full() || (this.#state !== "running" && this.#state !== "overdue")) break;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    if (this.#state === "failed") throw this.#error;
    return this.#rows.length === 0 ? undefined : this.#takeBatch();
  }

  #takeBatch(): RawValue[][] {
    let count = 0;
    let bytes = 0;
    while (count < this.#rows.length && count < this.#limits.batchRows && bytes < this.#limits.batchBytes) {
      bytes += sizeOf(this.#rows[count] as RawValue[]);
      count += 1;
    }
    this.#bytes -= bytes;
    return this.#rows.splice(0, count);
  }

  #full(): boolean {
    return this.#rows.length >= this.#limits.batchRows || this.#bytes >= this.#limits.batchBytes;
  }

  #receive(row: RawValue[]): void {
    // What still lies in the driver's buffers after the cut is read again behind the last row handed out.
    if (this.#state === "cut" || this.#state === "closed") return;
    this.#rows.push(row);
    this.#bytes += sizeOf(row);
    this.#received += 1;
    if (this.#state === "overdue") this.#end();
    else if (this.#full()) {
      // One more batch may gather while the consumer works on this one.
      if (!this.#paused && (this.#rows.length >= 2 * this.#limits.batchRows || this.#bytes >= 2 * this.#limits.batchBytes)) {
        this.#paused = true;
        this.#link.pause();
      }
      this.#wake();
    }
  }

  /** Its time is over: ended now, or with its first row where the server still sorts. */
  #overdue(): void {
    if (this.#state !== "running") return;
    this.#state = "overdue";
    if (this.#received > 0) this.#end();
  }

  #end(): void {
    this.#state = "cut";
    void this.#link.cancel();
    this.#wake();
  }

  #finish(state: "done" | "failed", error: unknown): void {
    this.#stopTimer();
    if (this.#state === "running" || this.#state === "overdue") {
      this.#state = state;
      this.#error = error;
    }
    this.#wake();
  }

  /** Leaves nothing: a statement that still runs is ended in the server, and its connection with it. */
  async close(): Promise<void> {
    const state = this.#state;
    this.#stopTimer();
    if (state === "running" || state === "overdue") this.#state = "closed";
    if (state === "done") await this.#link.close();
    else await this.#link.cancel();
    await this.#ended;
  }
}
