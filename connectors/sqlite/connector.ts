import type { DatabaseSync } from "node:sqlite";
import type { Connector, ConnectorContext } from "../connector.ts";
import { RowDigest } from "../digest.ts";
import { executePlan, lookUpPlan } from "../execute-plan.ts";
import type { ConnectorModule } from "../module.ts";
import { rowBatch } from "../row-batch.ts";
import { createSerial } from "../serial.ts";
import { fromSource } from "../source-select.ts";
import { concat } from "../statement.ts";
import { retryBusy } from "./busy.ts";
import { checkSqlite } from "./checks.ts";
import { type SqliteSettings, sqliteSettings } from "./config.ts";
import { highestMark, readChanges } from "./cursor.ts";
import { all, openDatabase } from "./database.ts";
import { describeTables } from "./describe.ts";
import { requireFile, sqliteError } from "./errors.ts";
import { compareFileRights, sqliteGrantScript } from "./grants.ts";
import { FileHeader, fileId, identityOf } from "./identity.ts";
import { keyCondition, readOn } from "./read.ts";
import { describeSource, prepareSource, type SampledTypes } from "./source.ts";
import { sqliteDialect, sqliteSyntax } from "./sql.ts";
import { sqliteWriteSession } from "./write.ts";

/** SQLite as an ERP database: one file on this machine. Statements run within this process; keep the ones of the configuration small. */
export const sqlite: ConnectorModule<SqliteSettings> = {
  name: "sqlite",
  settings: sqliteSettings,
  dialect: sqliteDialect,
  grants: sqliteGrantScript,
  open: async (settings, _secret, context) => openSqlite(settings, context),
};

interface Opened {
  database: DatabaseSync;
  /** Which file it is (fileId). */
  id: string;
}

function openSqlite({ file }: SqliteSettings, context: ConnectorContext): Connector {
  const sampled: SampledTypes = new Map();
  const digest = new RowDigest();
  const header = new FileHeader();
  const serial = createSerial();
  let reader: Opened | undefined;
  let writer: Opened | undefined;

  /** An open connection, or a new one when another file took this one's place. */
  function current(open: Opened | undefined, mode: "read" | "write"): Opened {
    requireFile(file);
    const id = fileId(file);
    if (open?.database.isOpen) {
      if (open.id === id) return open;
      open.database.close();
    }
    return { database: openDatabase(file, mode), id };
  }

  function reading(): DatabaseSync {
    reader = current(reader, "read");
    return reader.database;
  }

  function writing(): DatabaseSync {
    writer = current(writer, "write");
    return writer.database;
  }

  async function short<T>(operation: string, signal: AbortSignal, work: (database: DatabaseSync) => T): Promise<T> {
    signal.throwIfAborted();
    return retryBusy(context, signal, () => {
      try {
        return work(reading());
      } catch (error) {
        throw sqliteError(error, operation, file);
      }
    });
  }

  /** A stream of its own connection, closed whatever ends it. */
  async function* stream<T>(
    operation: string,
    signal: AbortSignal,
    work: (database: DatabaseSync) => AsyncGenerator<T>,
  ): AsyncGenerator<T> {
    signal.throwIfAborted();
    const database = openDatabase(file, "read");
    try {
      yield* work(database);
    } catch (error) {
      throw sqliteError(error, operation, file);
    } finally {
      database.close();
    }
  }

  return {
    dialect: sqliteDialect,
    grants: {
      server: async () => ({ version: "SQLite", account: "" }),
      compare: async (needs) => compareFileRights(file, needs),
    },
    identity: (signal) => short("identify the ERP's database", signal, (database) => identityOf(database, file, header)),
    describe: (signal, tables) => short("describe the ERP's tables", signal, (database) => describeTables(database, tables)),
    describeQuery: (source, signal) =>
      short(`describe the source ${source.source}`, signal, (database) => describeSource(database, source, sampled)),
    scan: (source, signal) =>
      stream(`scan the source ${source.source}`, signal, async function* (database) {
        const prepared = await retryBusy(context, signal, () => prepareSource(database, source, { sampled, digest }));
        for await (const read of readOn(database, prepared.select, { context, signal })) {
          yield rowBatch(read, prepared.layout, digest, prepared.childrenOf(read.rows));
        }
      }),
    async *readKeys(source, keys, signal) {
      for (let start = 0; start < keys.length; start += sqliteDialect.maxKeysPerRead) {
        const some = keys.slice(start, start + sqliteDialect.maxKeysPerRead);
        const batch = await short(`read rows of the source ${source.source} by key`, signal, (database) => {
          const prepared = prepareSource(database, source, { sampled, digest });
          const condition = keyCondition(source.key, prepared.keyTypes, some);
          if (condition === undefined) return undefined;
          const read = prepared.select.digested(all(database, prepared.select.statement({ condition })));
          return read.rows.length > 0 ? rowBatch(read, prepared.layout, digest, prepared.childrenOf(read.rows)) : undefined;
        });
        if (batch) yield batch;
      }
    },
    changedSince: (query, from, signal) =>
      stream(`read changes of the table ${query.table}`, signal, (database) =>
        readChanges(database, query, from, { context, signal }),
      ),
    aggregate: (source, cursor, signal) =>
      short(`count the source ${source.source}`, signal, (database) => {
        const [row] = all(database, concat("SELECT COUNT(*)", fromSource(sqliteSyntax, source)));
        return { rows: Number(row?.[0] ?? 0n), mark: cursor && highestMark(database, cursor) };
      }),
    async check(signal, needs) {
      signal.throwIfAborted();
      return checkSqlite(file, needs ?? { read: [], write: [] });
    },
    write: (plan, signal, commitPoint) =>
      serial(async () => {
        signal.throwIfAborted();
        return executePlan({
          session: sqliteWriteSession(writing(), context),
          plan,
          signal,
          commitPoint: commitPoint ?? (async () => {}),
          pause: (attempt) => context.clock.sleep(Math.min(attempt * 5, 50), signal),
        });
      }),
    lookup: (plan, signal) =>
      serial(async () => {
        signal.throwIfAborted();
        return lookUpPlan({ session: sqliteWriteSession(writing(), context), plan, signal });
      }),
    async close() {
      // A plan that still runs is let end: half of it is never left to chance.
      await serial(async () => {});
      reader?.database.close();
      writer?.database.close();
      reader = writer = undefined;
      header[Symbol.dispose]();
    },
  };
}
