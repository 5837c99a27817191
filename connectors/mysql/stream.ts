import { setImmediate as turn } from "node:timers/promises";
import type { ConnectorLimits } from "../connector.ts";
import { at, behind, identityAt, type KeyPoint, type RowIdentities, Tail } from "../keyset.ts";
import type { Statement } from "../statement.ts";
import { statementLifeMs } from "../statement-life.ts";
import type { Access } from "./connect.ts";
import type { KeyReader } from "./keys.ts";
import { behindServerMs, snapshotLimitMs } from "./limits.ts";
import { type Link, openLink, type Receiver } from "./link.ts";
import { type PackedRows, RowPacker, rowDigests, sentValues, someRows } from "./packed-rows.ts";
import { type RowWay, unexpectedRow } from "./row-packets.ts";
import { withLiterals } from "./sql.ts";
import { type Field, sentLiteral } from "./values.ts";

/** A SELECT that can be continued behind the last row it gave. */
export interface ContinuedSelect {
  /** Expressions it is ordered by, and the position of their value within a row. */
  order: readonly { expression: string; position: number; field: Field }[];
  statement: (options: { condition?: Statement; orderBy?: readonly string[] }) => Statement;
  /** Reads the rows' keys; without it rows are told apart by all of their bytes. */
  keys: KeyReader | undefined;
  /** Throws when the result's columns are not the ones that were described. */
  verify: (fields: readonly Field[]) => void;
}

/** Rows with the digests of their bytes and of their keys. */
export interface DigestedRows extends RowIdentities {
  readonly rows: PackedRows;
}

export function digested(rows: PackedRows, keys: KeyReader | undefined): DigestedRows {
  return { rows, digests: rowDigests(rows), keyDigests: keys?.digests(rows) ?? new BigUint64Array(rows.length) };
}

export interface StreamContext {
  access: Access;
  by: RowWay;
  signal: AbortSignal;
  operation: string;
  /** Nothing of the rows is held but their bytes: more of them may come at once. */
  packed?: boolean;
}

/**
 * All rows in the order of the SELECT, in bounded batches, each read only when asked for. A statement is ended after `snapshotMs` even while
 * the consumer takes its time, and the next one goes on behind the last row handed out; it always gives at least one row before. A batch's rows
 * are gone once the next is asked for.
 */
export async function* readOn(select: ContinuedSelect, context: StreamContext): AsyncGenerator<DigestedRows> {
  const { limits } = context.access.context;
  const orderBy = select.order.map(({ expression }) => expression);
  const tail = new Tail();
  const packer = new RowPacker();
  let last: PackedRows | undefined;
  /** The rows before were looked at until now: their place is free for the rows to come. */
  const taken = (batch: DigestedRows): DigestedRows => {
    if (last) packer.giveBack(last);
    last = batch.rows;
    tail.note(batch);
    return batch;
  };
  for (;;) {
    const points = last && pointsOf(select, last);
    if (points) {
      // The group of rows that the server holds equal to the last one is never cut: it could not be continued within.
      const seen = tail.filter();
      const group = await RowStream.open(context, {
        select,
        statement: select.statement({ condition: at(points) }),
        packer,
        lifeMs: undefined,
      });
      for await (const batch of batchesOf(group, select)) {
        const fresh = unseen(batch, seen, select);
        if (fresh.rows.length > 0) yield taken(fresh);
      }
    }
    const statement = select.statement(points ? { condition: behind(points), orderBy } : { orderBy });
    const rows = await RowStream.open(context, { select, statement, packer, lifeMs: limits.snapshotMs });
    for await (const batch of batchesOf(rows, select)) yield taken(batch);
    if (!rows.cut) return;
  }
}

async function* batchesOf(stream: RowStream, { keys }: ContinuedSelect): AsyncGenerator<DigestedRows> {
  try {
    for (let rows = await stream.next(); rows !== undefined; rows = await stream.next()) {
      yield digested(rows, keys);
      await turn();
    }
  } finally {
    await stream.close();
  }
}

function unseen(batch: DigestedRows, seen: (identity: bigint) => boolean, { keys }: ContinuedSelect): DigestedRows {
  const fresh: number[] = [];
  for (let i = 0; i < batch.rows.length; i++) if (!seen(identityAt(batch, i))) fresh.push(i);
  return fresh.length === batch.rows.length ? batch : digested(someRows(batch.rows, fresh), keys);
}

