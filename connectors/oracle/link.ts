import oracledb from "oracledb";
import { FuserError } from "../../base/errors.ts";
import type { Value } from "../connector.ts";
import type { RawValue } from "../digest.ts";
import { sizeOf } from "../row-batch.ts";
import type { Statement } from "../statement.ts";
import { placeOf } from "./config.ts";
import { type Access, connect, type LinkKind } from "./connect.ts";
import { dateText } from "./driver-date.ts";
import { oracleError } from "./errors.ts";
import { lobRows } from "./lobs.ts";

export interface Field {
  name: string;
  /** E.g. `NUMBER`, `TIMESTAMP WITH TIME ZONE`. */
  type: string;
  precision: number | undefined;
  scale: number | undefined;
  nullable: boolean;
}

export interface Result {
  /** Empty for a statement without rows. */
  fields: readonly Field[];
  rows: RawValue[][];
  affected: number;
  /** Its rows had as many bytes as were wanted, and it was not read to its end. */
  cut: boolean;
  /** Values of OUT binds by name. */
  out: Readonly<Record<string, unknown>>;
}

export interface Asked {
  operation: string;
  /** OUT binds by name, behind the values; their `:name` stands in the statement's own text. */
  out?: oracledb.BindParameters;
  /** Name of an OUT bind that is a ref cursor: its columns are the result's, and its first row. */
  cursor?: string;
  /** Bytes of rows after which a SELECT is not read on, about; default: all are read. */
  mostBytes?: number | undefined;
}

/** What the driver is told to fetch: NUMBER as its digits, LOBs whole. */
const fetchTypeHandler = ({ dbType }: { dbType?: unknown }): oracledb.FetchTypeResponse | undefined => {
  switch (dbType) {
    case oracledb.DB_TYPE_NUMBER:
    case oracledb.DB_TYPE_CLOB:
    case oracledb.DB_TYPE_NCLOB:
    case oracledb.DB_TYPE_LONG:
    case oracledb.DB_TYPE_ROWID:
      return { type: oracledb.STRING };
    case oracledb.DB_TYPE_BLOB:
    case oracledb.DB_TYPE_LONG_RAW:
      return { type: oracledb.BUFFER };
    default:
      return undefined;
  }
};

const fetchRows = 500;
const fetching = {
  outFormat: oracledb.OUT_FORMAT_ARRAY,
  fetchTypeHandler,
  fetchArraySize: fetchRows,
  prefetchRows: fetchRows,
  nullifyInvalidCursor: true,
};

/** How much longer than its time limit a statement is waited for, until the connection is given up as dead. */
const graceMs = 5_000;
/** How long the end of a connection is waited for. */
const closeMs = 2_000;
/** Most bytes of a text that is bound as CHAR. */
const charBytes = 2_000;

/**
 * One connection, one statement at a time. Each has a time limit, after which the server is told to end it; an abort or a server that does not answer gives the
 * connection up: nothing is ever reused in an unknown state.
 */
export class Link {
  readonly #connection: oracledb.Connection;
  readonly #access: Access;
  readonly #place: string;
  #usable = true;

  constructor(connection: oracledb.Connection, access: Access) {
    this.#connection = connection;
    this.#access = access;
    this.#place = placeOf(access.settings);
    connection.callTimeout = access.context.limits.statementTimeoutMs;
  }

  get usable(): boolean {
    return this.#usable;
  }

  get reusable(): boolean {
    return this.#usable;
  }

  get version(): string {
    return this.#connection.oracleServerVersionString ?? "";
  }

  /** What the server told along with the login: a password that runs out. */
  get warning(): string | undefined {
    return this.#connection.warning?.message;
  }

  /** As the server told with its last answer. */
  get inTransaction(): boolean {
    return this.#usable && this.#connection.transactionInProgress === true;
  }

