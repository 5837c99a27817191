import { FuserError } from "../../base/errors.ts";
import type { Column, Table, Value } from "../connector.ts";
import { keyPart } from "../row-batch.ts";
import { concat, type Statement, sql } from "../statement.ts";
import type { CallResult, ProcedureCall, StatementResult, WriteSession } from "../write-session.ts";
import { prepareCall } from "./call.ts";
import { type Access, killThread } from "./connect.ts";
import { type Decode, decoderOf, decodeSent } from "./decode.ts";
import { askServer, describeTables } from "./describe.ts";
import { isLost } from "./errors.ts";
import { lockSeconds } from "./limits.ts";
import { type Link, openLink, type ResultSet } from "./link.ts";
import { mysqlSyntax, textLiteral, withLiterals } from "./sql.ts";
import { boundFor, fieldType, keyLiteral } from "./values.ts";

const operation = "write to the ERP";
/** Describing a table costs more than all the rest of a plan: it is done again after so long, on a new connection, and when a plan was refused. */
const describedForMs = 60_000;
const savepoint = "fuser_call";
const calls = /^\s*(?:\/\*[\s\S]*?\*\/\s*)*CALL\b/i;

/**
 * The one connection that writes. It holds the agent's lock (`GET_LOCK`) as long as it lives, so that no earlier attempt of ours, however slowly
 * it dies, is still in flight beside a look-up. Opened when first wanted and again after a loss.
 */
export class Writer implements AsyncDisposable {
  readonly #access: Access;
  #link: Link | undefined;
  #open = false;
  readonly #tables = new Map<string, { table: Table; until: number }>();

  constructor(access: Access) {
    this.#access = access;
  }

  /** @throws FuserError transient `erp-session-locked` while another session holds the agent's lock */
  async #connected(signal: AbortSignal): Promise<Link> {
    if (this.#link?.reusable) return this.#link;
    await this.#link?.close();
    this.#tables.clear();
    const link = await openLink(this.#access, "write", signal);
    try {
      await takeLock(link, this.#access, { lost: this.#link, signal });
    } catch (error) {
      await link.cancel();
      throw error;
    }
    this.#link = link;
    return link;
  }

  #current(): Link {
    if (!this.#link) throw new FuserError("bug", "A write without its transaction", { code: "erp-no-transaction", operation });
    return this.#link;
  }

  session(): WriteSession {
    /** Described for this plan; all other tables are remembered from earlier ones. */
    const fresh = new Set<string>();
    let remembered = false;
    return {
      syntax: mysqlSyntax,
      locking: { table: "", end: " FOR UPDATE" },
      castInteger: (column) => `CAST(${column} AS SIGNED)`,
      begin: (signal) => this.#begin(signal),
      commit: () => this.#commit(),
      rollback: () => this.#rollback(),
      inTransaction: () => this.#open,
      run: (statement, signal) =>
        calls.test(statement.text[0] as string)
          ? this.#withinTransaction("the procedure of an SQL step", () => this.#run(statement, signal))
          : this.#run(statement, signal),
      call: (call, signal) => this.#call(call, signal),
      table: async (name, signal) => {
        const { clock } = this.#access.context;
        const known = this.#tables.get(name);
        if (known !== undefined && known.until > clock.monotonic()) {
          remembered ||= !fresh.has(name);
          return known.table;
        }
        fresh.add(name);
        const [table] = await describeTables(this.#current(), [name], signal);
        if (!table) throw missingTable(name);
        this.#tables.set(name, { table, until: clock.monotonic() + describedForMs });
        return table;
      },
      forgetTables: () => {
        const stoodOnIt = remembered;
        remembered = false;
        this.#tables.clear();
        return stoodOnIt;
      },
      readable,
      toColumn: (value, column) => (column.type === "instant" ? instantOf(value) : boundFor(value, column.type)),
      matches,
    };
  }

  async #begin(signal: AbortSignal): Promise<void> {
    const reused = this.#link?.reusable === true;
    const link = await this.#connected(signal);
    try {
      await link.query("START TRANSACTION", signal, operation);
    } catch (error) {
      // Nothing was written: a connection that died while it lay idle is replaced without a word.
      if (!reused || !isLost(error)) throw error;
      await (await this.#connected(signal)).query("START TRANSACTION", signal, operation);
    }
    this.#open = true;
  }

  /** Never aborted: a commit that has begun is waited for, within the statement's time limit. */
  async #commit(): Promise<void> {
    try {
      await this.#current().query("COMMIT", new AbortController().signal, "commit in the ERP");
      this.#open = false;
    } catch (error) {
      throw this.#current().usable ? error : commitUnknown(error);
    }
  }

  async #rollback(): Promise<void> {
    const link = this.#link;
    this.#open = false;
    if (!link?.usable) return;
    try {
      await link.query("ROLLBACK", new AbortController().signal, operation);
    } catch {
      await link.cancel();
    }
  }

  async #run(statement: Statement, signal: AbortSignal): Promise<StatementResult> {
    const results = await this.#current().query(withLiterals(statement), signal, operation);
    const status = results.findLast((result) => result.inTransaction !== undefined)?.inTransaction;
    if (status === false) this.#open = false;
    // A procedure gives its rows first and its own end last.
    const rows = results.find((result) => result.fields.length > 0);
    return rows ? rowsOf(rows) : { columns: [], rows: [], affected: results[0]?.affected ?? 0, insertId: idOf(results[0]) };
  }

