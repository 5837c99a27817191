import { FuserError } from "../../base/errors.ts";
import { certificateUntilOn } from "../shown-certificate.ts";
import { placeOf } from "./config.ts";
import { type Access, backendOf, cancelStatement, hangUp, openSession, type Session, streamOf } from "./connect.ts";
import { isLost, postgresError } from "./errors.ts";
import { behindServerMs, statementLimitMs } from "./limits.ts";
import type { LinkKind } from "./session.ts";
import type { Field } from "./values.ts";

/** A value as the server printed it. */
export type SentValue = string | null;

/** What one statement gave. */
export interface ResultSet {
  /** Empty for a statement without rows. */
  fields: readonly Field[];
  rows: SentValue[][];
  affected: number;
  /** First word of what the server said of it: `COMMIT`, `ROLLBACK`, `INSERT`. */
  command: string;
}

/** Values stay the text that was sent. */
const asSent = { getTypeParser: () => (text: string) => text };
const closeTimeoutMs = 2_000;

/** What of the driver's results is used. */
interface DriverResult {
  command: string | null;
  rowCount: number | null;
  rows: SentValue[][];
  fields: { name: string; dataTypeID: number; dataTypeModifier: number; tableID: number; columnID: number }[];
}

/**
 * One connection, one text at a time. Each statement has a time-out on the server and one here; an abort or time-out ends the statement in the server too,
 * and the connection with it: nothing is ever reused in an unknown state.
 */
export class Link {
  readonly #session: Session;
  readonly #access: Access;
  readonly #epoch: number;
  #broken: unknown;
  #fail: (reason: unknown) => void = () => {};
  #cancelled: Promise<void> | undefined;

  constructor(session: Session, access: Access) {
    this.#session = session;
    this.#access = access;
    this.#epoch = access.servers.epoch;
    session.client.on("error", (error) => {
      this.#broken ??= error;
    });
    session.client.on("end", () => {
      this.#broken ??= new Error("Connection terminated");
    });
  }

  /** False once the connection was lost or given up. */
  get usable(): boolean {
    return this.#broken === undefined;
  }

  /** Whether the next work should get it: nothing of the last one may be open, and of several servers another one may be the primary by now. */
  get reusable(): boolean {
    return this.usable && !this.inTransaction && this.#epoch === this.#access.servers.epoch;
  }

  get inTransaction(): boolean {
    const status = this.#session.client.getTransactionStatus();
    return status === "T" || status === "E";
  }

  /** Process in the server that serves it. */
  get id(): number {
    return backendOf(this.#session.client);
  }

  /** The one of the configured servers that it is on. */
  get server(): string {
    return this.#session.server.host;
  }

  /** Epoch ms; NaN where it is not encrypted. */
  get certificateUntil(): number {
    return certificateUntilOn(streamOf(this.#session.client));
  }

  get facts(): Session["facts"] {
    return this.#session.facts;
  }

  /** The result of each statement of a text. @throws FuserError */
  async query(text: string, signal: AbortSignal, operation: string): Promise<ResultSet[]> {
    const { context, settings } = this.#access;
    signal.throwIfAborted();
    const place = placeOf(settings);
    if (this.#broken !== undefined) throw postgresError(this.#broken, operation, place);
    const onAbort = (): void => void this.cancel(signal.reason);
    const stopTimer = context.clock.after(
      statementLimitMs(context.limits) + behindServerMs,
      () => void this.cancel(tooLong(operation, place)),
    );
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      const result = await new Promise<unknown>((resolve, reject) => {
        this.#fail = reject;
        const query = { text, rowMode: "array" as const, types: asSent };
        (this.#session.client.query(query) as Promise<unknown>).then(resolve, (error: unknown) => {
          // The cancelled statement's own error comes first; why it was cancelled says more.
          if (this.#cancelled === undefined) reject(error);
        });
      });
      return (Array.isArray(result) ? result : [result]).map((one) => resultOf(one as DriverResult));
    } catch (error) {
      const described = postgresError(error, operation, place);
      if (isLost(described)) this.#broken ??= error;
      throw described;
    } finally {
      stopTimer();
      signal.removeEventListener("abort", onAbort);
    }
  }

  /** The rows of one SELECT. */
  async select(text: string, signal: AbortSignal, operation: string): Promise<ResultSet> {
    const [result] = await this.query(text, signal, operation);
    return result as ResultSet;
  }

  /** Ends whatever runs, in the server as well, and the connection with it; what runs fails with `reason`. */
  cancel(reason: unknown = new Error("Connection terminated")): Promise<void> {
    this.#broken ??= reason;
    this.#cancelled ??= this.#end(reason);
    return this.#cancelled;
  }

  async #end(reason: unknown): Promise<void> {
    await cancelStatement(this.#access, this.#session);
    hangUp(this.#session.client);
    this.#fail(reason);
  }

  /** Says goodbye to the server; for a link that has nothing running. */
  async close(): Promise<void> {
    const { client } = this.#session;
    if (this.#broken !== undefined) {
      hangUp(client);
      return;
    }
    this.#broken = new Error("Connection terminated");
    await new Promise<void>((resolve) => {
      const stopTimer = this.#access.context.clock.after(closeTimeoutMs, () => {
        hangUp(client);
        resolve();
      });
      void client.end().then(() => {
        stopTimer();
        resolve();
      });
    });
  }
}

function resultOf({ command, rowCount, rows, fields }: DriverResult): ResultSet {
  return {
    fields: fields.map((field) => ({
      name: field.name,
      oid: field.dataTypeID,
      modifier: field.dataTypeModifier,
      table: field.tableID,
      column: field.columnID,
    })),
    rows,
    affected: rowCount ?? 0,
    command: command ?? "",
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
  return new Link(await openSession(access, kind, signal), access);
}
