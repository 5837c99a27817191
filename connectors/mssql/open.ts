import type { Connector, CursorQuery, RowBatch, SourceQuery } from "../connector.ts";
import { RowDigest } from "../digest.ts";
import { executePlan, lookUpPlan } from "../execute-plan.ts";
import { LinkPool } from "../link-pool.ts";
import { rowBatch } from "../row-batch.ts";
import { createSerial } from "../serial.ts";
import { fromSource } from "../source-select.ts";
import { concat } from "../statement.ts";
import { checkMssql } from "./checks.ts";
import { compareGrants, grantServer } from "./compare-grants.ts";
import { type Access, accessOf, type Driver, loadDriver } from "./connect.ts";
import { lastChange, type PreparedCursor, prepareCursor, readChanges, versionOnReplica } from "./cursor.ts";
import { describeTables } from "./describe.ts";
import { isLost } from "./errors.ts";
import { createFeed } from "./feed.ts";
import { identityOf } from "./identity.ts";
import type { Link } from "./link.ts";
import { openLink, requirePrimary } from "./open-link.ts";
import { ask } from "./session.ts";
import { childrenOf, describedQuery, type PreparedSource, prepareSource, selectKeys } from "./source.ts";
import { mssqlDialect, mssqlSyntax } from "./sql.ts";
import { readOn, type StreamContext } from "./stream.ts";
import { Writer } from "./write.ts";

/** Connections: two that read, whatever is read, since no read holds one for longer than a page; one that writes. */
export function openMssql(given: Omit<Access, "servers">): Connector {
  const access = accessOf(given);
  const { clock, limits } = access.context;
  const digest = new RowDigest();
  let loading: Promise<Driver> | undefined;
  const driver = (): Promise<Driver> => {
    loading ??= loadDriver();
    return loading;
  };
  const pool = new LinkPool({ size: 2, isLost, open: async (signal) => openLink(access, await driver(), "read", signal) });
  const writer = new Writer(access, driver);
  const serial = createSerial();
  // Reads by key and polls are short and many: what they read is described once, and again after a failure.
  const described = new WeakMap<SourceQuery, PreparedSource>();
  const cursors = new WeakMap<CursorQuery, PreparedCursor>();

  const prepare = (source: SourceQuery, signal: AbortSignal): Promise<PreparedSource> =>
    pool.use(signal, (link) => prepareSource(link, source, { digest, signal }));

  const streaming = (signal: AbortSignal, operation: string): StreamContext => ({ pool, limits, signal, operation });

  async function describedOnce(source: SourceQuery, signal: AbortSignal): Promise<PreparedSource> {
    const prepared = described.get(source) ?? (await prepare(source, signal));
    described.set(source, prepared);
    return prepared;
  }

  async function describedCursor(query: CursorQuery, signal: AbortSignal): Promise<PreparedCursor> {
    const cursor = cursors.get(query) ?? (await pool.use(signal, (link) => prepareCursor(link, query, signal)));
    cursors.set(query, cursor);
    return cursor;
  }

  /** @throws FuserError for a rowversion on a replica, which knows nothing of what is open on the primary */
  function requireCursorSuits(cursor: PreparedCursor, link: Link): PreparedCursor {
    if (cursor.versioned) requirePrimary(link, () => versionOnReplica(cursor));
    return cursor;
  }

  async function readSome(source: SourceQuery, keys: readonly string[], signal: AbortSignal): Promise<RowBatch[]> {
    let prepared = await describedOnce(source, signal);
    let { statement, everyKeyFits } = selectKeys(prepared, keys);
    if (!everyKeyFits) {
      // No row can have such a key, or its column was given another type: absent is said only by a fresh description.
      described.delete(source);
      prepared = await describedOnce(source, signal);
      ({ statement } = selectKeys(prepared, keys));
    }
    if (statement === undefined) return [];
    try {
      const operation = `read rows of the source ${source.source} by key`;
      const select = statement;
      const [result] = await pool.use(signal, (link) => link.query(select, { signal, operation }));
      prepared.select.verify(result?.columns ?? []);
      const read = prepared.select.digested(result?.rows ?? []);
      if (read.rows.length === 0) return [];
      return [rowBatch(read, prepared.layout, digest, await childrenOf(prepared, read.rows, { pool, signal }))];
    } catch (error) {
      described.delete(source);
      throw error;
    }
  }

  return {
    dialect: mssqlDialect,
    identity: (signal) => pool.use(signal, (link) => identityOf(link, signal)),
    grants: {
      server: (signal) => pool.use(signal, (link) => grantServer(link, signal)),
      compare: (needs, signal) =>
        pool.use(signal, (link) => compareGrants(link, { needs, database: access.settings.database, signal })),
    },
    check: (signal, needs) => checkMssql({ access, driver, needs: needs ?? { read: [], write: [] }, signal }),
    describe: (signal, tables) => pool.use(signal, (link) => describeTables(link, tables, signal)),
    describeQuery: async (source, signal) => describedQuery(await prepare(source, signal)),
    async *scan(source, signal) {
      const prepared = await prepare(source, signal);
      for await (const read of readOn(prepared.select, streaming(signal, `scan the source ${source.source}`))) {
        yield rowBatch(read, prepared.layout, digest, await childrenOf(prepared, read.rows, { pool, signal }));
      }
    },
    async *readKeys(source, keys, signal) {
      for (let start = 0; start < keys.length; start += mssqlDialect.maxKeysPerRead) {
        yield* await readSome(source, keys.slice(start, start + mssqlDialect.maxKeysPerRead), signal);
      }
    },
    async *changedSince(query, from, signal) {
      const cursor = await describedCursor(query, signal);
      try {
        if (from === undefined) {
          const last = await pool.use(signal, (link) => lastChange(link, requireCursorSuits(cursor, link), signal));
          if (last.length > 0) yield last;
        } else {
          const reading = streaming(signal, `read changes of the table ${query.table}`);
          yield* readChanges(cursor, from, { ...reading, requireSuits: (link) => requireCursorSuits(cursor, link) });
        }
      } catch (error) {
        cursors.delete(query);
        throw error;
      }
    },
    aggregate: (source, cursor, signal) =>
      pool.use(signal, async (link) => {
        const asked = { signal, operation: `count the source ${source.source}` };
        const [count] = await ask(link, concat("SELECT COUNT_BIG(*) AS n", fromSource(mssqlSyntax, source)), asked);
        const [last] = cursor ? await lastChange(link, await prepareCursor(link, cursor, signal), signal) : [];
        return { rows: Number(count?.n ?? 0), mark: last?.mark };
      }),
    feed: createFeed(access, driver, pool),
    write: (plan, signal, commitPoint) =>
      serial(() =>
        executePlan({
          session: writer.session(),
          plan,
          signal,
          commitPoint: commitPoint ?? (async () => {}),
          pause: (attempt) => clock.sleep(Math.min(attempt * 5, 50), signal),
        }),
      ),
    lookup: (plan, signal) => serial(() => lookUpPlan({ session: writer.session(), plan, signal })),
    async close() {
      // A plan that still runs is let end: half of it is never left to chance.
      await serial(async () => {});
      await Promise.all([pool[Symbol.asyncDispose](), writer[Symbol.asyncDispose]()]);
    },
  };
}
