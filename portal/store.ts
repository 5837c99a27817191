/** The portal's durable memory: one SQLite file, each commit on disk before anything is acknowledged. */
import { DatabaseSync, type SQLInputValue, type SQLOutputValue, type StatementSync } from "node:sqlite";
import { FuserError } from "../base/errors.ts";
import { migrations } from "./migrations.ts";

export type Row = Record<string, SQLOutputValue>;

export class Store implements Disposable {
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  #inTransaction = false;

  /**
   * `place`: path of the file, or a database that somebody else has opened.
   * @throws FuserError `portal-store-newer` when a newer portal wrote the file
   */
  constructor(place: string | DatabaseSync) {
    this.#database = typeof place === "string" ? new DatabaseSync(place, { timeout: 5_000 }) : place;
    // FULL: an ack promises that the items survive a power cut.
    this.#database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;");
    this.#migrate(typeof place === "string" ? place : "");
  }

  #migrate(path: string): void {
    const { user_version: version } = this.#database.prepare("PRAGMA user_version").get() as { user_version: number };
    if (version > migrations.length) {
      this.#database.close();
      throw new FuserError("config", "The portal's store was written by a newer version of the portal.", {
        code: "portal-store-newer",
        operation: "open the portal's store",
        place: path,
        hint: "Run that newer version.",
      });
    }
    for (let step = version; step < migrations.length; step++) {
      this.transaction(() => {
        this.#database.exec(migrations[step] as string);
        this.#database.exec(`PRAGMA user_version = ${step + 1}`);
      });
    }
  }

  #prepared(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#database.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  /** Runs a statement that returns no rows; tells how many rows it changed. */
  run(sql: string, ...values: SQLInputValue[]): number {
    return Number(this.#prepared(sql).run(...values).changes);
  }

  /** Runs an INSERT of one row; tells its rowid. */
  insert(sql: string, ...values: SQLInputValue[]): number {
    return Number(this.#prepared(sql).run(...values).lastInsertRowid);
  }

  get<T = Row>(sql: string, ...values: SQLInputValue[]): T | undefined {
    return this.#prepared(sql).get(...values) as T | undefined;
  }

  all<T = Row>(sql: string, ...values: SQLInputValue[]): T[] {
    return this.#prepared(sql).all(...values) as T[];
  }

  /** Rows one at a time. Read to the end or leave the loop before the next statement with the same text. */
  iterate<T = Row>(sql: string, ...values: SQLInputValue[]): Iterable<T> {
    return this.#prepared(sql).iterate(...values) as Iterable<T>;
  }

  /** All or nothing, and durable when it returns. The write lock is taken at once, so that what is read stays true until the commit. */
  transaction<T>(action: () => T): T {
    if (this.#inTransaction) return action();
    return this.#commit(action);
  }

  /**
   * All or nothing, but a power cut may take it back as a whole: for what is done or told again then, or is of no use any more. It costs no fsync. The
   * write-ahead log keeps the order of commits, so nothing durable ever stands on something that was taken back.
   */
  repeatable<T>(action: () => T): T {
    if (this.#inTransaction) return action();
    this.#database.exec("PRAGMA synchronous = NORMAL");
    try {
      return this.#commit(action);
    } finally {
      this.#database.exec("PRAGMA synchronous = FULL");
    }
  }

  #commit<T>(action: () => T): T {
    this.#database.exec("BEGIN IMMEDIATE");
    this.#inTransaction = true;
    try {
      const value = action();
      this.#database.exec("COMMIT");
      return value;
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec("ROLLBACK");
      throw error;
    } finally {
      this.#inTransaction = false;
    }
  }

  [Symbol.dispose](): void {
    this.#statements.clear();
    this.#database.close();
  }
}