  async #call(call: ProcedureCall, signal: AbortSignal): Promise<CallResult> {
    const link = this.#current();
    const prepared = await prepareCall(link, call, signal);
    if (prepared.set !== undefined) await link.query(withLiterals(prepared.set), signal, operation);
    const result = await this.#withinTransaction(call.procedure, () => this.#run(prepared.call, signal));
    const read = prepared.read && (await this.#run(prepared.read, signal));
    const out = Object.fromEntries(call.out.map((name, index) => [name, read?.rows[0]?.[index] ?? null]));
    const isFunction = prepared.kind === "function";
    return {
      out,
      columns: isFunction ? [] : result.columns,
      rows: isFunction ? [] : result.rows,
      returned: isFunction ? (result.rows[0]?.[0] ?? null) : undefined,
      statement: prepared.call,
    };
  }

  /**
   * The flag that tells whether the session is in a transaction does not tell whether it is still the same one: a procedure may commit and begin anew. A savepoint
   * does, for it ends with its transaction. It is asked for whatever came of the procedure: one that committed and then met a lock must not be called again.
   * @throws FuserError rejected `erp-transaction-ended`
   */
  async #withinTransaction(procedure: string, work: () => Promise<StatementResult>): Promise<StatementResult> {
    const link = this.#current();
    const never = new AbortController().signal;
    const commits = await this.#commits(link);
    await link.query(`SAVEPOINT ${savepoint}`, never, operation);
    const failed: { error?: unknown } = {};
    const result = await work().catch((error: unknown) => {
      failed.error = error;
      return undefined;
    });
    // What a lost session had not committed is gone with it.
    if (result === undefined && !link.usable) throw failed.error;
    try {
      await link.query(`RELEASE SAVEPOINT ${savepoint}`, never, operation);
    } catch (error) {
      if (!(error instanceof FuserError) || error.code !== "erp-object-missing") throw error;
      if (result === undefined && (await this.#rolledBackByServer(link, failed.error)) && (await this.#commits(link)) === commits)
        throw failed.error;
      throw transactionEnded(procedure, error);
    }
    if (result === undefined) throw failed.error;
    return result;
  }

  /** How often this session has committed, also within procedures; what commits without saying so (DDL) does not count. */
  async #commits(link: Link): Promise<string | null | undefined> {
    const [row] = await askServer(link, "SHOW SESSION STATUS LIKE 'Com_commit'", new AbortController().signal, operation);
    return row?.value;
  }

  /** A deadlock's victim loses its whole transaction, and where a setting says so whoever waits too long for a lock. */
  async #rolledBackByServer(link: Link, error: unknown): Promise<boolean> {
    const code = error instanceof FuserError ? error.code : "";
    if (code === "erp-deadlock") return true;
    if (code !== "erp-locked") return false;
    const [row] = await askServer(link, "SELECT @@innodb_rollback_on_timeout AS whole", new AbortController().signal, operation);
    return row?.whole === "1";
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#link?.close();
    this.#link = undefined;
  }
}

function transactionEnded(procedure: string, cause: unknown): FuserError {
  return new FuserError("rejected", `${procedure} ended the ERP's transaction by itself`, {
    code: "erp-transaction-ended",
    operation,
    place: procedure,
    hint: "What it did can't be undone: look in the ERP, then `erpfuser commands resolve`.",
    cause,
  });
}

