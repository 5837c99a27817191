// An Oracle within this process: SQLite under a dictionary and rules of Oracle's own. One file, one connection per session, so that nobody sees what is not
// committed; a statement sees what was committed when it began; writers wait for each other.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync, type SQLInputValue } from "node:sqlite";
import {
  type Answer,
  type Asked,
  type Bound,
  type Database,
  type DatabaseSession,
  OracleError,
  type OutValue,
  type ResultColumn,
} from "../tns/database.ts";
import type { Cell } from "../tns/values.ts";
import { type BlockSession, bindNames, runBlock, type Values } from "./blocks.ts";
import { addColumn, type Column, createDictionary, createIndex, createTable, dropTable, noteDdl, openScn } from "./catalogue.ts";
import { resultColumns } from "./columns.ts";
import { isBusy, oracleError } from "./errors.ts";
import { addFunctions, keptNumber, rowidText } from "./functions.ts";
import { createRoutine, dropRoutine, type Routine } from "./routines.ts";
import { type Translated, translate } from "./translate.ts";
import { commitVersions, forgetVersions } from "./versions.ts";

export interface Engine extends Database, Disposable {
  /** Every statement that was asked, once. */
  readonly statements: ReadonlySet<string>;
  /** Of them what was carried out, and not only parsed. */
  readonly executed: ReadonlySet<string>;
  readonly tables: ReadonlyMap<string, readonly Column[]>;
  /** Beside all sessions: rows of the dictionary and the like. */
  readonly admin: DatabaseSync;
  readonly owner: string;
  scn: bigint;
  /** Whether accounts may use DBMS_LOCK. */
  mayLock: boolean;
  /** Told to whoever logs in with the right password. */
  refuseLogin: OracleError | undefined;
  verifier: number | undefined;
  warning: OracleError | undefined;
  /** Whether accounts may look back at tables. */
  mayFlashback: boolean;
  /** The undo reaches back to this number; further back with this error. */
  undo: { from: bigint; error: OracleError };
  /** Of a table whose definition is younger no versions are told, whatever is asked for, ms (seen of Oracle 23: not within seconds of CREATE TABLE). */
  youngMs: number;
  /** Lets time go by on the server's clock, which stands still otherwise. */
  passTime(ms: number): void;
}

/** What its sessions share. */
interface Inside extends Engine {
  tables: Map<string, readonly Column[]>;
  routines: Map<string, Routine>;
  statements: Set<string>;
  executed: Set<string>;
  /** By id, who holds it. */
  locks: Map<string, unknown>;
  transactions: number;
  /** By table: when its definition was changed last, by the server's clock. */
  definedAt: Map<string, number>;
  now(): number;
}

export interface Account {
  user: string;
  password: string;
  /** Name of the database; default: DOUBLE. */
  database?: string;
}

const firstScn = 1_000_000n;

export function createEngine(account: Account): Engine {
  const home = mkdtempSync(join(tmpdir(), "fuser-oracle-"));
  const file = join(home, "double.db");
  const open = (): DatabaseSync => {
    const database = new DatabaseSync(file);
    database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; PRAGMA foreign_keys = ON");
    return database;
  };
  const owner = account.user.toUpperCase();
  const admin = open();
  createDictionary(admin);
  admin.prepare("INSERT INTO ALL_USERS VALUES (?, '2020-01-02 03:04:05')").run(owner);
  let nowMs = Date.now();
  const engine: Inside = {
    locks: new Map(),
    definedAt: new Map(),
    now: () => nowMs,
    passTime: (ms) => {
      nowMs += ms;
    },
    mayFlashback: true,
    youngMs: 5_000,
    undo: {
      from: 0n,
      error: new OracleError(1555, 'snapshot too old: rollback segment number 7 with name "_SYSSMU7$" too small'),
    },
    transactions: 0,
    mayLock: true,
    refuseLogin: undefined,
    verifier: undefined,
    warning: undefined,
    statements: new Set(),
    executed: new Set(),
    tables: new Map(),
    routines: new Map(),
    admin,
    owner,
    scn: firstScn,
    serviceName: "DOUBLE",
    password: (user) => (user === owner ? account.password : undefined),
    login: () => {
      if (engine.refuseLogin) throw engine.refuseLogin;
      return new Session(engine, open(), account.database ?? "DOUBLE");
    },
    [Symbol.dispose]() {
      admin.close();
      rmSync(home, { recursive: true, force: true });
    },
  };
  addFunctions(admin, { scn: () => engine.scn, now: () => dateOf(engine), context: () => null });
  return engine;
}

