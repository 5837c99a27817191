import type { Connection, Request } from "tedious";
import { FuserError } from "../../base/errors.ts";
import type { RawValue } from "../digest.ts";
import { sizeOf } from "../row-batch.ts";
import { noPrimary, type Servers } from "../servers.ts";
import { certificateUntilOn } from "../shown-certificate.ts";
import type { Statement } from "../statement.ts";
import { placeOf } from "./config.ts";
import type { Access, Driver } from "./connect.ts";
import { isLost, isReadOnly, isWithoutSnapshots, mssqlError } from "./errors.ts";
import { addValues } from "./request-values.ts";
import { refuseSnapshots } from "./session.ts";
import { withParameters } from "./sql.ts";
import { type Transactions, watchTransactions } from "./transactions.ts";
import { type DriverColumn, type ResultColumn, resultColumn } from "./values.ts";

/** `read`: sees what is committed. `write`: the one that holds the agent's lock. */
export type LinkKind = "read" | "write";

export interface ResultSet {
  columns: readonly ResultColumn[];
  rows: RawValue[][];
}

export interface Asked {
  signal: AbortSignal;
  operation: string;
}

/** Rows and bytes after which a result is handed on. */
export interface ChunkLimits {
  rows: number;
  bytes: number;
}

/** What of the driver's connection its types do not name: TLS within the server's own packets, or around them (`strict`). */
interface Inside {
  messageIo?: { securePair?: { cleartext?: unknown } };
  socket?: unknown;
}

/**
 * One connection, one statement at a time, each with a time limit of our own: the server knows one only for locks. An abort or the limit ends the
 * statement in the server too; a server that does not confirm that loses the connection.
 */
export class Link {
  readonly #connection: Connection;
  readonly #driver: Driver;
  readonly #access: Access;
  readonly transactions: Transactions;
  /** The database can only be read here: a secondary replica, mostly. */
  readOnly = false;
  readonly #epoch: number;
  #broken = false;
  #running: Promise<unknown> = Promise.resolve();

  constructor(connection: Connection, driver: Driver, access: Access) {
    this.#connection = connection;
    this.#driver = driver;
    this.#access = access;
    this.#epoch = access.servers.epoch;
    this.transactions = watchTransactions(connection);
    const broke = (): void => {
      this.#broken = true;
    };
    connection.on("error", broke);
    connection.on("end", broke);
  }

  get usable(): boolean {
    return !this.#broken;
  }

  /** Epoch ms; NaN where it is not encrypted. */
  get certificateUntil(): number {
    const { messageIo, socket } = this.#connection as unknown as Inside;
    return certificateUntilOn(messageIo?.securePair?.cleartext ?? socket);
  }

  get servers(): Servers {
    return this.#access.servers;
  }

