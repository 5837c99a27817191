import { setImmediate as turn } from "node:timers/promises";
import type { ConnectorLimits } from "../connector.ts";
import type { RawValue } from "../digest.ts";
import { at, behind, type KeyPoint, Tail } from "../keyset.ts";
import { sizeOf } from "../row-batch.ts";
import type { Statement } from "../statement.ts";
import type { Access } from "./connect.ts";
import { type Link, openLink } from "./link.ts";
import { withLiterals } from "./sql.ts";
import { type Field, rawLiteral } from "./values.ts";

/** A SELECT that can be continued behind the last row it gave. */
export interface ContinuedSelect {
  /** Expressions it is ordered by, and the position of their value within a row. */
  order: readonly { expression: string; position: number; field: Field }[];
  statement: (options: { condition?: Statement; orderBy?: readonly string[] }) => Statement;
  /** Tells rows apart that the order holds equal. */
  identity: (row: readonly RawValue[]) => string;
  /** Throws when the result's columns are not the ones that were described. */
  verify: (fields: readonly Field[]) => void;
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
      const group = await RowStream.open(context, {
        select,
        statement: select.statement({ condition: at(points) }),
        lifeMs: undefined,
      });
      for await (const batch of batchesOf(group)) {
        const fresh = batch.filter((row) => !seen(select.identity(row)));
        if (fresh.length === 0) continue;
        last = note(fresh, tail, select);
        yield fresh;
      }
    }
    const statement = select.statement(points ? { condition: behind(points), orderBy } : { orderBy });
    const rows = await RowStream.open(context, { select, statement, lifeMs: limits.snapshotMs });
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

interface StreamedRead {
  select: ContinuedSelect;
  statement: Statement;
  /** How long the statement may live, milliseconds. */
  lifeMs: number | undefined;
}

/** The rows of one statement on a connection of its own, held back while two full batches wait. */
class RowStream {
  readonly #link: Link;
  readonly #limits: ConnectorLimits;
  readonly #stopTimer: () => void;
  /** Full batches, and the one that fills. */
  #ready: RawValue[][][] = [];
  #batch: RawValue[][] = [];
  /** About the size of the one that fills. */
  #bytes = 0;
  #received = false;
  #paused = false;
  #state: "running" | "overdue" | "cut" | "done" | "failed" | "closed" = "running";
  #error: unknown;
  #ended: Promise<void> = Promise.resolve();
  #wake = (): void => {};

  static async open(context: StreamContext, read: StreamedRead): Promise<RowStream> {
    return new RowStream(await openLink(context.access, "read", context.signal), context, read);
  }

  private constructor(link: Link, { access, signal, operation }: StreamContext, { select, statement, lifeMs }: StreamedRead) {
    this.#link = link;
    const { clock, limits } = access.context;
    this.#limits = limits;
    this.#stopTimer = lifeMs === undefined ? () => {} : clock.after(lifeMs, () => this.#overdue());
    const limitMs = Math.max(limits.statementTimeoutMs, limits.snapshotMs) + 7_000;
    const receiver = {
      operation,
      limitMs,
      onFields: (fields: readonly Field[]) => this.#verify(select, fields),
      onHeader: () => {},
      onRow: (row: RawValue[]) => this.#receive(row),
    };
    this.#ended = link.run(withLiterals(statement), signal, receiver).then(
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
    while (this.#ready.length === 0 && this.#live()) {
      if (this.#paused) {
        this.#paused = false;
        this.#link.resume();
        // What the driver held back came within the call.
        continue;
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    if (this.#state === "failed") throw this.#error;
    const batch = this.#ready.shift() ?? this.#batch;
    if (batch === this.#batch) this.#batch = [];
    return batch.length === 0 ? undefined : batch;
  }

  #live(): boolean {
    return this.#state === "running" || this.#state === "overdue";
  }

  #receive(row: RawValue[]): void {
    // What still lies in the driver's buffers after the cut is read again behind the last row handed out.
    if (!this.#live()) return;
    this.#batch.push(row);
    this.#bytes += sizeOf(row);
    this.#received = true;
    if (this.#batch.length >= this.#limits.batchRows || this.#bytes >= this.#limits.batchBytes) {
      this.#ready.push(this.#batch);
      this.#batch = [];
      this.#bytes = 0;
      // One more batch may gather while the consumer works on this one.
      if (this.#ready.length > 1 && !this.#paused) {
        this.#paused = true;
        this.#link.pause();
      }
      this.#wake();
    }
    if (this.#state === "overdue") this.#end();
  }

  #verify(select: ContinuedSelect, fields: readonly Field[]): void {
    try {
      select.verify(fields);
    } catch (error) {
      this.#finish("failed", error);
    }
  }

  /** Its time is over: ended now, or with its first row where the server still sorts. */
  #overdue(): void {
    if (this.#state !== "running") return;
    this.#state = "overdue";
    if (this.#received) this.#end();
  }

  #end(): void {
    this.#state = "cut";
    void this.#link.cancel();
    this.#wake();
  }

  #finish(state: "done" | "failed", error: unknown): void {
    this.#stopTimer();
    if (this.#live()) {
      this.#state = state;
      this.#error = error;
    }
    this.#wake();
  }

  /** Leaves nothing: a statement that still runs is ended in the server, and its connection with it. */
  async close(): Promise<void> {
    this.#stopTimer();
    if (this.#live()) this.#state = "closed";
    if (this.#state === "done") await this.#link.close();
    else await this.#link.cancel();
    await this.#ended;
  }
}
