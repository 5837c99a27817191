import { createHash } from "node:crypto";
import oracledb from "oracledb";
import { FuserError, kindOf } from "../../base/errors.ts";
import type { Column, Table, Value, WritePlan } from "../connector.ts";
import { type Decode, keyPart } from "../row-batch.ts";
import { bind, concat, join, type Statement, sql } from "../statement.ts";
import type { InsertedRow, StatementResult, WriteSession } from "../write-session.ts";
import { callRoutine } from "./call.ts";
import type { Access } from "./connect.ts";
import { describeTables } from "./describe.ts";
import { dateText } from "./driver-date.ts";
import { isLost } from "./errors.ts";
import { ifAllowed } from "./identity.ts";
import { type Link, openLink, type Result } from "./link.ts";
import { aroundOf, columnOf } from "./source.ts";
import { oracleSyntax } from "./sql.ts";
import { boundFor, decodeComputed, decoderOf, nothing, type OracleColumn, readable } from "./values.ts";

const operation = "write to the ERP";
/** Describing a table costs more than all the rest of a plan: it is done again after so long, on a new connection, and when a plan was refused. */
const describedForMs = 60_000;

/**
 * The one connection that writes. It holds the agent's lock (`DBMS_LOCK`) as long as it lives, so that no earlier attempt of ours, however slowly it dies, is still
 * in flight beside a look-up. Without the right to it, plans whose id stands under a unique index still come first or not at all; a probe could not be trusted
 * and is refused.
 */
export class Writer implements AsyncDisposable {
  readonly #access: Access;
  #link: Link | undefined;
  #locked = false;
  #transaction: string | undefined;
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
      this.#locked = await takeLock(link, this.#access, signal);
    } catch (error) {
      await link.close();
      throw error;
    }
    this.#link = link;
    return link;
  }

  #current(): Link {
    if (!this.#link) throw new FuserError("bug", "A write without its transaction", { code: "erp-no-transaction", operation });
    return this.#link;
  }

  session(plan: WritePlan): WriteSession {
    /** Described for this plan; all other tables are remembered from earlier ones. */
    const fresh = new Set<string>();
    let remembered = false;
    return {
      syntax: oracleSyntax,
      emptyIsNull: true,
      locking: {
        table: "",
        end: ` FOR UPDATE WAIT ${Math.max(1, Math.ceil(this.#access.context.limits.lockTimeoutMs / 1_000))}`,
      },
      // Of anything but digits TO_NUMBER alone makes an error, for which the whole statement fails.
      castInteger: (text) => `TO_NUMBER(REGEXP_SUBSTR(TRIM(${text}), '^[0-9]+$'))`,
      begin: (signal) => this.#begin(plan, signal),
      commit: () => this.#commit(),
      rollback: () => this.#rollback(),
      inTransaction: () => this.#transaction !== undefined && this.#current().inTransaction,
      run: (statement, signal) => this.#run(statement, signal),
      call: (call, signal) => this.#staying(call.procedure, () => callRoutine(this.#current(), call, signal)),
      insertReturning: (insert, signal) => this.#insertReturning(insert, signal),
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
      readable: (column) => readable(oracleSyntax.quote(column.name), nativeOf(column)),
      toColumn,
      matches,
    };
  }

  async #begin(plan: WritePlan, signal: AbortSignal): Promise<void> {
    const reused = this.#link?.reusable === true;
    const link = await this.#connected(signal);
    if (!this.#locked && plan.idempotency.way === "probe" && plan.idempotency.exact) throw lockNeeded();
    try {
      this.#transaction = await beginTransaction(link, signal);
    } catch (error) {
      // Nothing was written: a connection that died while it lay idle is replaced without a word.
      if (!reused || !isLost(error)) throw error;
      this.#transaction = await beginTransaction(await this.#connected(signal), signal);
    }
  }

  /** Never aborted: a commit that has begun is waited for, within the statement's time limit. */
  async #commit(): Promise<void> {
    try {
      await this.#current().commit(new AbortController().signal);
      this.#transaction = undefined;
    } catch (error) {
      // Refused for good: it was rolled back. Of anything else nobody knows how far it came.
      if (kindOf(error) !== "transient") throw error;
      await this.#current().close();
      throw commitUnknown(error);
    }
  }

  async #rollback(): Promise<void> {
    const link = this.#link;
    this.#transaction = undefined;
    if (!link?.usable) return;
    try {
      await link.rollback(new AbortController().signal);
    } catch {
      await link.close();
    }
  }

  /**
   * Makes sure that the transaction is still the same behind what runs PL/SQL of the ERP, also when it failed: it may commit, and begin anew.
   * @throws FuserError rejected `erp-transaction-ended`
   */
  async #staying<T>(place: string, work: () => Promise<T>): Promise<T> {
    try {
      const result = await work();
      await this.#requireSame(place, undefined);
      return result;
    } catch (error) {
      if (!(error instanceof FuserError) || error.code !== "erp-transaction-ended") await this.#requireSame(place, error);
      throw error;
    }
  }

  async #requireSame(place: string, cause: unknown): Promise<void> {
    const link = this.#current();
    if (link.usable && (await transactionId(link)) !== this.#transaction) throw transactionEnded(place, cause);
  }

  async #run(statement: Statement, signal: AbortSignal): Promise<StatementResult> {
    const link = this.#current();
    const execute = (): Promise<Result> => link.execute(statement, signal, { operation });
    const result = isPlsql(statement) ? await this.#staying("sql step", execute) : await execute();
    if (result.fields.length === 0) return { columns: [], rows: [], affected: result.affected, insertId: undefined };
    const columns = result.fields.map((field) => columnOf(field, field.name));
    const [before, after] = aroundOf(columns);
    // A SELECT of the configuration that gives dates: the driver's own are not exact, so it is asked once more, as text. Some can't be, or must not.
    const isOnce = /\b(NEXTVAL|FOR\s+UPDATE)\b/i.test(statement.text.join(" "));
    if (before === "" || isOnce) return decoded({ ...result, rows: withTexts(result) }, columns);
    return decoded(await link.execute(concat(before, statement, after), signal, { operation }), columns);
  }

  /** The row is read back by its address, as it stands after the ERP's triggers. */
  async #insertReturning({ table, columns, values, returning }: InsertedRow, signal: AbortSignal): Promise<StatementResult> {
    const link = this.#current();
    const { quote } = oracleSyntax;
    const list = columns.map(({ name }) => quote(name)).join(", ");
    const insert = concat(
      `INSERT INTO ${quote(table.name)} (${list}) VALUES (`,
      join(values, ", "),
      ") RETURNING ROWID INTO :row_id",
    );
    const out = { row_id: { dir: oracledb.BIND_OUT, type: oracledb.STRING, maxSize: 4_000 } };
    const inserted = await link.execute(insert, signal, { operation, out });
    const [rowid] = inserted.out.row_id as string[];
    if (inserted.affected !== 1 || rowid === undefined) return { columns: [], rows: [], affected: 0, insertId: undefined };
    const selected = returning
      .map((column, index) => `${readable(quote(column.name), nativeOf(column))} AS C${index}`)
      .join(", ");
    const select = concat(`SELECT ${selected} FROM ${quote(table.name)} WHERE ROWID = `, bind(rowid));
    const read = await link.execute(select, signal, { operation });
    const rows = decodeRows(read, (returning as readonly OracleColumn[]).map(decoderOf));
    return { columns: returning.map(({ name }) => name), rows, affected: 1, insertId: undefined };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#link?.close();
    this.#link = undefined;
  }
}