  /** Whether the next work should get it: of several servers another one may be the primary by now. */
  get reusable(): boolean {
    const { epoch, several } = this.#access.servers;
    return this.usable && !(several && epoch !== this.#epoch);
  }

  /** Every result of a text with bound values. */
  async query(statement: Statement, asked: Asked): Promise<ResultSet[]> {
    const results: ResultSet[] = [];
    await this.#start(statement, asked, {
      onColumns: (columns) => results.push({ columns, rows: [] }),
      onRow: (row) => results.at(-1)?.rows.push(row),
    }).ended;
    return results;
  }

  /** A text without values, run as it stands: session settings and transactions, which must not be within a procedure's scope. */
  async batch(text: string, asked: Asked): Promise<void> {
    await this.#start(text, asked, { onColumns: () => {}, onRow: () => {} }).ended;
  }

  /**
   * The rows of one SELECT in pieces. The next piece is read only when it is asked for; who stops early ends the statement.
   */
  async *rows(statement: Statement, asked: Asked, limits: ChunkLimits): AsyncGenerator<ResultSet & { last: boolean }> {
    let columns: readonly ResultColumn[] = [];
    let rows: RawValue[][] = [];
    let bytes = 0;
    let ended = false;
    let wake = (): void => {};
    const running = this.#start(statement, asked, {
      onColumns: (seen) => {
        columns = seen;
      },
      onRow: (row) => {
        rows.push(row);
        bytes += sizeOf(row);
        if (rows.length < limits.rows && bytes < limits.bytes) return;
        running.request.pause();
        wake();
      },
    });
    const end = running.ended.finally(() => {
      ended = true;
      wake();
    });
    end.catch(() => {});
    try {
      while (!ended) {
        const full = rows.length >= limits.rows || bytes >= limits.bytes;
        if (!full) {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
          continue;
        }
        const piece = { columns, rows, last: false };
        rows = [];
        bytes = 0;
        yield piece;
        running.request.resume();
      }
      await end;
      yield { columns, rows, last: true };
    } finally {
      if (!ended) running.stop(new Error("No more rows are wanted"));
      await end.catch(() => {});
    }
  }

  #start(text: Statement | string, { signal, operation }: Asked, on: Receiver): Running {
    const { context, settings } = this.#access;
    const place = placeOf(settings);
    signal.throwIfAborted();
    let reason: { why: unknown } | undefined;
    const stop = (why: unknown): void => {
      reason ??= { why };
      this.#connection.cancel();
    };
    const onAbort = (): void => stop(signal.reason);
    const { promise: ended, resolve, reject } = Promise.withResolvers<void>();
    const limitMs = context.limits.statementTimeoutMs + context.limits.lockTimeoutMs;
    const cancelTimer = context.clock.after(limitMs, () => stop(tooLong(operation, place)));
    signal.addEventListener("abort", onAbort, { once: true });
    const bound = typeof text === "string" ? { text, values: [] } : withParameters(text);
    const request = new this.#driver.Request(bound.text, (error) => {
      cancelTimer();
      signal.removeEventListener("abort", onAbort);
      if (!error) return resolve();
      let told = reason === undefined ? mssqlError(error, operation, place) : reason.why;
      // A database that is away comes back as another one, perhaps on another server.
      this.#broken ||= isLost(told);
      if (isReadOnly(told) && this.#access.servers.several) {
        this.#access.servers.doubt();
        told = noPrimary(place);
      }
      if (isWithoutSnapshots(told)) {
        refuseSnapshots(this.#access);
        this.#broken = true;
      }
      reject(told);
    });
    let columns: ResultColumn[] = [];
    request.on("columnMetadata", (described: unknown) => {
      columns = (described as DriverColumn[]).map(resultColumn);
      on.onColumns(columns);
    });
    request.on("row", (cells: unknown) => {
      try {
        on.onRow((cells as { value: unknown }[]).map(({ value }, index) => (columns[index] as ResultColumn).raw(value)));
      } catch (error) {
        stop(error);
      }
    });
    addValues(request, bound.values, this.#driver);
    if (typeof text === "string") this.#connection.execSqlBatch(request);
    else this.#connection.execSql(request);
    this.#running = ended.catch(() => {});
    return { request, ended, stop };
  }

  /** Ends whatever runs, and the connection with it. */
  async cancel(): Promise<void> {
    this.#broken = true;
    this.#connection.cancel();
    this.#connection.close();
    await this.#running;
  }

  async close(): Promise<void> {
    const ended = new Promise<void>((resolve) => {
      if (this.#broken) resolve();
      else this.#connection.once("end", () => resolve());
    });
    this.#broken = true;
    this.#connection.close();
    await ended;
  }
}

interface Running {
  request: Request;
  ended: Promise<void>;
  /** Ends it with an error. */
  stop: (why: unknown) => void;
}

interface Receiver {
  onColumns: (columns: ResultColumn[]) => void;
  onRow: (row: RawValue[]) => void;
}

function tooLong(operation: string, place: string): FuserError {
  return new FuserError("transient", "A statement took longer than it may", {
    code: "erp-statement-timeout",
    operation,
    place,
    hint: "Look for a missing index, or raise `erp: courtesy: statementTimeout`.",
  });
}
