import { FuserError } from "../../base/errors.ts";
import type { Table } from "../connector.ts";
import { concat, type Statement } from "../statement.ts";
import type { CallResult, ProcedureCall, StatementResult, WriteSession } from "../write-session.ts";
import { matching, writtenBound } from "./bound.ts";
import { callOperation, callResult, callText } from "./call.ts";
import type { Access, Driver } from "./connect.ts";
import { describeTables, nativeOf } from "./describe.ts";
import { isLost } from "./errors.ts";
import { insertedRow } from "./inserted-row.ts";
import { keptMoment } from "./kept-moment.ts";
import type { Link, ResultSet } from "./link.ts";
import { openLink } from "./open-link.ts";
import { valuesOf } from "./result-values.ts";
import { describeRoutine } from "./routine.ts";
import { takeLock } from "./session-lock.ts";
import { mssqlSyntax } from "./sql.ts";
import { fateOf, type Transactions } from "./transactions.ts";
import { readingOf } from "./types.ts";

const operation = "write to the ERP";
/** Describing a table costs more than all the rest of a plan: it is done again after so long, on a new connection, and when a plan was refused. */
const describedForMs = 60_000;
const never = new AbortController().signal;

/**
 * The one connection that writes. It holds the agent's lock (`sp_getapplock`) as long as it lives, so that no earlier attempt of ours, however slowly it
 * dies, is still in flight beside a look-up. Opened when first wanted and again after a loss.
 */
export class Writer implements AsyncDisposable {
  readonly #access: Access;
  readonly #driver: () => Promise<Driver>;
  #link: Link | undefined;
  #open = false;
  /** What the server had told of transactions once the plan's had begun. */
  #begun: Transactions = { current: "", begun: 0, rolledBack: 0 };
  readonly #tables = new Map<string, { table: Table; until: number }>();

  constructor(access: Access, driver: () => Promise<Driver>) {
    this.#access = access;
    this.#driver = driver;
  }

  session(): WriteSession {
    /** Described for this plan; all other tables are remembered from earlier ones. */
    const fresh = new Set<string>();
    let remembered = false;
    return {
      syntax: mssqlSyntax,
      // The row stays ours until the commit, and the server is asked not to lock more than it.
      locking: { table: " WITH (UPDLOCK, ROWLOCK)", end: "" },
      castInteger: (text) => `TRY_CONVERT(bigint, ${text})`,
      // 8,000 is more than any column under a unique index holds.
      textFrom: (column, from) => `SUBSTRING(${column}, ${from}, 8000)`,
      begin: (signal) => this.#begin(signal),
      commit: () => this.#commit(),
      rollback: () => this.#rollback(),
      inTransaction: () => this.#open,
      run: (statement, signal) => this.#run(statement, signal),
      insertReturning: (insert, signal) => this.#inserted(insertedRow(insert), insert.table, signal),
      call: (call, signal) => this.#call(call, signal),
      table: async (name, signal) => {
        const known = this.#known(name);
        if (known) {
          remembered ||= !fresh.has(name);
          return known;
        }
        fresh.add(name);
        return this.#describe(name, signal);
      },
      forgetTables: () => {
        const stoodOnIt = remembered;
        remembered = false;
        this.#tables.clear();
        return stoodOnIt;
      },
      readable: (column) => readingOf(mssqlSyntax.quote(column.name), nativeOf(column)),
      kept: (value, column) => keptMoment(value, nativeOf(column)),
      toColumn: (value, column) => writtenBound(value, nativeOf(column)),
      matches: (column, value) => matching(column, value, nativeOf(column)),
    };
  }