  async execute(statement: Statement, signal: AbortSignal, { operation, out, cursor, mostBytes }: Asked): Promise<Result> {
    const text = withNames(statement);
    const binds = { ...bindsOf(statement.values), ...out };
    const resultSet = mostBytes !== undefined;
    const options = { ...fetching, resultSet };
    const [result, read] = await this.#guarded(operation, signal, async () => {
      const told = await this.#connection.execute<unknown[]>(text, binds, options);
      return [told, cursor === undefined ? await rowsOf(told, mostBytes) : await firstRowOf(told, cursor)] as const;
    });
    return {
      fields: (result.metaData ?? []).map(fieldOf),
      ...read,
      affected: result.rowsAffected ?? 0,
      out: (result.outBinds ?? {}) as Record<string, unknown>,
    };
  }

  /** Columns of a SELECT that is parsed and not run. */
  async describe(statement: Statement, signal: AbortSignal, operation: string): Promise<Field[]> {
    const info = await this.#guarded(operation, signal, () => this.#connection.getStatementInfo(withNames(statement)));
    return (info.metaData ?? []).map(fieldOf);
  }

  commit(signal: AbortSignal): Promise<void> {
    return this.#guarded("commit in the ERP", signal, () => this.#connection.commit());
  }

  rollback(signal: AbortSignal): Promise<void> {
    return this.#guarded("write to the ERP", signal, () => this.#connection.rollback());
  }

  async #guarded<T>(operation: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const { clock, limits } = this.#access.context;
    signal.throwIfAborted();
    if (!this.#usable) throw gone(operation, this.#place);
    let stop = (): void => {};
    const given = new Promise<never>((_, reject) => {
      const giveUp = (reason: unknown): void => {
        this.#usable = false;
        reject(reason);
      };
      const cancel = clock.after(limits.statementTimeoutMs + graceMs, () => giveUp(tooLong(operation, this.#place)));
      const onAbort = (): void => {
        void this.#connection.break().catch(() => {});
        giveUp(signal.reason);
      };
      signal.addEventListener("abort", onAbort, { once: true });
      stop = () => {
        cancel();
        signal.removeEventListener("abort", onAbort);
      };
    });
    try {
      return await Promise.race([work(), given]);
    } catch (cause) {
      const error = signal.aborted ? cause : oracleError(cause, operation, this.#place);
      if (error instanceof FuserError && endsConnection.has(error.code)) this.#usable = false;
      if (!this.#usable) void this.close();
      throw error;
    } finally {
      stop();
    }
  }

  /** Never throws, and waits for a dead server no longer than a moment. */
  async close(): Promise<void> {
    const wasUsable = this.#usable;
    this.#usable = false;
    const closing = this.#connection.close({ drop: !wasUsable }).catch(() => {});
    let cancel = (): void => {};
    const patience = new Promise<void>((resolve) => {
      cancel = this.#access.context.clock.after(closeMs, resolve);
    });
    await Promise.race([closing, patience]);
    cancel();
  }
}

/** Codes after which the session's state is not known. */
const endsConnection: ReadonlySet<string> = new Set(["erp-connection-lost", "erp-unreachable", "erp-statement-timeout"]);

/** @throws FuserError */
export async function openLink(access: Access, kind: LinkKind, signal: AbortSignal): Promise<Link> {
  signal.throwIfAborted();
  const connection = await connect(access, kind);
  const link = new Link(connection, access);
  if (signal.aborted) {
    await link.close();
    signal.throwIfAborted();
  }
  return link;
}

/** Rows with LOBs come a few at a time, so that not many more are fetched than are wanted. */
async function rowsOf({ rows, resultSet }: oracledb.Result<unknown[]>, mostBytes = 0): Promise<Pick<Result, "rows" | "cut">> {
  if (resultSet === undefined) return { rows: (rows ?? []) as RawValue[][], cut: false };
  const portion = resultSet.metaData.some(({ dbType }) => long.has(dbType)) ? lobRows : fetchRows;
  const all: RawValue[][] = [];
  for (let bytes = 0; bytes < mostBytes; ) {
    const some = (await resultSet.getRows(portion)) as RawValue[][];
    all.push(...some);
    for (const row of some) bytes += sizeOf(row);
    if (some.length === portion) continue;
    await resultSet.close();
    return { rows: all, cut: false };
  }
  await resultSet.close();
  return { rows: all, cut: true };
}

/** Every cursor is closed, whoever asked for it. */
async function firstRowOf(
  { outBinds }: oracledb.Result<unknown[]>,
  wanted: string,
): Promise<Pick<Result, "fields" | "rows" | "cut">> {
  const out = outBinds as unknown as Record<string, unknown>;
  const cursors = Object.entries(out).filter((one): one is [string, oracledb.ResultSet<unknown[]>] => isCursor(one[1]));
  let first: Pick<Result, "fields" | "rows" | "cut"> = { fields: [], rows: [], cut: false };
  for (const [name, cursor] of cursors) {
    if (name === wanted) {
      const fields = cursor.metaData.map(fieldOf);
      const rows = await cursor.getRows(1);
      first = { fields, rows: rows.map((row) => row.map((value, index) => rawOf(value, fields[index]?.type ?? ""))), cut: false };
    }
    await cursor.close();
  }
  return first;
}

const isCursor = (value: unknown): boolean => typeof value === "object" && value !== null && "getRows" in value;

const rawOf = (value: unknown, type: string): RawValue => (value instanceof Date ? dateText(value, type) : (value as RawValue));

const long: ReadonlySet<unknown> = new Set([
  oracledb.DB_TYPE_CLOB,
  oracledb.DB_TYPE_NCLOB,
  oracledb.DB_TYPE_BLOB,
  oracledb.DB_TYPE_LONG,
  oracledb.DB_TYPE_LONG_RAW,
]);

function fieldOf(meta: Pick<oracledb.Metadata<unknown>, "name" | "dbTypeName" | "precision" | "scale" | "nullable">): Field {
  return {
    name: meta.name,
    type: meta.dbTypeName ?? "",
    precision: meta.precision,
    scale: meta.scale,
    nullable: meta.nullable ?? true,
  };
}

/** `:1`, `:2` … for the values. */
function withNames({ text }: Statement): string {
  return text.map((part, index) => (index === 0 ? part : `:b${index}${part}`)).join("");
}

function bindsOf(values: readonly Value[]): Record<string, oracledb.BindParameter> {
  return Object.fromEntries(values.map((value, index) => [`b${index + 1}`, bindOf(value)]));
}

/**
 * Texts are bound as CHAR: only then does Oracle compare them with a CHAR column without regard to the blanks that pad it; with a VARCHAR2 column they compare
 * as they are (SQL Language Reference, "Data Type Comparison Rules").
 */
function bindOf(value: Value): oracledb.BindParameter {
  if (value === null || value === "") return { val: null, type: oracledb.DB_TYPE_VARCHAR };
  if (typeof value === "string") {
    const type = Buffer.byteLength(value) <= charBytes ? oracledb.DB_TYPE_CHAR : oracledb.DB_TYPE_VARCHAR;
    return { val: value, type };
  }
  if (typeof value === "boolean") return { val: value ? 1 : 0, type: oracledb.DB_TYPE_NUMBER };
  if (typeof value === "bigint") return { val: value, type: oracledb.DB_TYPE_NUMBER };
  if (typeof value === "number") {
    return { val: value, type: Number.isSafeInteger(value) ? oracledb.DB_TYPE_NUMBER : oracledb.DB_TYPE_BINARY_DOUBLE };
  }
  return { val: Buffer.from(value), type: oracledb.DB_TYPE_RAW };
}

function tooLong(operation: string, place: string): FuserError {
  return new FuserError("transient", "The ERP's server does not answer", {
    code: "erp-statement-timeout",
    operation,
    place,
    hint: "Check whether the server is overloaded or the network broke.",
  });
}

function gone(operation: string, place: string): FuserError {
  return new FuserError("transient", "The connection to the ERP's database broke", {
    code: "erp-connection-lost",
    operation,
    place,
    hint: "It is tried again by itself.",
  });
}