/** The server's time as it keeps dates. */
const dateOf = (engine: Inside): string => new Date(engine.now()).toISOString().slice(0, 19).replace("T", " ");

const lockPauseMs = 2;
/** Without WAIT Oracle waits as long as it takes: the client's own time-out ends it. */
const withoutEnd = Number.POSITIVE_INFINITY;

class Session implements DatabaseSession {
  readonly #engine: Inside;
  readonly #database: DatabaseSync;
  /** `open`: begun, nothing written; `writing`: SQLite's own transaction runs. */
  #state: "none" | "open" | "writing" = "none";
  #transaction = "";

  constructor(engine: Inside, database: DatabaseSync, name: string) {
    this.#engine = engine;
    this.#database = database;
    const context: Record<string, string> = {
      DB_NAME: name,
      DB_UNIQUE_NAME: name,
      CON_NAME: "DOUBLEPDB",
      SERVICE_NAME: engine.serviceName,
      CURRENT_SCHEMA: engine.owner,
      SESSION_USER: engine.owner,
      SERVER_HOST: "double",
      SID: "42",
    };
    addFunctions(database, { scn: () => engine.scn, now: () => dateOf(engine), context: (named) => context[named] ?? null });
  }

  async execute(asked: Asked, signal: AbortSignal): Promise<Answer> {
    const { sql } = asked;
    if (/^SELECT DBTIMEZONE FROM DUAL$/i.test(sql)) {
      return { columns: [{ name: "DBTIMEZONE", type: "VARCHAR2", size: 6 }], rows: [["+00:00"]] };
    }
    this.#engine.statements.add(sql);
    if (!asked.parseOnly) this.#engine.executed.add(sql);
    try {
      if (/^\s*ALTER SESSION SET\b/i.test(sql)) return { affected: 0 };
      if (/^\s*(CREATE|DROP|ALTER|TRUNCATE)\b/i.test(sql)) return await this.#define(sql, signal);
      if (/^\s*(SELECT|WITH)\b/i.test(sql)) return await this.#select(asked, signal);
      if (/^\s*(INSERT|UPDATE|DELETE)\b/i.test(sql)) return await this.#write(asked, signal);
      if (/^(SAVEPOINT|ROLLBACK TO SAVEPOINT) \w+$/i.test(sql)) {
        await this.#beginWriting(undefined, signal);
        this.#database.exec(sql);
        return { affected: 0 };
      }
      const called = /^\s*CALL\s+(\w+)\s*(\(.*\))\s*$/is.exec(sql);
      if (called) return await this.#block({ ...asked, sql: `BEGIN "${called[1]?.toUpperCase()}"${called[2]}; END;` }, signal);
      if (/^\s*(BEGIN|DECLARE)\b/i.test(sql)) return await this.#block(asked, signal);
    } catch (error) {
      throw this.#told(error, sql);
    }
    throw new OracleError(900, `invalid SQL statement: the double does not know it: ${sql}`);
  }

