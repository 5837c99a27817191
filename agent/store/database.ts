/** One SQLite connection with transactions that nest, statements that throw the agent's own errors, and word of each commit. */
import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";
import { FuserError } from "../../base/errors.ts";
import { storeError, storeOperation } from "./sqlite-errors.ts";
import type { CommitHook } from "./store.ts";

/**
 * Bytes of a page. Measured with one row per entity (2 cores, commits of 1,000 rows | of one change): 4 KiB 235,000 rows/s | 3,370 changes/s, 16 KiB
 * 270,000 | 2,370, 64 KiB 283,000 | 1,770. A single change writes whole pages, so the middle serves both.
 */
const pageBytes = 16_384;
/** Where commits never rest the write-ahead log is folded back in the midst of one, after so many pages: 32 MB. Otherwise see checkpoints.ts. */
const checkpointPages = 2_048;
const cacheBytes = 8 * 1024 * 1024;
/** How long a commit waits for the short write of a CLI command in another process. */
const busyTimeoutMs = 5_000;

export interface Statement {
  /** Returns how many rows it changed. */
  run(...parameters: SQLInputValue[]): number;
  /** Returns the row number that an INSERT gave; half the time of RETURNING. */
  insert(...parameters: SQLInputValue[]): number;
  get<T>(...parameters: SQLInputValue[]): T | undefined;
  all<T>(...parameters: SQLInputValue[]): T[];
}

type Listener = () => void;

export class Database {
  readonly file: string;
  readonly readOnly: boolean;
  readonly #sqlite: DatabaseSync;
  readonly #hook: CommitHook | undefined;
  readonly #beforeCommit: Listener[] = [];
  readonly #committed: Listener[] = [];
  readonly #rolledBack: Listener[] = [];
  #inside = false;
  #commits = 0;
  /** An inner action failed: the whole must not be committed, whatever the outer one does about it. */
  #doomed: { by: unknown } | undefined;

  /**
   * `place`: path of the file, or a database that somebody else has opened.
   * @throws the raw error of node:sqlite: the caller decides what a damaged file means.
   */
  constructor(place: string | DatabaseSync, options: { readOnly?: boolean; hook?: CommitHook | undefined } = {}) {
    this.file = typeof place === "string" ? place : (place.location() ?? ":memory:");
    this.readOnly = options.readOnly ?? false;
    this.#hook = options.hook;
    const settings = { timeout: busyTimeoutMs, readOnly: this.readOnly, enableForeignKeyConstraints: true };
    this.#sqlite = typeof place === "string" ? new DatabaseSync(place, settings) : place;
    try {
      if (!this.readOnly)
        this.#sqlite.exec(`PRAGMA page_size = ${pageBytes}; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL`);
      this.#sqlite.exec(`PRAGMA cache_size = ${-cacheBytes / 1024}; PRAGMA wal_autocheckpoint = ${checkpointPages}`);
    } catch (error) {
      this.#sqlite.close();
      throw error;
    }
  }

