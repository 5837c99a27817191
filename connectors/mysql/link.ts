import type { Socket } from "node:net";
import type { Connection } from "mysql2";
import { FuserError } from "../../base/errors.ts";
import type { ServerAddress, Servers } from "../servers.ts";
import { placeOf } from "./config.ts";
import { type Access, type Connected, connectToPrimary, hangUp, killThread, type LinkKind } from "./connect.ts";
import { mysqlError } from "./errors.ts";
import { behindServerMs, lockSeconds, snapshotLimitMs, statementLimitMs } from "./limits.ts";
import { type PackedRows, RowPacker, type SentValue } from "./packed-rows.ts";
import { type PacketReceiver, packing, type RowWay, receivePackets } from "./row-packets.ts";
import { rowMemoryOf } from "./row-socket.ts";
import type { Field } from "./values.ts";

/** What one statement gave. */
export interface ResultSet {
  /** Empty for a statement without rows. */
  fields: readonly Field[];
  rows: SentValue[][];
  affected: number;
  insertId: bigint;
  /** Whether the session is within a transaction after it (SERVER_STATUS_IN_TRANS); undefined for rows. */
  inTransaction: boolean | undefined;
}

const inTransaction = 1;

/**
 * One connection, one statement at a time. Each statement has a time-out on the server where it knows one, and one here; an abort or time-out
 * ends the statement in the server too, and the connection with it: nothing is ever reused in an unknown state.
 */
export class Link {
  /** The one of the configured servers that it is on. */
  readonly server: ServerAddress;
  readonly #connection: Connection;
  readonly #access: Access;
  readonly #epoch: number;
  #broken: unknown;
  #lackedRights = false;
  #cancelled: Promise<void> | undefined;
  #fail: (reason: unknown) => void = () => {};

  constructor({ connection, server }: Connected, access: Access) {
    this.server = server;
    this.#connection = connection;
    this.#access = access;
    this.#epoch = access.servers.epoch;
    connection.on("error", (error) => {
      this.#broken ??= error;
    });
    connection.on("end", () => {
      this.#broken ??= new Error("Connection closed");
    });
  }

  /** False once the connection was lost or given up. */
  get usable(): boolean {
    return this.#broken === undefined;
  }

  /**
   * Whether the next work should get it: rights on a database are looked up as a session begins, so that one which lacked some would never see their grant; and
   * another server may be the primary by now.
   */
  get reusable(): boolean {
    return this.usable && !this.#lackedRights && this.#epoch === this.servers.epoch;
  }

  get servers(): Servers {
    return this.#access.servers;
  }

  get id(): number {
    return this.#connection.threadId ?? 0;
  }

  /** Every result of a text; more than one only on a `batch` link. */
  async query(text: string, signal: AbortSignal, operation: string): Promise<ResultSet[]> {
    const results: ResultSet[] = [];
    await this.run(text, signal, {
      operation,
      onFields: (fields) => results.push({ fields, rows: [], affected: 0, insertId: 0n, inTransaction: undefined }),
      onRow: (row) => results.at(-1)?.rows.push(row),
      onHeader: (header) => results.push(header),
    });
    return results;
  }

  /** The rows of one SELECT, packed. */
  async select(
    text: string,
    signal: AbortSignal,
    { operation, by }: { operation: string; by: RowWay },
  ): Promise<{ fields: readonly Field[]; rows: PackedRows }> {
    const packer = new RowPacker();
    let fields: readonly Field[] = [];
    await this.run(text, signal, {
      operation,
      onFields: (seen) => {
        fields = seen;
      },
      onHeader: () => {},
      ...packing(packer, by),
    });
    return { fields, rows: packer.take() };
  }