  #told(error: unknown, sql: string): unknown {
    return oracleError(error, sql) ?? new Error(`The double failed at ${sql}`, { cause: error });
  }

  async #select({ sql, binds, parseOnly }: Asked, signal: AbortSignal): Promise<Answer> {
    const translated = translate(sql);
    const statement = this.#database.prepare(translated.sql);
    const columns = resultColumns(statement, sql, this.#engine.tables);
    if (translated.versions !== undefined && !this.#engine.mayFlashback) throw new OracleError(1031, "insufficient privileges");
    if (parseOnly) return { columns, rows: [] };
    if (translated.versions) this.#checkBounds(translated.versions, binds);
    if (translated.lock) await this.#beginWriting(translated.lock.seconds, signal);
    statement.setReadBigInts(true);
    statement.setReturnArrays(true);
    const rows = statement.all(...this.#values(binds)) as unknown as SqliteValue[][];
    return { columns, rows: rows.map((row) => row.map((value, index) => cellOf(value, columns[index] as ResultColumn))) };
  }

  /** What keeps Oracle from telling versions between these two numbers. */
  #checkBounds({ table, from, to }: NonNullable<Translated["versions"]>, binds: readonly Bound[]): void {
    const { scn, undo, tables, definedAt, now, youngMs } = this.#engine;
    if (!tables.has(table)) throw new OracleError(30051, "VERSIONS clause not allowed here");
    const [low, high] = [from, to].map((at) => BigInt(String(binds[at]?.value))) as [bigint, bigint];
    if (low > scn || high > scn) throw new OracleError(8181, "specified number is not a valid system change number");
    if (now() - (definedAt.get(table) ?? 0) < youngMs)
      throw new OracleError(1466, "unable to read data - table definition has changed");
    if (low < undo.from) throw undo.error;
  }

  async #write({ sql, binds, parseOnly }: Asked, signal: AbortSignal): Promise<Answer> {
    const translated = translate(this.#withColumns(sql));
    const statement = this.#database.prepare(translated.sql);
    if (parseOnly) return { affected: 0 };
    await this.#beginWriting(undefined, signal);
    const values = this.#values(binds.slice(0, translated.binds.length));
    if (!/ RETURNING rowid AS ROWID$/.test(translated.sql)) return { affected: Number(statement.run(...values).changes) };
    statement.setReadBigInts(true);
    const rows = statement.all(...values) as { ROWID: bigint }[];
    return { affected: rows.length, returned: rows.map(({ ROWID }) => [rowidText(ROWID)]) };
  }

  async #block(asked: Asked, signal: AbortSignal): Promise<Answer> {
    const { sql, binds } = asked;
    const out = (value: Cell): Answer => ({ affected: 0, out: new Map([[0, value]]) });
    if (/^BEGIN :\w+ := DBMS_TRANSACTION\.LOCAL_TRANSACTION_ID\(TRUE\); END;$/.test(sql)) {
      if (this.#state === "none") this.#begin();
      return out(this.#transaction);
    }
    if (/^BEGIN :\w+ := DBMS_TRANSACTION\.LOCAL_TRANSACTION_ID; END;$/.test(sql)) {
      return out(this.#state === "none" ? null : this.#transaction);
    }
    const unmade = /^BEGIN EXECUTE IMMEDIATE 'DROP (?:PROCEDURE|FUNCTION) (\w+)'; EXCEPTION WHEN OTHERS THEN NULL; END;$/.exec(
      sql,
    );
    if (unmade) {
      this.commit();
      dropRoutine(this.#engine.admin, (unmade[1] as string).toUpperCase());
      this.#engine.routines.delete((unmade[1] as string).toUpperCase());
      return { affected: 0 };
    }
    const request =
      /^BEGIN :\w+ := DBMS_LOCK\.REQUEST\(id => :\w+, lockmode => 6, timeout => (\d+), release_on_commit => FALSE\); END;$/.exec(
        sql,
      );
    if (request) return out(await this.#takeLock(String(binds[1]?.value), Number(request[1]), signal));
    return this.#runBlock(asked, signal);
  }

  /** What a block did is taken back when it fails, up to where it committed. */
  async #runBlock({ sql, binds }: Asked, signal: AbortSignal): Promise<Answer> {
    const names = bindNames(sql);
    await this.#beginWriting(undefined, signal);
    const began = this.#transaction;
    this.#database.exec("SAVEPOINT fuser_block");
    const values = new Map(names.map((name, index) => [name, given(binds[index])]));
    try {
      const left = await runBlock(sql, values, this.#blockSession(signal));
      const isOut = (name: string): boolean => left.get(name) !== values.get(name) || new RegExp(`:${name}\\s*:=`, "i").test(sql);
      const out = names.flatMap((name, index): [number, OutValue][] => (isOut(name) ? [[index, left.get(name) ?? null]] : []));
      if (this.#isStill(began)) this.#database.exec("RELEASE fuser_block");
      return { affected: 0, out: new Map(out) };
    } catch (error) {
      if (this.#isStill(began)) this.#database.exec("ROLLBACK TO fuser_block; RELEASE fuser_block");
      throw error;
    }
  }

  #isStill(transaction: string): boolean {
    return this.#state === "writing" && this.#transaction === transaction;
  }

  #blockSession(signal: AbortSignal): BlockSession {
    const prepared = (sql: string, values: Values) => {
      const translated = translate(this.#withColumns(sql));
      const statement = this.#database.prepare(translated.sql);
      statement.setReadBigInts(true);
      statement.setReturnArrays(true);
      return { statement, given: translated.binds.map((name) => values.get(name.toUpperCase()) ?? null) };
    };
    const cell = (value: SqliteValue | undefined): Cell =>
      value === null || value === undefined || value === ""
        ? null
        : value instanceof Uint8Array
          ? Buffer.from(value)
          : String(value);
    return {
      routines: this.#engine.routines,
      evaluate: (expression, values) => {
        const { statement, given } = prepared(`SELECT ${expression} FROM DUAL`, values);
        return cell((statement.all(...given) as unknown as SqliteValue[][])[0]?.[0]);
      },
      write: async (sql, values) => {
        await this.#beginWriting(undefined, signal);
        const { statement, given } = prepared(sql, values);
        return ((statement.all(...given) as unknown as SqliteValue[][])[0] ?? []).map(cell);
      },
      open: (sql, values) => {
        const { statement, given } = prepared(sql, values);
        const columns = resultColumns(statement, sql, this.#engine.tables);
        const rows = statement.all(...given) as unknown as SqliteValue[][];
        return { columns, rows: rows.map((row) => row.map((value, index) => cellOf(value, columns[index] as ResultColumn))) };
      },
      commit: () => this.commit(),
      rollback: () => this.rollback(),
    };
  }

  #begin(): void {
    this.#state = "open";
    this.#engine.transactions += 1;
    this.#transaction = `1.2.${this.#engine.transactions}`;
  }

  /** Answers as DBMS_LOCK.REQUEST: taken, waited in vain, or owned already. */
  async #takeLock(id: string, seconds: number, signal: AbortSignal): Promise<string> {
    const { locks, mayLock } = this.#engine;
    if (!mayLock) throw new OracleError(6550, "line 1, column 13:\nPLS-00201: identifier 'DBMS_LOCK' must be declared");
    if (locks.get(id) === this) return "4";
    const until = performance.now() + seconds * 1_000;
    while (locks.has(id)) {
      if (performance.now() >= until || signal.aborted) return "1";
      await new Promise((resolve) => setTimeout(resolve, lockPauseMs));
    }
    locks.set(id, this);
    return "0";
  }

  /** Checks that the columns of an insert without a list are those of the table. */
  #withColumns(sql: string): string {
    const match = /^\s*INSERT INTO "?(\w+)"?\s+(VALUES|SELECT)\b/i.exec(sql);
    if (!match) return sql;
    const columns = this.#engine.tables.get((match[1] as string).toUpperCase());
    if (columns === undefined) throw new OracleError(942, "table or view does not exist");
    const list = columns.map(({ name }) => `"${name}"`).join(", ");
    return sql.replace(/^(\s*INSERT INTO "?\w+"?)/i, `$1 (${list})`);
  }

  /** DDL commits what was open. */
  async #define(sql: string, signal: AbortSignal): Promise<Answer> {
    const { admin, tables, owner } = this.#engine;
    this.commit();
    await this.#beginWriting(undefined, signal);
    this.commit();
    const trigger = /^CREATE TRIGGER (\w+) BEFORE INSERT ON (\w+) FOR EACH ROW BEGIN :NEW\.(\w+) := NULL; END;$/i.exec(sql);
    if (trigger) {
      const [, name = "", table = "", column = ""] = trigger;
      admin.exec(
        `CREATE TRIGGER "${name.toUpperCase()}" AFTER INSERT ON "${table.toUpperCase()}" BEGIN UPDATE "${table.toUpperCase()}" SET "${column.toUpperCase()}" = NULL WHERE rowid = NEW.rowid; END`,
      );
    } else if (/^CREATE (OR REPLACE )?(PROCEDURE|FUNCTION)/i.test(sql)) {
      const created = createRoutine(admin, owner, sql);
      this.#engine.routines.set(created.name, created);
    } else if (/^(CREATE|ALTER) TABLE/i.test(sql)) {
      const made = /^ALTER/i.test(sql) ? addColumn(admin, tables, sql) : createTable(admin, owner, sql);
      tables.set(made.table, made.columns);
      this.#defined(made.table, false);
    } else if (/^TRUNCATE TABLE/i.test(sql)) {
      const name = (/^TRUNCATE TABLE "?(\w+)"?$/i.exec(sql.trim())?.[1] ?? "").toUpperCase();
      const columns = tables.get(name);
      if (columns === undefined) throw new OracleError(942, "table or view does not exist");
      admin.exec(`BEGIN IMMEDIATE; DELETE FROM "${name}"`);
      forgetVersions(admin, name, columns);
      admin.exec("COMMIT");
      this.#defined(name, true);
    } else if (/^CREATE (UNIQUE )?INDEX/i.test(sql)) createIndex(admin, owner, sql);
    else {
      const dropped = /^DROP (TABLE|TRIGGER) "?(\w+)"?$/i.exec(sql.trim());
      if (!dropped) throw new OracleError(900, `the double does not know this DDL: ${sql}`);
      const name = (dropped[2] as string).toUpperCase();
      if (/trigger/i.test(dropped[1] as string)) admin.exec(`DROP TRIGGER "${name}"`);
      else {
        dropTable(admin, name);
        tables.delete(name);
      }
    }
    this.#engine.scn += 1n;
    return { affected: 0 };
  }

  #defined(table: string, segment: boolean): void {
    const { admin, definedAt, now } = this.#engine;
    definedAt.set(table, now());
    noteDdl(admin, { table, at: dateOf(this.#engine), segment });
  }

  /** SQLite has one writer at a time: a row that another session holds is any row. */
  async #beginWriting(seconds: number | undefined, signal: AbortSignal): Promise<void> {
    if (this.#state === "writing") return;
    const until = performance.now() + (seconds ?? withoutEnd) * 1_000;
    for (;;) {
      try {
        this.#database.exec("BEGIN IMMEDIATE");
        if (this.#state === "none") this.#begin();
        this.#state = "writing";
        return;
      } catch (error) {
        if (!isBusy(error)) throw error;
      }
      if (performance.now() >= until) throw new OracleError(30006, "resource busy; acquire with WAIT timeout expired");
      if (signal.aborted) throw new OracleError(1013, "user requested cancel of current operation");
      await new Promise((resolve) => setTimeout(resolve, lockPauseMs));
    }
  }

  #values(binds: readonly Bound[]): SQLInputValue[] {
    return binds.map(({ type, value }) => (type === "NUMBER" ? (keptNumber(value, null) as SQLInputValue) : value));
  }

  commit(): void {
    if (this.#state === "writing") {
      this.#engine.scn += 1n;
      this.#database.prepare(`UPDATE fuser_blocks SET scn = ? WHERE scn = ${openScn}`).run(this.#engine.scn);
      commitVersions(this.#database, this.#engine.scn, this.#engine.tables);
      this.#database.exec("COMMIT");
    }
    this.#state = "none";
  }

  rollback(): void {
    if (this.#state === "writing") this.#database.exec("ROLLBACK");
    this.#state = "none";
  }

  inTransaction(): boolean {
    return this.#state !== "none";
  }

  close(): void {
    for (const [id, holder] of this.#engine.locks) if (holder === this) this.#engine.locks.delete(id);
    if (!this.#database.isOpen) return;
    this.rollback();
    this.#database.close();
  }
}

type SqliteValue = bigint | number | string | Uint8Array | null;

function given(bound: Bound | undefined): Cell {
  if (bound === undefined) return null;
  return bound.type === "NUMBER" ? (keptNumber(bound.value, null) as Cell) : bound.value;
}

function cellOf(value: SqliteValue, { type, name }: ResultColumn): Cell {
  if (value === null) return null;
  if (value instanceof Uint8Array) return Buffer.from(value);
  if (name === "ROWID" && typeof value === "bigint") return rowidText(value);
  if (type === "BINARY_DOUBLE") return Number(value);
  return String(value);
}
