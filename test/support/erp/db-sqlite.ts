import { DatabaseSync } from "node:sqlite";
import { createQueue, type ErpDb, type ErpRow, type ErpSession, type ErpValue } from "./db.ts";

/**
 * Opens (and creates) a sample ERP in an SQLite file, or `:memory:`. Write-ahead log, so that an agent may read meanwhile.
 * @throws the driver's error when the file can't be opened
 */
export function openSqliteErp(path: string): ErpDb {
  const database = new DatabaseSync(path, { timeout: 10_000 });
  database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL");
  const queue = createQueue();
  const session: ErpSession = {
    dialect: "sqlite",
    query: async (sql, values = []) => database.prepare(sql).all(...values) as ErpRow[],
    async *each(sql: string, values: readonly ErpValue[] = []) {
      yield* database.prepare(sql).iterate(...values) as Iterable<ErpRow>;
    },
    run: async (sql, values = []) => Number(database.prepare(sql).run(...values).changes),
  };
  const close = async (): Promise<void> => {
    if (database.isOpen) database.close();
  };
  return {
    dialect: "sqlite",
    query: (sql, values) => queue(() => session.query(sql, values)),
    each: session.each,
    run: (sql, values) => queue(() => session.run(sql, values)),
    transaction: (work) =>
      queue(async () => {
        database.exec("BEGIN IMMEDIATE");
        try {
          const result = await work(session);
          database.exec("COMMIT");
          return result;
        } catch (error) {
          if (database.isOpen && database.isTransaction) database.exec("ROLLBACK");
          throw error;
        }
      }),
    close,
    [Symbol.asyncDispose]: close,
  };
}
