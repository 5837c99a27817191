import { FuserError } from "../../base/errors.ts";
import type { Column, Table, Value } from "../connector.ts";
import { bind, concat, join, type Statement, sql } from "../statement.ts";
import type { InsertedRow, StatementResult, WriteSession } from "../write-session.ts";
import { callRoutine } from "./call.ts";
import { placeOf } from "./config.ts";
import type { Access } from "./connect.ts";
import { describeTables, typeIdOf } from "./describe.ts";
import { isLost } from "./errors.ts";
import { type Link, openLink, type ResultSet } from "./link.ts";
import { takeLock } from "./lock.ts";
import { postgresSyntax, withLiterals } from "./sql.ts";
import { decoderOf, matchExpression, valueLiteral } from "./values.ts";

const operation = "write to the ERP";
/** Describing a table costs more than all the rest of a plan: it is done again after so long, on a new connection, and when a plan was refused. */
const describedForMs = 60_000;

/**
 * The one connection that writes. It holds the agent's lock as long as it lives, so that no earlier attempt of ours, however slowly it dies, is still in
 * flight beside a look-up. Opened when first wanted and again after a loss.
 */
export class Writer implements AsyncDisposable {
  readonly #access: Access;
  #link: Link | undefined;
  #open = false;
  readonly #tables = new Map<string, { table: Table; until: number }>();

  constructor(access: Access) {
    this.#access = access;
  }

  /** @throws FuserError transient `erp-session-locked` while another session holds the agent's lock; `erp-read-only` on a standby */
  async #connected(signal: AbortSignal): Promise<Link> {
    if (this.#link?.reusable) return this.#link;
    await this.#link?.close();
    this.#tables.clear();
    const link = await openLink(this.#access, "write", signal);
    try {
      if (link.facts.standby) throw readOnly(this.#access);
      await takeLock(link, this.#access, { lost: this.#link?.id, signal });
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
      syntax: postgresSyntax,
      locking: { table: "", end: " FOR UPDATE" },
      // Texts that hold no whole number count for nothing; a cast would fail for all.
      castInteger: (column) => `CAST(substring(${column} FROM '^\\s*(\\d{1,18})\\s*$') AS bigint)`,
      begin: (signal) => this.#begin(signal),
      commit: () => this.#commit(),
      rollback: () => this.#rollback(),
      inTransaction: () => this.#open && this.#current().inTransaction,
      run: (statement, signal) => this.#run(statement, signal),
      insertReturning: (insert, signal) => this.#run(returning(insert), signal),
      call: (call, signal) => callRoutine(this.#current(), call, signal),
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
      readable: (column) => postgresSyntax.quote(column.name),
      toColumn: bind,
      matches,
    };
  }

  async #begin(signal: AbortSignal): Promise<void> {
    const reused = this.#link?.reusable === true;
    const link = await this.#connected(signal);
    try {
      await link.query("BEGIN READ WRITE", signal, operation);
    } catch (error) {
      // Nothing was written: a connection that died while it lay idle is replaced without a word.
      if (!reused || !isLost(error)) throw error;
      await (await this.#connected(signal)).query("BEGIN READ WRITE", signal, operation);
    }
    this.#open = true;
  }

  /** Never aborted: a commit that has begun is waited for, within the statement's time limit. Constraints that are deferred may refuse it. */
  async #commit(): Promise<void> {
    const link = this.#current();
    try {
      const [result] = await link.query("COMMIT", new AbortController().signal, "commit in the ERP");
      this.#open = false;
      if (result?.command !== "COMMIT") throw rolledBack();
    } catch (error) {
      throw link.usable ? error : commitUnknown(error);
    }
  }

  async #rollback(): Promise<void> {
    const link = this.#link;
    const open = this.#open;
    this.#open = false;
    if (!link?.usable || !open) return;
    try {
      await link.query("ROLLBACK", new AbortController().signal, operation);
    } catch {
      await link.cancel();
    }
  }

  async #run(statement: Statement, signal: AbortSignal): Promise<StatementResult> {
    const results = await this.#current().query(withLiterals(statement), signal, operation);
    return resultOf(results.at(-1) as ResultSet);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#link?.close();
    this.#link = undefined;
  }
}

function resultOf({ fields, rows, affected }: ResultSet): StatementResult {
  const decoders = fields.map(decoderOf);
  return {
    columns: fields.map(({ name }) => name),
    rows: rows.map((row) => row.map((value, index) => decoders[index]?.(value) as Value)),
    affected,
    insertId: undefined,
  };
}

function returning({ table, columns, values, returning: wanted }: InsertedRow): Statement {
  const { quote } = postgresSyntax;
  const names = (list: readonly Column[]): string => list.map(({ name }) => quote(name)).join(", ");
  const into = `INSERT INTO ${quote(table.name)} (${names(columns)}) VALUES (`;
  return concat(into, join(values, ", "), `) RETURNING ${names(wanted)}`);
}

function matches(column: Column, value: Value): Statement {
  const quoted = postgresSyntax.quote(column.name);
  if (value === null) return concat(quoted, " IS NULL");
  const type = typeIdOf(column);
  const literal = valueLiteral(value, type);
  return literal ? concat(matchExpression(quoted, type), " = ", literal) : sql("FALSE");
}

function commitUnknown(cause: unknown): FuserError {
  return new FuserError("transient", "The connection to the ERP was lost during the commit", {
    code: "erp-commit-unknown",
    operation: "commit in the ERP",
    hint: "The command is looked up in the ERP before it is tried again.",
    cause,
  });
}

/** A statement of the plan failed and hid it: the server rolls back and calls that no error. */
function rolledBack(): FuserError {
  return new FuserError("transient", "The ERP rolled the transaction back in place of its commit", {
    code: "erp-failed",
    operation: "commit in the ERP",
    hint: "It is tried again by itself.",
  });
}

function readOnly({ settings, servers }: Access): FuserError {
  // Of several servers another one is about to take over.
  const kind = servers.several ? "transient" : "config";
  return new FuserError(kind, "The ERP's server is a standby, which can only be read", {
    code: "erp-read-only",
    operation,
    place: placeOf(settings),
    hint: "Connect to the primary server, or name all of them: `erp: server: [one, other]`.",
  });
}

function missingTable(name: string): FuserError {
  return new FuserError("config", `The ERP has no table ${name}`, {
    code: "erp-object-missing",
    operation,
    place: name,
    hint: "Correct the name in the configuration (PostgreSQL keeps names in lower case unless they were created in quotes), or ask whether the ERP was upgraded.",
  });
}