/** Begins a transaction for real, so that its id tells later whether it is still the same. */
async function beginTransaction(link: Link, signal: AbortSignal): Promise<string | undefined> {
  const out = { id: { dir: oracledb.BIND_OUT, type: oracledb.STRING, maxSize: 100 } };
  const asked = sql("BEGIN :id := DBMS_TRANSACTION.LOCAL_TRANSACTION_ID(TRUE); END;");
  const { out: given } = await link.execute(asked, signal, { operation, out });
  return String(given.id);
}

/** Of the transaction that is open; undefined where none is. */
async function transactionId(link: Link): Promise<string | undefined> {
  const out = { id: { dir: oracledb.BIND_OUT, type: oracledb.STRING, maxSize: 100 } };
  const asked = sql("BEGIN :id := DBMS_TRANSACTION.LOCAL_TRANSACTION_ID; END;");
  const { out: given } = await link.execute(asked, new AbortController().signal, { operation, out });
  return typeof given.id === "string" ? given.id : undefined;
}

/** Whether it may end the transaction: an SQL statement can't, nor can a trigger or a function within it. */
const isPlsql = ({ text }: Statement): boolean =>
  /^\s*(?:(?:--[^\n]*\n|\/\*[\s\S]*?\*\/)\s*)*(CALL|DECLARE|BEGIN)\b/i.test(text[0] ?? "");

function transactionEnded(place: string, cause: unknown): FuserError {
  return new FuserError("rejected", `${place} ended the ERP's transaction by itself`, {
    code: "erp-transaction-ended",
    operation,
    place,
    hint: "What it did can't be undone: look in the ERP, then `erpfuser commands resolve`.",
    cause,
  });
}