  /** `bigints`: integers come back as bigint, for columns that hold 64-bit digests. */
  prepare(sql: string, options: { bigints?: boolean } = {}): Statement {
    const file = this.file;
    const statement: StatementSync = guarded(file, () => this.#sqlite.prepare(sql));
    if (options.bigints) statement.setReadBigInts(true);
    return {
      run(...parameters) {
        try {
          return Number(statement.run(...parameters).changes);
        } catch (error) {
          throw storeError(error, file);
        }
      },
      insert(...parameters) {
        try {
          return Number(statement.run(...parameters).lastInsertRowid);
        } catch (error) {
          throw storeError(error, file);
        }
      },
      get<T>(...parameters: SQLInputValue[]) {
        try {
          return statement.get(...parameters) as T | undefined;
        } catch (error) {
          throw storeError(error, file);
        }
      },
      all<T>(...parameters: SQLInputValue[]) {
        try {
          return statement.all(...parameters) as T[];
        } catch (error) {
          throw storeError(error, file);
        }
      },
    };
  }

  exec(sql: string): void {
    guarded(this.file, () => this.#sqlite.exec(sql));
  }

  /** Value of a PRAGMA that returns one. */
  pragma(name: string): unknown {
    const row = guarded(this.file, () => this.#sqlite.prepare(`PRAGMA ${name}`).get());
    return row === undefined ? undefined : Object.values(row)[0];
  }

  /** How many there were on this connection. */
  get commits(): number {
    return this.#commits;
  }

  get inTransaction(): boolean {
    return this.#inside;
  }

  /** @throws FuserError `bug` outside of a transaction */
  requireTransaction(): void {
    if (!this.#inside)
      throw new FuserError("bug", "This belongs into a transaction", { code: "transaction-missing", operation: storeOperation });
  }

  /** Runs `action` in one transaction; inside another one it is a part of that. */
  transaction<T>(action: () => T, name = "store"): T {
    return this.#inside ? this.#inner(action) : this.#whole(action, name);
  }

  /**
   * The same, but a power cut may take it back as a whole: for what the portal tells again then. It costs no fsync. The write-ahead log keeps the order of
   * commits, so nothing durable ever stands on something that was taken back.
   */
  repeatable<T>(action: () => T, name: string): T {
    return this.#inside ? this.#inner(action) : this.#whole(action, name, { durable: false });
  }

  #whole<T>(action: () => T, name: string, { durable } = { durable: true }): T {
    if (!durable) this.exec("PRAGMA synchronous = NORMAL");
    let result: T;
    try {
      result = this.#commit(action, name);
    } finally {
      // Before anybody hears of the commit: what they write must be durable.
      if (!durable) this.exec("PRAGMA synchronous = FULL");
    }
    this.#hook?.("after-commit", name);
    for (const listener of this.#committed) listener();
    return result;
  }

  #commit<T>(action: () => T, name: string): T {
    this.exec("BEGIN IMMEDIATE");
    this.#inside = true;
    this.#doomed = undefined;
    try {
      const result = synchronous(action());
      for (const listener of this.#beforeCommit) listener();
      if (this.#doomed !== undefined) throw (this.#doomed as { by: unknown }).by;
      this.#hook?.("before-commit", name);
      this.exec("COMMIT");
      this.#commits += 1;
      this.#inside = false;
      return result;
    } catch (error) {
      this.#rollBack();
      throw error;
    }
  }

  #inner<T>(action: () => T): T {
    try {
      return synchronous(action());
    } catch (error) {
      this.#doomed ??= { by: error };
      throw error;
    }
  }

  #rollBack(): void {
    this.#inside = false;
    // SQLite itself has rolled back after some errors, a full disk among them.
    if (this.#sqlite.isTransaction) this.#sqlite.exec("ROLLBACK");
    for (const listener of this.#rolledBack) listener();
  }

  /** Folds the write-ahead log back as far as no reader needs it. What fails will fail in a commit as well, and is told there. */
  checkpoint(): void {
    try {
      this.#sqlite.exec("PRAGMA wal_checkpoint(PASSIVE)");
    } catch {
      // The log is still there.
    }
  }

  /** `beforeCommit` may still write; what is kept in memory beside the tables is made anew on `rolledBack`. */
  on(moment: "before-commit" | "committed" | "rolled-back", listener: Listener): void {
    const lists = { "before-commit": this.#beforeCommit, committed: this.#committed, "rolled-back": this.#rolledBack };
    lists[moment].push(listener);
  }

  close(): void {
    if (this.#sqlite.isOpen) this.#sqlite.close();
  }
}

function guarded<T>(file: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw storeError(error, file);
  }
}

/** A promise would go on after the commit. */
function synchronous<T>(result: T): T {
  if (result instanceof Promise) {
    throw new FuserError("bug", "A transaction may not wait", { code: "transaction-asynchronous", operation: storeOperation });
  }
  return result;
}