function commitUnknown(cause: unknown): FuserError {
  return new FuserError("transient", "The connection to the ERP was lost during the commit", {
    code: "erp-commit-unknown",
    operation: "commit in the ERP",
    hint: "The command is looked up in the ERP before it is tried again.",
    cause,
  });
}

function rowsOf(result: ResultSet): StatementResult {
  const decoders = result.fields.map(decoderOf);
  const rows = result.rows.map((row) => row.map((value, index) => decodeSent(decoders[index] as Decode, value)));
  // The session keeps the server's zone: what TIMESTAMP columns print here is local time.
  const local = result.fields.map((field) => fieldType(field) === "instant");
  const plain = rows.map((row) =>
    row.map((value, index) => (local[index] && typeof value === "string" ? value.replace(/Z$/, "") : value)),
  );
  return { columns: result.fields.map((field) => field.name), rows: plain, affected: result.rows.length, insertId: undefined };
}

function idOf(result: ResultSet | undefined): bigint | undefined {
  return result && result.insertId > 0n ? result.insertId : undefined;
}

/**
 * Lock names hold 64 characters and count for the whole server: the agent's name alone. `lost`: id of our last session. A server that has not
 * noticed its end (the network was gone, so that it could not be told) keeps it alive with our lock and with row locks that hold up clerks: it is ended.
 */
async function takeLock(
  link: Link,
  access: Access,
  { lost, signal }: { lost: Link | undefined; signal: AbortSignal },
): Promise<void> {
  const { context } = access;
  let { taken, holder } = await askForLock(link, access, signal);
  if (!taken && lost?.server === link.server && holder === String(lost.id)) {
    await killThread(access, lost);
    ({ taken, holder } = await askForLock(link, access, signal));
  }
  if (taken) return;
  throw new FuserError("transient", `Another session (${holder || "unknown"}) of this agent holds its lock in the ERP`, {
    code: "erp-session-locked",
    operation: "take the agent's lock in the ERP",
    place: context.sessionName,
    hint: "Stop the other agent of this name. A session that died is ended by the server within two minutes.",
  });
}

async function askForLock(link: Link, { context }: Access, signal: AbortSignal): Promise<{ taken: boolean; holder: string }> {
  const name = textLiteral(context.sessionName.slice(0, 64));
  const [result] = await link.query(
    `SELECT GET_LOCK(${name}, ${lockSeconds(context.limits)}) AS taken, IS_USED_LOCK(${name}) AS holder`,
    signal,
    "take the agent's lock in the ERP",
  );
  const [taken, holder] = (result?.rows[0] ?? []).map((raw) => (raw === null ? "" : Buffer.from(raw as Uint8Array).toString()));
  return { taken: taken === "1", holder: holder ?? "" };
}

/** TIMESTAMP columns as instants: exact whatever the session's zone, the hour that DST repeats included. */
function readable(column: Column): string {
  const name = mysqlSyntax.quote(column.name);
  if (column.type !== "instant") return name;
  const text = `DATE_FORMAT(TIMESTAMPADD(MICROSECOND, UNIX_TIMESTAMP(${name}) * 1000000, '1970-01-01 00:00:00'), '%Y-%m-%dT%H:%i:%s.%f')`;
  return `CONCAT(TRIM(TRAILING '.' FROM TRIM(TRAILING '0' FROM ${text})), 'Z')`;
}

/** An instant as an expression that the session's zone does not touch; a text without zone is left to the server. */
function instantOf(value: Value): Statement {
  const ms = typeof value === "string" && value.endsWith("Z") ? Date.parse(value) : Number.NaN;
  if (Number.isNaN(ms)) return boundFor(value, "datetime");
  const fraction = /\.(\d+)Z$/.exec(value as string)?.[1] ?? "0";
  return sql(`FROM_UNIXTIME(${Math.floor(ms / 1_000)}.${fraction.slice(0, 6)})`);
}

function matches(column: Column, value: Value): Statement {
  const name = mysqlSyntax.quote(column.name);
  if (value === null) return concat(name, " IS NULL");
  if (column.type === "instant") return concat(name, " = ", instantOf(value));
  const part = typeof value === "number" && column.type === "boolean" ? String(value !== 0) : keyPart(value);
  const literal = keyLiteral(part, column.type);
  return literal ? concat(name, " = ", literal) : sql("FALSE");
}

function missingTable(name: string): FuserError {
  return new FuserError("config", `The ERP has no table ${name}`, {
    code: "erp-object-missing",
    operation,
    place: name,
    hint: "Correct the name in the configuration, or ask whether the ERP was upgraded.",
  });
}