/** As a plan compares it: in a CHAR, where a text is never empty, blanks alone are as good as none. */
function writtenDecoder(column: OracleColumn): Decode {
  const decode = decoderOf(column);
  return column.native === "char" ? (raw) => decode(raw) || null : decode;
}

function decoded(result: Result, columns: readonly OracleColumn[]): StatementResult {
  const decoders = columns.map((column) =>
    column.native === "number" && column.type === "decimal" && column.scale === undefined
      ? decodeComputed
      : writtenDecoder(column),
  );
  return {
    columns: columns.map(({ name }) => name),
    rows: decodeRows(result, decoders),
    affected: result.rows.length,
    insertId: undefined,
  };
}

/** Dates that the driver made, as the texts that they stand for: exact to the millisecond. */
function withTexts({ rows, fields }: Result): Result["rows"] {
  const text = (raw: unknown, index: number): Result["rows"][number][number] =>
    raw instanceof Date ? dateText(raw, fields[index]?.type ?? "") : (raw as Result["rows"][number][number]);
  return rows.map((row) => row.map(text));
}

function decodeRows({ rows }: Result, decoders: readonly Decode[]): Value[][] {
  return rows.map((row) => row.map((raw, index) => (decoders[index] as Decode)(raw)));
}

/** Tables are described by this connector alone. */
const nativeOf = (column: Column): OracleColumn["native"] => (column as OracleColumn).native;

/** A value that its column can't hold is left to the server's own words. */
function toColumn(value: Value, column: Column): Statement {
  if (value === null || value === "") return sql("NULL");
  return boundFor(value, nativeOf(column)) ?? bind(value);
}

/** An empty text is NULL in Oracle: it is found again as that. In a CHAR it may be blanks alone. */
function matches(column: Column, value: Value): Statement {
  const name = oracleSyntax.quote(column.name);
  const native = nativeOf(column);
  if (value === null || value === "") {
    if (native !== "char") return concat(name, " IS NULL");
    return column.nullable ? sql(`(${name} IS NULL OR ${name} = ' ')`) : sql(`${name} = ' '`);
  }
  const bound = boundFor(value instanceof Uint8Array || !["text", "ntext"].includes(native) ? value : keyPart(value), native);
  return bound ? concat(name, " = ", bound) : nothing;
}

/** Ids of locks that a program chooses itself: 0 to 1073741823 (PL/SQL Packages, "DBMS_LOCK"). */
const lockIds = 1_073_741_824;
const exclusive = 6;

/** @returns false where the account may not use DBMS_LOCK @throws FuserError transient `erp-session-locked` */
async function takeLock(link: Link, { context, settings }: Access, signal: AbortSignal): Promise<boolean> {
  const name = `erpfuser:${(settings.schema ?? settings.user).toUpperCase()}:${context.sessionName}`;
  const id = createHash("sha256").update(name).digest().readUInt32BE() % lockIds;
  const seconds = Math.max(1, Math.ceil(context.limits.lockTimeoutMs / 1_000));
  const text = concat(
    "BEGIN :taken := DBMS_LOCK.REQUEST(id => ",
    bind(id),
    `, lockmode => ${exclusive}, timeout => ${seconds}, release_on_commit => FALSE); END;`,
  );
  const out = { taken: { dir: oracledb.BIND_OUT, type: oracledb.NUMBER } };
  const asked = { operation: "take the agent's lock in the ERP", out };
  const result = await ifAllowed(() => link.execute(text, signal, asked));
  if (result === undefined) {
    context.log.warn("The account may not use DBMS_LOCK: the agent's sessions are not kept apart by a lock", {
      code: "erp-rights",
    });
    return false;
  }
  const taken = Number(result.out.taken);
  // 4: this session has it already.
  if (taken === 0 || taken === 4) return true;
  throw new FuserError("transient", "Another session of this agent holds its lock in the ERP", {
    code: "erp-session-locked",
    operation: "take the agent's lock in the ERP",
    place: context.sessionName,
    hint: "Stop the other agent of this name. A session that died is ended by the server once it notices (SQLNET.EXPIRE_TIME).",
  });
}

function lockNeeded(): FuserError {
  return new FuserError("config", "A command with `probe` needs the agent's lock, and the account may not use DBMS_LOCK", {
    code: "erp-rights",
    operation,
    place: "DBMS_LOCK",
    hint: "Let the DBA run GRANT EXECUTE ON SYS.DBMS_LOCK for the account, or use `idempotency: { column: … }` or a ledger.",
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

function missingTable(name: string): FuserError {
  return new FuserError("config", `The ERP has no table ${name}`, {
    code: "erp-object-missing",
    operation,
    place: name,
    hint: "Correct the name in the configuration, or ask whether the ERP was upgraded.",
  });
}
