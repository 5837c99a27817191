import type { DatabaseSync, StatementSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { type DeclaredType, declaredType } from "../declared-type.ts";
import type { Parameter } from "../parameters.ts";
import type { Cell } from "../wire-types.ts";
import { answersFor, versionBytes } from "./answers.ts";
import { takeAppLock } from "./app-lock.ts";
import { type Authority, authorize } from "./authorize.ts";
import { passedTo } from "./called-procedure.ts";
import { fillView } from "./catalogue.ts";
import { changeSchema, isSchemaChange } from "./change-schema.ts";
import type { TdsDatabase } from "./database.ts";
import { nameOf } from "./ddl.ts";
import { describedStatement } from "./described-statement.ts";
import { registerFunctions } from "./functions.ts";
import { meaningful, splitAt, type Token, textOf, tokensOf } from "./lexer.ts";
import { OwnFunctions } from "./own-functions.ts";
import { changePermissions, isPermissionStatement } from "./permission-statements.ts";
import { ResultTypes } from "./result-types.ts";
import { asSqlError, SqlError, unknown } from "./sql-error.ts";
import { converted } from "./stored.ts";
import { type Scope, translate } from "./translate.ts";
import { writeStatement } from "./write-statement.ts";

export interface OutcomeColumn {
  name: string;
  type: DeclaredType;
}

/** What a statement gives, in the order in which it is sent. */
export type Outcome =
  | { kind: "rows"; columns: readonly OutcomeColumn[]; rows: Iterable<readonly Cell[]> }
  | { kind: "count"; count: number }
  | { kind: "done" }
  | { kind: "transaction"; change: "begin" | "commit" | "rollback"; id: bigint };

interface Variable {
  type: DeclaredType;
  value: Cell;
}

/** Longest wait for a lock where the session sets no limit: a test should fail rather than hang. */
const patienceMs = 20_000;
/** RAISERROR alone does not mind XACT_ABORT. */
const raised = 50_000;
const ignoredSettings =
  /^SET\s+(ANSI_|ARITH|CONCAT_|CURSOR_|DATEFIRST|DATEFORMAT|IMPLICIT|LANGUAGE|NUMERIC_|QUOTED_|TEXTSIZE|NOCOUNT|DEADLOCK_PRIORITY)/i;
let lastSession = 50;
let lastTransaction = 0n;
let lastTable = 0;

/** One session of the double: runs batches one after the other, as the server's own would. */
export class Session {
  readonly id: number;
  readonly login: string;
  readonly program: string;
  isolation: "READ COMMITTED" | "SNAPSHOT" = "READ COMMITTED";
  readonly database: TdsDatabase;
  readonly #connection: DatabaseSync;
  readonly #types: ResultTypes;
  readonly #tables = new Map<string, string>();
  #variables = new Map<string, Variable>();
  #transaction: bigint | undefined;
  #holdsLock = false;
  #touchedTracked = false;
  #rowCount = 0;
  /** What the last procedure gave by RETURN. */
  #returned: Cell = 0n;
  readonly #functions: OwnFunctions;
  readonly #authority: Authority;
  #lockTimeoutMs = patienceMs;
  #xactAbort = false;

  constructor(database: TdsDatabase, { login, program }: { login: string; program: string }) {
    lastSession += 1;
    this.id = lastSession;
    this.login = login;
    this.program = program;
    this.database = database;
    this.#connection = database.open();
    this.#types = new ResultTypes((text) => this.#prepare(text), database);
    this.#functions = new OwnFunctions(this.#connection);
    registerFunctions(this.#connection, answersFor(database, this));
    this.#connection.exec(`CREATE TEMP TABLE "sys.dm_exec_sessions" (session_id, login_name, program_name)`);
    this.#authority = authorize(this.#connection, database, () => database.permissions.userOf(login));
    database.sessions.add(this);
  }

  /** Runs a text; each statement's outcome comes as soon as it has one. @throws SqlError, and the statements behind it are not run */
  async *run(text: string, parameters: readonly Parameter[]): AsyncGenerator<Outcome> {
    this.#variables = new Map(parameters.map(({ name, type, value }) => [name, { type, value }]));
    const before = this.#transaction;
    try {
      const tokens = tokensOf(text);
      const what = meaningful(tokens)[1]?.value ?? "";
      const statements = ["TRIGGER", "PROCEDURE", "FUNCTION"].includes(what)
        ? [tokens]
        : splitAt(tokens, (token) => token.text === ";");
      for (const statement of statements) {
        if (meaningful(statement).length > 0) yield* this.#statement(statement);
      }
    } catch (error) {
      const said = asSqlError(error);
      if (said.message.startsWith("The double does not know")) this.database.refused.push(`${said.message}: ${text}`);
      if (this.#transaction !== undefined && ((this.#xactAbort && said.number !== raised) || said.number === 1205))
        yield* this.#end("rollback");
      throw said;
    } finally {
      this.#dropTables();
    }
    if (before !== undefined && this.#transaction === undefined && parameters.length > 0) {
      throw new SqlError(266, "Transaction count after EXECUTE indicates a mismatching number of BEGIN and COMMIT statements.");
    }
  }

  async *#statement(tokens: readonly Token[]): AsyncGenerator<Outcome> {
    const words = meaningful(tokens);
    const [first, second] = words.map(({ value }) => value);
    switch (first) {
      case "RETURN":
        this.#returned = this.#value(words.slice(1));
        return;
      case "THROW": {
        const [number, message] = splitAt(words.slice(1), ({ text }) => text === ",").map((part) => this.#value(part));
        throw new SqlError(Number(number), String(message));
      }
      case "SET":
        if (words[1]?.kind === "variable") return this.#assign(words[1].text, words.slice(3));
        this.#set(textOf(words.flatMap((token) => [token, { ...token, text: " " }])));
        yield { kind: "done" };
        return;
      case "DECLARE":
        return this.#declare(words);
      case "BEGIN":
        if (second !== "TRANSACTION" && second !== "TRAN") break;
        yield* this.#begin();
        return;
      case "COMMIT":
        yield* this.#end("commit");
        return;
      case "ROLLBACK":
        if (words.length > 2) await this.#savepoint(`ROLLBACK TO "${nameOf(words.slice(2))}"`);
        else yield* this.#end("rollback");
        return;
      case "SAVE":
        await this.#savepoint(`SAVEPOINT "${nameOf(words.slice(2))}"`);
        return;
      case "IF":
        if (!/^IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION$/i.test(textOf(tokens).trim())) break;
        if (this.#transaction !== undefined) yield* this.#end("rollback");
        return;
      case "EXEC":
        yield* this.#execute(words);
        return;
      case "SELECT":
        yield* this.#select(tokens);
        return;
      case "INSERT":
      case "UPDATE":
      case "DELETE":
        yield* this.#write(tokens);
        return;
    }
    if (first === "USE") return;
    if (isPermissionStatement(words)) {
      this.#authority.requireOwner(textOf(tokens));
      changePermissions(this.database, tokens);
      await this.#waiting(() => this.database.described(this.#connection));
      yield { kind: "done" };
      return;
    }
    if (!isSchemaChange(words)) throw unknown(textOf(tokens));
    this.#authority.requireOwner(textOf(tokens));
    await this.#waiting(() => changeSchema(this.#connection, this.database, tokens));
    this.#types.forget();
    yield { kind: "done" };
  }

  #set(text: string): void {
    for (const setting of text.split(/(?=\bSET\b)/i).map((part) => part.trim())) {
      const timeout = /^SET LOCK_TIMEOUT (-?\s*\d+)$/i.exec(setting)?.[1];
      const abort = /^SET XACT_ABORT (ON|OFF)$/i.exec(setting)?.[1];
      if (timeout !== undefined) this.#lockTimeoutMs = Number(timeout) < 0 ? patienceMs : Number(timeout);
      else if (abort !== undefined) this.#xactAbort = abort.toUpperCase() === "ON";
      else if (/^SET TRANSACTION ISOLATION LEVEL (SNAPSHOT|READ COMMITTED)$/i.test(setting)) this.#isolate(setting);
      else if (!ignoredSettings.test(setting)) throw unknown(setting);
    }
  }

  #isolate(setting: string): void {
    this.isolation = /SNAPSHOT$/i.test(setting) ? "SNAPSHOT" : "READ COMMITTED";
    if (this.isolation !== "SNAPSHOT" || this.database.options.versions?.snapshot) return;
    throw new SqlError(3952, "Snapshot isolation transaction failed: snapshot isolation is not allowed in this database.");
  }

  #declare([, variable, ...rest]: readonly Token[]): void {
    const name = variable?.text ?? "";
    if (rest[0]?.value === "TABLE") {
      const columns = splitAt(rest.slice(2, -1), ({ text }) => text === ",").map((column) => `"${nameOf(column.slice(0, 1))}"`);
      lastTable += 1;
      // A name of its own: what a rollback brings back of the engine's temporary tables is in nobody's way.
      this.#tables.set(name, `"${name}.${lastTable}"`);
      this.#connection.exec(`CREATE TEMP TABLE ${this.#tables.get(name)} (${columns.join(", ")})`);
      return;
    }
    const equals = rest.findIndex(({ text }) => text === "=");
    const type = declaredType(textOf(equals < 0 ? rest : rest.slice(0, equals)));
    const value = equals < 0 ? null : this.#value(rest.slice(equals + 1));
    this.#variables.set(name, { type, value: converted(value, type, "assign") });
  }

  #assign(name: string, expression: readonly Token[]): void {
    const variable = this.#variables.get(name);
    if (!variable) throw new SqlError(137, `Must declare the scalar variable "${name}".`);
    variable.value = converted(this.#value(expression), variable.type, "assign");
  }

  #value(expression: readonly Token[]): Cell {
    const spaced = expression.flatMap((token): Token[] => [token, { kind: "blank", text: " ", value: " " }]);
    const statement = this.#prepare(`SELECT ${translate(spaced, this.#scope())}`);
    const [row] = statement.all(this.#bound(expression)) as unknown as Cell[][];
    return row?.[0] ?? null;
  }

  *#begin(): Generator<Outcome> {
    if (this.#transaction !== undefined) throw unknown("a transaction within a transaction");
    lastTransaction += 1n;
    this.#transaction = lastTransaction;
    yield { kind: "transaction", change: "begin", id: lastTransaction };
  }

  *#end(change: "commit" | "rollback"): Generator<Outcome> {
    const id = this.#transaction;
    if (id === undefined) {
      throw new SqlError(3902, `The ${change.toUpperCase()} TRANSACTION request has no corresponding BEGIN TRANSACTION.`);
    }
    if (this.#holdsLock && this.#connection.isTransaction) this.#connection.exec(change === "commit" ? "COMMIT" : "ROLLBACK");
    this.#transaction = undefined;
    this.#ended(change === "commit");
    yield { kind: "transaction", change, id };
  }

  async #savepoint(text: string): Promise<void> {
    await this.#lock();
    this.#connection.exec(text);
  }

  /** The whole database is this session's until its transaction ends. */
  async #lock(): Promise<void> {
    if (this.#transaction === undefined || this.#holdsLock) return;
    await this.#waiting(() => this.#connection.exec("BEGIN IMMEDIATE"));
    this.#holdsLock = true;
  }

  #ended(committed: boolean): void {
    if (committed && this.#touchedTracked) this.database.tracked = (this.database.tracked ?? 0n) + 1n;
    this.#touchedTracked = false;
    this.#holdsLock = false;
    this.database.openVersions.delete(this);
  }

  *#select(tokens: readonly Token[]): Generator<Outcome> {
    if (tokens.some(({ value }) => value === "DM_EXEC_DESCRIBE_FIRST_RESULT_SET")) {
      yield describedStatement(tokens, (name) => this.#variables.get(name)?.value ?? null, this.#types);
      return;
    }
    if (tokens.some(({ value }) => value === "DM_EXEC_SESSIONS")) this.#listSessions();
    this.#functions.register(this.database.routines.values(), this.#scope());
    const statement = this.#prepare(translate(tokens, this.#scope()));
    const typed = new Map([...this.#variables].map(([name, { type }]) => [name, type]));
    const [first, ...others] = this.#types.of(statement, { tokens, scope: this.#scope(), variables: typed });
    const own = this.#functions.typeOf(meaningful(tokens));
    const columns = first ? [own ? { ...first, type: own } : first, ...others] : [];
    const rows = statement.iterate(this.#bound(tokens)) as unknown as Iterable<Cell[]>;
    let count = 0;
    yield {
      kind: "rows",
      columns,
      rows: (function* () {
        for (const row of rows) {
          count += 1;
          yield row;
        }
      })(),
    };
    this.#rowCount = count;
  }

  #listSessions(): void {
    const rows = [...this.database.sessions].map(({ id, login, program }) => [BigInt(id), login, program]);
    fillView(this.#connection, "sys.dm_exec_sessions", rows, "temp");
  }

  async *#write(tokens: readonly Token[]): AsyncGenerator<Outcome> {
    if (this.database.options.secondary) {
      throw new SqlError(3906, `Failed to update database "${this.database.options.name}" because the database is read-only.`);
    }
    await this.#lock();
    const { text, table, into } = writeStatement(tokens, this.database.catalogue, this.#scope());
    const statement = this.#prepare(text);
    const bound = this.#bound(tokens);
    const changes = await this.#waiting(() => {
      if (into === undefined) return Number(statement.run(bound).changes);
      const rows = statement.all(bound) as unknown as Cell[][];
      for (const row of rows) {
        this.#connection.prepare(`INSERT INTO ${into} VALUES (${row.map(() => "?").join(", ")})`).run(...(row as string[]));
      }
      return rows.length;
    });
    if (this.#transaction === undefined) this.#ended(true);
    // A trigger that does not say SET NOCOUNT ON counts its own rows aloud, before the statement's.
    if (table !== undefined && table.triggers.length > 0) yield { kind: "count", count: changes };
    this.#rowCount = changes;
    yield { kind: "count", count: changes };
  }

  async *#execute(words: readonly Token[]): AsyncGenerator<Outcome> {
    const assigned = words[2]?.text === "=" ? words[1]?.text : undefined;
    const rest = words.slice(assigned === undefined ? 1 : 3);
    const end = rest.findIndex(({ kind }) => kind === "variable");
    const name = nameOf(rest.slice(0, end < 0 ? undefined : end));
    const given = end < 0 ? [] : splitAt(rest.slice(end), ({ text }) => text === ",");
    const set = (variable: string | undefined, value: Cell): void => {
      const known = this.#variables.get(variable ?? "");
      if (known) known.value = value;
    };
    if (name === "sp_getapplock") {
      const resource = String(this.#argument(given, "@Resource"));
      const timeoutMs = Number(this.#argument(given, "@LockTimeout"));
      set(assigned, await takeAppLock(this.database, this, { resource, timeoutMs }));
      return;
    }
    const routine = this.database.routines.get(name.toLowerCase());
    if (routine?.kind !== "P") throw new SqlError(2812, `Could not find stored procedure '${name}'.`);
    this.#authority.requireExecute(routine.name);
    const parameters = passedTo(routine, given, (tokens) => this.#value(tokens));
    const callers = this.#variables;
    let own = callers;
    this.#returned = 0n;
    try {
      yield* this.#authority.within(() => this.run(routine.body, parameters));
    } finally {
      own = this.#variables;
      this.#variables = callers;
    }
    for (const [parameter, , variable, ...rest] of given) {
      if (rest.at(-1)?.value === "OUTPUT") set(variable?.text, own.get(parameter?.text ?? "")?.value ?? null);
    }
    set(assigned, this.#returned);
  }

  #argument(given: readonly Token[][], name: string): Cell {
    const part = given.find(([first]) => first?.text === name);
    return part ? this.#value(part.slice(2)) : null;
  }

  /** Tries again while another session writes, for as long as the session waits for locks. */
  async #waiting<T>(work: () => T): Promise<T> {
    const deadline = performance.now() + this.#lockTimeoutMs;
    for (;;) {
      try {
        return work();
      } catch (error) {
        if ((error as { errcode?: number }).errcode !== 5) throw error;
        if (performance.now() >= deadline) throw lockTimeout();
      }
      await sleep(2);
    }
  }

  #prepare(text: string): StatementSync {
    const statement = this.#authority.prepare(text);
    statement.setReturnArrays(true);
    statement.setReadBigInts(true);
    return statement;
  }

  /** The values of the variables that a statement names. */
  #bound(tokens: readonly Token[]): Record<string, string | number | bigint | Uint8Array | null> {
    const named = tokens.filter(({ kind, text }) => kind === "variable" && !this.#tables.has(text));
    return Object.fromEntries(
      named.map(({ text }) => {
        const variable = this.#variables.get(text);
        if (!variable) throw new SqlError(137, `Must declare the scalar variable "${text}".`);
        return [text, variable.value];
      }),
    );
  }

  #scope(): Scope {
    return {
      system: (name) => this.#system(name),
      tableOf: (name) => this.#tables.get(name),
      changes: (table, since) => this.#changes(table, since),
    };
  }

  #system(name: string): string {
    switch (name) {
      case "@@ROWCOUNT":
        return String(this.#rowCount);
      case "@@TRANCOUNT":
        return this.#transaction === undefined ? "0" : "1";
      case "@@SPID":
        return String(this.id);
      case "@@SERVERNAME":
        return `'${this.database.options.server ?? "DOUBLE"}'`;
      case "@@DBTS":
        return `X'${Buffer.from(versionBytes(this.database.rowVersion)).toString("hex")}'`;
      default:
        throw unknown(name);
    }
  }

  #changes(name: string, since: string): string {
    const table = this.database.catalogue.find(name);
    if (!table?.tracked) throw new SqlError(22105, `Change tracking is not enabled on table '${name}'.`);
    const keys = (table.indexes.find(({ primary }) => primary)?.columns ?? []).map((column) => `"${column}"`).join(", ");
    return `(SELECT MAX(version) AS SYS_CHANGE_VERSION, operation AS SYS_CHANGE_OPERATION, ${keys} FROM "ct.${table.name}" WHERE version > ${since} GROUP BY ${keys})`;
  }

  nextVersion(): bigint {
    return this.database.nextVersion(this, this.#transaction !== undefined);
  }

  trackVersion(): bigint {
    this.#touchedTracked = true;
    return (this.database.tracked ?? 0n) + 1n;
  }

  #dropTables(): void {
    for (const name of this.#tables.values()) this.#connection.exec(`DROP TABLE IF EXISTS temp.${name}`);
    this.#tables.clear();
  }

  /** The end of the session, however it came: what it had open is rolled back, and its locks are free. */
  close(): void {
    if (!this.#connection.isOpen) return;
    if (this.#connection.isTransaction) this.#connection.exec("ROLLBACK");
    this.#ended(false);
    this.database.sessions.delete(this);
    for (const [resource, holder] of this.database.appLocks) {
      if (holder === this) this.database.appLocks.delete(resource);
    }
    this.#connection.close();
  }
}

function lockTimeout(): SqlError {
  return new SqlError(1222, "Lock request time out period exceeded.");
}