  /** Runs a text and hands on what comes, as it comes; `pause` and `resume` hold it back meanwhile. */
  async run(text: string, signal: AbortSignal, receiver: Receiver): Promise<void> {
    const { context, settings } = this.#access;
    signal.throwIfAborted();
    const place = placeOf(settings);
    if (this.#broken !== undefined) throw mysqlError(this.#broken, receiver.operation, place);
    let stop = (): void => {};
    try {
      await new Promise<void>((resolve, reject) => {
        this.#fail = reject;
        const onAbort = (): void => void this.cancel(signal.reason);
        const cancel = context.clock.after(
          receiver.limitMs ?? statementLimitMs(context.limits) + behindServerMs,
          () => void this.cancel(tooLong(receiver.operation, place)),
        );
        const onError = (error: unknown): void => {
          if ((error as { fatal?: boolean }).fatal) this.#broken ??= error;
          reject(error);
        };
        stop = () => {
          cancel();
          signal.removeEventListener("abort", onAbort);
          this.#connection.removeListener("error", onError);
        };
        signal.addEventListener("abort", onAbort, { once: true });
        this.#connection.on("error", onError);
        this.#start(text, receiver, { resolve, onError });
      });
    } catch (error) {
      const described = mysqlError(error, receiver.operation, place);
      this.#lackedRights ||= described instanceof FuserError && described.code === "erp-rights";
      const readOnly = described instanceof FuserError && described.code === "erp-read-only";
      throw readOnly ? this.servers.doubtFor(described) : described;
    } finally {
      stop();
    }
  }

  #start(text: string, receiver: Receiver, end: { resolve: () => void; onError: (error: unknown) => void }): void {
    // Without a callback the driver hands on each row; typeCast false leaves it as the bytes that came.
    const command = this.#connection.query({ sql: text, rowsAsArray: true, typeCast: false } as never);
    if (receiver.packets) receivePackets(command, receiver.packets, rowMemoryOf(this.#socket));
    let rows = false;
    command.on("fields", (fields: unknown) => {
      rows = fields !== undefined;
      if (rows) receiver.onFields(fields as Field[]);
    });
    command.on("result", (result: unknown) => {
      if (rows) receiver.onRow(result as SentValue[]);
      else receiver.onHeader(headerOf(result));
    });
    command.on("error", end.onError);
    command.on("end", end.resolve);
  }

  /** Reads no more from the socket. What was read already still comes: the driver's own way would copy and queue it row by row. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  get #socket(): Socket {
    return (this.#connection as unknown as { stream: Socket }).stream;
  }

  /** Ends whatever runs, in the server as well, and the connection with it; what runs fails with `reason`. */
  cancel(reason: unknown = new Error("Connection closed")): Promise<void> {
    this.#broken ??= reason;
    this.#cancelled ??= this.#end(reason);
    return this.#cancelled;
  }

  async #end(reason: unknown): Promise<void> {
    hangUp(this.#connection);
    await killThread(this.#access, this);
    // Only now: the server has been told to end it. The driver itself forgets the commands of a destroyed connection.
    this.#fail(reason);
  }

  /** Says goodbye to the server; for a link that has nothing running. */
  async close(): Promise<void> {
    if (this.#broken !== undefined) {
      hangUp(this.#connection);
      return;
    }
    this.#broken = new Error("Connection closed");
    // A socket that was told to read no more would not see the server's goodbye either.
    this.resume();
    await new Promise<void>((resolve) => {
      const cancel = this.#access.context.clock.after(2_000, () => {
        hangUp(this.#connection);
        resolve();
      });
      this.#connection.end(() => {
        cancel();
        resolve();
      });
    });
  }
}

export interface Receiver {
  operation: string;
  /** Our own time limit in milliseconds; that of a short statement where not given. */
  limitMs?: number;
  onFields: (fields: Field[]) => void;
  onRow: (row: SentValue[]) => void;
  /** Rows as they stand in the socket's bytes, in place of `onRow`: row-packets.ts. */
  packets?: PacketReceiver;
  onHeader: (header: ResultSet) => void;
}

function headerOf(result: unknown): ResultSet {
  const header = result as { affectedRows: number; insertId: number | string; serverStatus: number };
  return {
    fields: [],
    rows: [],
    affected: header.affectedRows,
    insertId: BigInt(header.insertId),
    inTransaction: (header.serverStatus & inTransaction) !== 0,
  };
}

function tooLong(operation: string, place: string): FuserError {
  return new FuserError("transient", "A statement took longer than it may", {
    code: "erp-statement-timeout",
    operation,
    place,
    hint: "Look for a missing index, or raise `erp: courtesy: statementTimeout`.",
  });
}

/** Opens a connection and prepares its session. @throws FuserError config or transient */
export async function openLink(access: Access, kind: LinkKind, signal: AbortSignal): Promise<Link> {
  signal.throwIfAborted();
  const operation = "connect to the ERP's database";
  const place = placeOf(access.settings);
  try {
    const link = new Link(await connectToPrimary(access, kind, signal), access);
    try {
      await prepareSession(link, access, { kind, signal });
    } catch (error) {
      await link.cancel();
      throw error;
    }
    return link;
  } catch (error) {
    throw mysqlError(error, operation, place);
  }
}

/**
 * Session settings. sql_mode: strict, so that nothing is cut off silently; zero dates stay readable and writable; backslash escapes and
 * backticks as the tokenizer and the literals expect. READ COMMITTED: each statement sees what is committed when it begins, without locks.
 */
async function prepareSession(
  link: Link,
  { context }: Access,
  { kind, signal }: { kind: LinkKind; signal: AbortSignal },
): Promise<void> {
  const { limits } = context;
  const operation = "prepare the session";
  const [server] = await link.query(
    "SHOW VARIABLES WHERE Variable_name IN ('version', 'log_bin', 'binlog_format')",
    signal,
    operation,
  );
  const variables = new Map(server?.rows.map((row) => [String(row[0]), String(row[1])]));
  const statementMs = kind === "read" ? snapshotLimitMs(limits) : statementLimitMs(limits);
  const timeout = /mariadb/i.test(variables.get("version") ?? "")
    ? `max_statement_time = ${statementMs / 1_000}`
    : `max_execution_time = ${Math.ceil(statementMs)}`;
  const settings = [
    "sql_mode = 'STRICT_TRANS_TABLES,STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION'",
    "autocommit = 1",
    "sql_auto_is_null = 0",
    `lock_wait_timeout = ${lockSeconds(limits)}`,
    `innodb_lock_wait_timeout = ${lockSeconds(limits)}`,
    `net_write_timeout = ${Math.ceil(limits.snapshotMs / 1_000) + 120}`,
    timeout,
    // The ERP's own defaults and triggers must see the time that the ERP's clients see; readings must not shift.
    kind === "write" ? "wait_timeout = 120" : "time_zone = '+00:00'",
  ];
  await link.query(`SET ${settings.map((setting) => `SESSION ${setting}`).join(", ")}`, signal, operation);
  // A statement-based binlog refuses writes under READ COMMITTED (error 1665).
  const level =
    kind === "write" && variables.get("log_bin") === "ON" && variables.get("binlog_format") === "STATEMENT"
      ? "REPEATABLE READ"
      : "READ COMMITTED";
  await link.query(`SET SESSION TRANSACTION ISOLATION LEVEL ${level}`, signal, operation);
  if (kind !== "write") await link.query("SET SESSION TRANSACTION READ ONLY", signal, operation);
}