function pointsOf(select: ContinuedSelect, rows: PackedRows): KeyPoint[] {
  const row = sentValues(rows, rows.length - 1);
  return select.order.map(({ expression, position, field }) => {
    const value = row[position] ?? null;
    return { column: expression, value: value === null ? undefined : sentLiteral(value, field) };
  });
}

interface StreamedRead {
  select: ContinuedSelect;
  statement: Statement;
  packer: RowPacker;
  /** How long the statement may live, milliseconds. */
  lifeMs: number | undefined;
}

/** The rows of one statement on a connection of its own, held back while two full batches wait. */
class RowStream {
  readonly #link: Link;
  readonly #limits: Pick<ConnectorLimits, "batchRows" | "batchBytes">;
  /** Called with its first row. */
  readonly #begun: () => void;
  /** Full batches that may wait while rows still come. */
  readonly #spare: number;
  #stopTimer: () => void;
  /** Full batches, and the one that fills. */
  #ready: PackedRows[] = [];
  readonly #filling: RowPacker;
  #received = false;
  #paused = false;
  #state: "running" | "overdue" | "cut" | "done" | "failed" | "closed" = "running";
  #error: unknown;
  #ended: Promise<void> = Promise.resolve();
  #wake = (): void => {};

  static async open(context: StreamContext, read: StreamedRead): Promise<RowStream> {
    return new RowStream(await openLink(context.access, "read", context.signal), context, read);
  }

  private constructor(
    link: Link,
    { access, by, signal, operation, packed = false }: StreamContext,
    { select, statement, packer, lifeMs }: StreamedRead,
  ) {
    this.#link = link;
    this.#filling = packer;
    const { clock, limits } = access.context;
    const { batchRows, packedBatchRows = batchRows, batchBytes } = limits;
    this.#limits = { batchRows: packed ? packedBatchRows : batchRows, batchBytes };
    this.#spare = packed ? 0 : 1;
    this.#stopTimer = lifeMs === undefined ? () => {} : clock.after(lifeMs, () => this.#overdue());
    const openedAt = clock.monotonic();
    this.#begun = () => {
      if (lifeMs === undefined) return;
      const tookMs = clock.monotonic() - openedAt;
      const endsAtMs = statementLifeMs(limits, tookMs);
      if (endsAtMs >= lifeMs) return;
      this.#stopTimer();
      this.#stopTimer = clock.after(endsAtMs - tookMs, () => this.#overdue());
    };
    const receiver = {
      operation,
      limitMs: snapshotLimitMs(limits) + behindServerMs,
      onFields: (fields: readonly Field[]) => this.#verify(select, fields),
      onHeader: () => {},
      ...this.#receiving(by),
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
  async next(): Promise<PackedRows | undefined> {
    while (this.#ready.length === 0 && this.#live()) {
      if (this.#paused) {
        this.#paused = false;
        this.#link.resume();
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    if (this.#state === "failed") throw this.#error;
    return this.#ready.shift() ?? (this.#filling.length > 0 ? this.#filling.take() : undefined);
  }

  #live(): boolean {
    return this.#state === "running" || this.#state === "overdue";
  }

  /** What still lies in the driver's buffers after the cut is read again behind the last row handed out. */
  #receiving(by: RowWay): Pick<Receiver, "onRow" | "packets"> {
    const filling = this.#filling;
    if (by === "values") {
      return {
        onRow: (row) => {
          if (!this.#live()) return;
          filling.addValues(row);
          this.#added();
        },
      };
    }
    return {
      onRow: unexpectedRow,
      packets: {
        take: (bytes, start, end) => {
          if (!this.#live()) return;
          filling.addPacket(bytes, start, end);
          this.#added();
        },
        afterRead: () => filling.settle(),
      },
    };
  }

  #added(): void {
    const filling = this.#filling;
    if (!this.#received) this.#begun();
    this.#received = true;
    if (filling.length >= this.#limits.batchRows || filling.size >= this.#limits.batchBytes) {
      this.#ready.push(filling.take());
      // One more batch may gather while the consumer works on this one; a large one only as far as it has come by then.
      if (this.#ready.length > this.#spare && !this.#paused) {
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
