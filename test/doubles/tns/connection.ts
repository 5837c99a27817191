// One client at the double: login, statements, cursors. Above the packets, beside the database that answers.
import { ByteReader, ByteWriter, Incomplete } from "./bytes.ts";
import { type Answer, type Database, type DatabaseSession, OracleError, type OutValue, type ResultColumn } from "./database.ts";
import { type Challenge, challenge } from "./login.ts";
import {
  describeColumns,
  ending,
  type OutBind,
  outBinds,
  parametersReply,
  protocolReply,
  returnedRows,
  rowHeader,
  rowOf,
  status,
  typesReply,
  warningReply,
} from "./replies.ts";
import { type Execute, isPlsql, type Request, readRequest, returnedBinds } from "./requests.ts";
import type { Cell, TypeName, WireType } from "./values.ts";

interface Cursor {
  sql: string;
  binds: readonly WireType[];
  columns: readonly ResultColumn[];
  types: readonly TypeName[];
  rows: Iterator<readonly Cell[]>;
  given: number;
  ended: boolean;
}

/** What a test does to the next statements, before the database sees them. */
export type Interference = (what: { sql: string; types: readonly TypeName[] }) => Interfering | undefined;

/**
 * An error that is told; `lost`: the connection breaks before the statement was run, `lost-after`: after it; `silent`: nothing is answered until the
 * client interrupts.
 */
export type Interfering = OracleError | "lost" | "lost-after" | "silent";

export interface Served {
  database: Database;
  version: string;
  interfere: Interference;
}

export interface Channel {
  send(answer: Buffer): void;
  /** Breaks the socket without a word. */
  destroy(): void;
}

/** `19.3.0.0.0` as the number that the login tells: a byte for the release, then its parts. */
function versionNumber(version: string): number {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major * 2 ** 24 + minor * 2 ** 16;
}

export class Connection {
  readonly #served: Served;
  readonly #channel: Channel;
  readonly #cursors = new Map<number, Cursor>();
  #pending = Buffer.alloc(0);
  #busy = false;
  #nextCursor = 1;
  #login: { user: string; challenge: Challenge } | undefined;
  #session: DatabaseSession | undefined;
  #running: AbortController | undefined;

  constructor(served: Served, channel: Channel) {
    this.#served = served;
    this.#channel = channel;
  }

  /** Bytes of requests; a request may come in several packets. */
  receive(bytes: Buffer): void {
    this.#pending = Buffer.concat([this.#pending, bytes]);
    if (this.#busy) return;
    let request: Request;
    try {
      request = readRequest(new ByteReader(this.#pending), this.#cursors);
    } catch (error) {
      if (error instanceof Incomplete) return;
      console.error("TNS double:", error);
      this.#channel.destroy();
      return;
    }
    this.#pending = Buffer.alloc(0);
    this.#busy = true;
    this.#answer(request)
      .then((answer) => {
        if (answer !== undefined) this.#channel.send(answer);
      })
      .catch((error: unknown) => {
        console.error("TNS double:", error);
        this.#channel.destroy();
      })
      .finally(() => {
        this.#busy = false;
      });
  }

  /** The client gives up on what runs; gives the answer that ends it. */
  interrupt(): void {
    this.#running?.abort();
  }

  interrupted(): Buffer {
    this.#pending = Buffer.alloc(0);
    this.#busy = false;
    const error = new OracleError(1013, "user requested cancel of current operation");
    return this.#end(new ByteWriter(), { error });
  }

  close(): void {
    this.#running?.abort();
    this.#session?.close();
    this.#session = undefined;
  }

  #end(writer: ByteWriter, more: { cursor?: number; rows?: number; error?: OracleError; ended?: boolean } = {}): Buffer {
    const { error, ...rest } = more;
    const told = error && { number: error.number, message: error.message };
    const inTransaction = this.#session?.inTransaction() ?? false;
    return ending(writer, { inTransaction, ...rest, ...(told ? { error: told } : {}) });
  }

  async #answer(request: Request): Promise<Buffer | undefined> {
    switch (request.kind) {
      case "protocol":
        return protocolReply();
      case "types":
        return typesReply();
      case "login":
        return this.#loginStep(request);
      case "commit":
      case "rollback":
        return this.#finish(request.kind);
      case "ping":
      case "logoff":
        return status(this.#session?.inTransaction() ?? false);
      case "fetch": {
        const cursor = this.#cursors.get(request.cursor);
        if (cursor === undefined) return this.#end(new ByteWriter(), { error: new OracleError(1001, "invalid cursor") });
        return this.#rows(new ByteWriter(), request.cursor, { cursor, most: request.rows });
      }
      case "execute":
        return this.#execute(request);
    }
  }

  #loginStep({ proves, user, values }: Extract<Request, { kind: "login" }>): Buffer {
    const { database, version } = this.#served;
    if (!proves) {
      const asked = challenge(database.password(user.toUpperCase()), database.verifier);
      this.#login = { user: user.toUpperCase(), challenge: asked };
      return parametersReply(asked.asked);
    }
    try {
      const proof = this.#login?.challenge.answer(values);
      if (proof === undefined) throw new OracleError(1017, "invalid username/password; logon denied");
      this.#session = database.login(this.#login?.user ?? "");
      const proven = parametersReply([
        ["AUTH_VERSION_NO", String(versionNumber(version))],
        ["AUTH_SVR_RESPONSE", proof],
        ["AUTH_SC_SERVICE_NAME", database.serviceName],
        ["AUTH_INSTANCENAME", "DOUBLE"],
        ["AUTH_DBNAME", database.serviceName],
        ["AUTH_SC_DBUNIQUE_NAME", "DOUBLE"],
        ["AUTH_MAX_OPEN_CURSORS", "300"],
        ["AUTH_MAX_IDEN_LENGTH", "128"],
        ["AUTH_SESSION_ID", "42"],
        ["AUTH_SERIAL_NUM", "7"],
      ]);
      return database.warning === undefined ? proven : Buffer.concat([warningReply(database.warning), proven]);
    } catch (error) {
      if (error instanceof OracleError) return this.#end(new ByteWriter(), { error });
      throw error;
    }
  }

  #finish(kind: "commit" | "rollback"): Buffer | undefined {
    const told = this.#served.interfere({ sql: kind.toUpperCase(), types: [] });
    if (told === "lost") return this.#lose();
    if (told instanceof OracleError) return this.#end(new ByteWriter(), { error: told });
    this.#session?.[kind]();
    return told === "lost-after" ? this.#lose() : status(false);
  }