  /** @throws FuserError transient `erp-session-locked` while another session holds the agent's lock */
  async #connected(signal: AbortSignal): Promise<Link> {
    if (this.#link?.reusable) return this.#link;
    await this.#link?.close();
    this.#tables.clear();
    const link = await openLink(this.#access, await this.#driver(), "write", signal);
    try {
      await takeLock(link, this.#access.context, signal);
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

  #known(name: string): Table | undefined {
    const known = this.#tables.get(name);
    return known !== undefined && known.until > this.#access.context.clock.monotonic() ? known.table : undefined;
  }

  async #describe(name: string, signal: AbortSignal): Promise<Table> {
    const [table] = await describeTables(this.#current(), [name], signal);
    if (!table) throw missingTable(name);
    this.#tables.set(name, { table, until: this.#access.context.clock.monotonic() + describedForMs });
    return table;
  }

  async #begin(signal: AbortSignal): Promise<void> {
    const reused = this.#link?.reusable === true;
    const link = await this.#connected(signal);
    try {
      await link.batch("BEGIN TRANSACTION", { signal, operation });
    } catch (error) {
      // Nothing was written: a connection that died while it lay idle is replaced without a word.
      if (!reused || !isLost(error)) throw error;
      await (await this.#connected(signal)).batch("BEGIN TRANSACTION", { signal, operation });
    }
    const { current, begun, rolledBack } = this.#current().transactions;
    this.#begun = { current, begun, rolledBack };
    this.#open = true;
  }

  /** Never aborted: a commit that has begun is waited for, within the statement's time limit. */
  async #commit(): Promise<void> {
    const link = this.#current();
    try {
      await link.batch("COMMIT TRANSACTION", { signal: never, operation: "commit in the ERP" });
      this.#open = false;
    } catch (error) {
      if (link.usable && !isUnsure(error)) throw error;
      throw commitUnknown(error);
    }
  }

  async #rollback(): Promise<void> {
    const link = this.#link;
    this.#open = false;
    if (!link?.usable) return;
    try {
      await link.batch("IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION", { signal: never, operation });
    } catch {
      await link.cancel();
    }
  }

  async #run(statement: Statement, signal: AbortSignal): Promise<StatementResult> {
    const { sets, affected } = await this.#results(statement, signal);
    const rows = sets[0];
    if (!rows) return { columns: [], rows: [], affected, insertId: undefined };
    return { ...valuesOf(rows), affected, insertId: undefined };
  }

  async #call(call: ProcedureCall, signal: AbortSignal): Promise<CallResult> {
    const routine = await describeRoutine(this.#current(), call.procedure, { signal, operation: callOperation });
    const statement = callText(routine, call);
    const { sets } = await this.#results(statement, signal);
    return { ...callResult(routine, call, sets), statement };
  }

  /**
   * Runs a text and asks in the same breath how many rows it took and whether the transaction is still open: what the driver counts includes the rows that
   * triggers of the ERP write, and procedures may commit by themselves.
   * @throws FuserError rejected `erp-transaction-ended`
   */
  async #results(statement: Statement, signal: AbortSignal): Promise<{ sets: ResultSet[]; affected: number }> {
    const told = concat(statement, "\n;SELECT @@ROWCOUNT AS fuser_affected, @@TRANCOUNT AS fuser_open");
    const link = this.#current();
    let results: ResultSet[];
    try {
      results = await link.query(told, { signal, operation });
    } catch (error) {
      if (!this.#open || (!isEndedWithin(error) && fateOf(this.#begun, link.transactions) !== "ended")) throw error;
      throw this.#ended(error);
    }
    const [affected, open] = results.at(-1)?.rows[0] ?? [];
    if (this.#open && (Number(open ?? 0) === 0 || fateOf(this.#begun, link.transactions) !== "open")) throw this.#ended();
    return { sets: results.slice(0, -1), affected: Number(affected ?? 0) };
  }

  #ended(cause?: unknown): FuserError {
    this.#open = false;
    return new FuserError("rejected", "A statement of the plan ended the ERP's transaction by itself", {
      code: "erp-transaction-ended",
      operation,
      hint: "What it did can't be undone: look in the ERP, then `erpfuser commands resolve`.",
      cause,
    });
  }

  async #inserted(statement: Statement, table: Table, signal: AbortSignal): Promise<StatementResult> {
    const result = await this.#run(statement, signal);
    if (result.rows.length === 1) return { ...result, affected: 1 };
    throw new FuserError("rejected", `The new row of ${table.name} can't be found again by its own key`, {
      code: "erp-write-altered",
      operation,
      place: table.name,
      hint: "Look at the ERP's rules for this table.",
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#link?.close();
    this.#link = undefined;
  }
}

/** Error 266: a procedure left another number of transactions than it found, so it has committed or rolled back by itself. */
function isEndedWithin(error: unknown): boolean {
  const cause = error instanceof FuserError ? error.cause : undefined;
  const all = cause instanceof AggregateError ? cause.errors : [cause];
  return all.length > 0 && all.every((one) => (one as { number?: number } | undefined)?.number === 266);
}

/** An answer that did not come leaves open what became of the commit. */
function isUnsure(error: unknown): boolean {
  return error instanceof FuserError && error.code === "erp-statement-timeout";
}

function commitUnknown(cause: unknown): FuserError {
  return new FuserError("transient", "The connection to the ERP was lost during the commit", {
    code: "erp-commit-unknown",
    operation: "commit in the ERP",
    hint: "The command is looked up in the ERP before it is tried again.",
    cause,
  });
}

function missingTable(name: string): FuserError {
  return new FuserError("config", `The ERP has no table ${name}`, {
    code: "erp-object-missing",
    operation,
    place: name,
    hint: "Correct the name in the configuration, or ask whether the ERP was upgraded.",
  });
}