  #lose(): undefined {
    this.#channel.destroy();
    return undefined;
  }

  async #execute(request: Execute): Promise<Buffer | undefined> {
    const { defines, cursor: id } = request;
    if (defines !== undefined) {
      const cursor = this.#cursors.get(id);
      if (cursor === undefined) return this.#end(new ByteWriter(), { error: new OracleError(1001, "invalid cursor") });
      cursor.types = defines.map(({ type }) => type);
      return this.#rows(new ByteWriter(), id, { cursor, most: request.fetches ? request.rows : 0 });
    }
    const told = this.#served.interfere({ sql: request.sql, types: request.binds.map(({ type }) => type) });
    if (told === "lost") return this.#lose();
    if (told instanceof OracleError) return this.#end(new ByteWriter(), { error: told });
    const running = new AbortController();
    this.#running = running;
    try {
      if (told === "silent") await aborted(running.signal);
      const answer = await this.#ask(request, running.signal);
      if (running.signal.aborted) return undefined;
      if (told === "lost-after") return this.#lose();
      return this.#reply(request, answer);
    } catch (error) {
      if (running.signal.aborted) return undefined;
      if (error instanceof OracleError) return this.#end(new ByteWriter(), { error });
      throw error;
    }
  }

  #ask({ sql, binds, values, parseOnly }: Execute, signal: AbortSignal): Promise<Answer> {
    if (this.#session === undefined) throw new OracleError(1012, "not logged on");
    const bound = binds.map(({ type }, index) => ({ type, value: values[index] ?? null }));
    return this.#session.execute({ sql, binds: bound, parseOnly }, signal);
  }

  #reply(request: Execute, answer: Answer): Buffer {
    const { sql, binds, autoCommit } = request;
    const id = request.cursor || this.#nextCursor++;
    const writer = new ByteWriter();
    if ("columns" in answer) {
      const cursor = openCursor(request, answer.columns, answer.rows);
      // What an earlier execution asked its columns to be fetched as holds for the cursor.
      const earlier = this.#cursors.get(request.cursor);
      if (earlier?.types.length === cursor.types.length) cursor.types = earlier.types;
      this.#cursors.set(id, cursor);
      if (!request.again) describeColumns(writer, cursor.columns);
      const lobs = cursor.types.some((type) => type === "CLOB" || type === "BLOB");
      if (request.parseOnly || lobs) return this.#end(writer, { cursor: id });
      return this.#rows(writer, id, { cursor, most: request.fetches || request.again ? request.rows : 0 });
    }
    this.#cursors.set(id, openCursor(request, [], []));
    if (request.parseOnly) return this.#end(writer, { cursor: id });
    const returning = returnedBinds(sql);
    if (isPlsql(sql) && binds.length > 0) outBinds(writer, this.#outBinds(binds, answer.out ?? new Map()));
    else if (returning > 0) {
      const types = binds.slice(-returning).map(({ type }) => type);
      returnedRows(writer, types, answer.returned ?? []);
    }
    if (autoCommit) this.#session?.commit();
    return this.#end(writer, { cursor: id, rows: answer.affected });
  }

  #outBinds(binds: readonly WireType[], out: ReadonlyMap<number, OutValue>): (OutBind | undefined)[] {
    return binds.map(({ type }, index) => {
      const value = out.get(index);
      if (value === undefined) return undefined;
      if (value === null || typeof value !== "object" || !("columns" in value)) return { type, value };
      const id = this.#nextCursor++;
      const opened = openCursor({ sql: "", binds: [] }, value.columns, value.rows);
      this.#cursors.set(id, opened);
      return { type, value: { columns: value.columns, cursor: id } };
    });
  }

  #rows(writer: ByteWriter, id: number, { cursor, most }: { cursor: Cursor; most: number }): Buffer {
    if (most > 0) rowHeader(writer);
    for (let left = most; left > 0; left--) {
      const next = cursor.rows.next();
      if (next.done) {
        cursor.ended = true;
        break;
      }
      rowOf(writer, next.value, cursor.types);
      cursor.given += 1;
    }
    return this.#end(writer, { cursor: id, rows: cursor.given, ended: cursor.ended });
  }
}

function openCursor(
  { sql, binds }: Pick<Execute, "sql" | "binds">,
  columns: readonly ResultColumn[],
  rows: Iterable<readonly Cell[]>,
): Cursor {
  return { sql, binds, columns, types: columns.map(({ type }) => type), rows: rows[Symbol.iterator](), given: 0, ended: false };
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}
