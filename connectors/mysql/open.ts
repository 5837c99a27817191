import type { Connector, CursorQuery, RowBatch, SourceQuery } from "../connector.ts";
import { executePlan, lookUpPlan } from "../execute-plan.ts";
import { LinkPool } from "../link-pool.ts";
import { createSerial } from "../serial.ts";
import { fromSource } from "../source-select.ts";
import { concat } from "../statement.ts";
import { packedBatch } from "./batch.ts";
import { checkMysql } from "./checks.ts";
import { type Access, accessOf, type LinkKind } from "./connect.ts";
import { changedWhole, fewChanges, lastChange, type PreparedCursor, prepareCursor, readChanges } from "./cursor.ts";
import { askServer, describeTables } from "./describe.ts";
import { isLost } from "./errors.ts";
import { createFeed } from "./feed.ts";
import { Gathered } from "./gathered.ts";
import { compareGrants, grantServer } from "./grants.ts";
import { identityOf } from "./identity.ts";
import { openLink } from "./link.ts";
import { packetsAreRows, type RowWay } from "./row-packets.ts";
import { childrenOf, describeSource, type PreparedSource, prepareSource, selectKeys } from "./source.ts";
import { mysqlDialect, mysqlSyntax, withLiterals } from "./sql.ts";
import { type DigestedRows, digested, readOn } from "./stream.ts";
import { Writer } from "./write.ts";

/** Connections: two for short reads, one more for polls, one for child rows, one per running stream, one that writes. */
export function openMysql({ settings, secret, context }: Omit<Access, "servers">): Connector {
  const access = accessOf(settings, secret, context);
  const { clock, log } = access.context;
  const pool = (kind: LinkKind, size: number) => new LinkPool({ size, isLost, open: (signal) => openLink(access, kind, signal) });
  const short = pool("read", 2);
  const batch = pool("batch", 1);
  const polling = pool("batch", 1);
  const polls = new Gathered(polling, clock);
  const writer = new Writer(access);
  const serial = createSerial();
  const described = new WeakMap<SourceQuery, PreparedSource>();
  // Polls are many: a column is described once, and again after a failure.
  const cursors = new WeakMap<CursorQuery, PreparedCursor>();
  let way: RowWay | undefined = access.settings.rawRows === false ? "values" : undefined;

  /** How rows are read: tried out at the first read. */
  async function rowWay(signal: AbortSignal): Promise<RowWay> {
    if (way !== undefined) return way;
    const operation = "try to read rows as they are sent";
    const fits = await packetsAreRows(
      (text, by) => short.use(signal, async (link) => (await link.select(text, signal, { operation, by })).rows),
      signal,
    );
    if (way === undefined && !fits) {
      log.warn("The database driver does not give rows as they are sent: they are read in a slower way", {
        code: "erp-rows-slower",
      });
    }
    way ??= fits ? "packets" : "values";
    return way;
  }

  async function batchOf(prepared: PreparedSource, read: DigestedRows, signal: AbortSignal): Promise<RowBatch> {
    return packedBatch(prepared.decoding, read, await childrenOf(prepared, read.rows, batch, signal));
  }

  async function describedCursor(query: CursorQuery, signal: AbortSignal): Promise<PreparedCursor> {
    const cursor = cursors.get(query) ?? (await short.use(signal, (link) => prepareCursor(link, query, signal)));
    cursors.set(query, cursor);
    return cursor;
  }

  /** Reads by key are short and many: a source is described once, and again when its columns are seen to have changed. */
  async function describedOnce(source: SourceQuery, signal: AbortSignal): Promise<PreparedSource> {
    const prepared = described.get(source) ?? (await short.use(signal, (link) => prepareSource(link, source, signal)));
    described.set(source, prepared);
    return prepared;
  }

  async function readSome(source: SourceQuery, keys: readonly string[], signal: AbortSignal): Promise<RowBatch | undefined> {
    let prepared = await describedOnce(source, signal);
    let { statement, everyKeyFits } = selectKeys(prepared, keys);
    if (!everyKeyFits) {
      // No row can have such a key, or its column was given another type: absent is said only by a fresh description.
      described.delete(source);
      prepared = await describedOnce(source, signal);
      ({ statement } = selectKeys(prepared, keys));
    }
    if (statement === undefined) return undefined;
    try {
      const operation = `read rows of the source ${source.source} by key`;
      const by = await rowWay(signal);
      const { fields, rows } = await short.use(signal, (link) => link.select(withLiterals(statement), signal, { operation, by }));
      prepared.select.verify(fields);
      if (rows.length === 0) return undefined;
      return await batchOf(prepared, digested(rows, prepared.decoding.keys), signal);
    } catch (error) {
      described.delete(source);
      throw error;
    }
  }

  return {
    dialect: mysqlDialect,
    feed: createFeed(access, short),
    grants: {
      server: (signal) => short.use(signal, (link) => grantServer(link, signal)),
      compare: (needs, signal) =>
        short.use(signal, (link) => compareGrants(link, { needs, database: access.settings.database, signal })),
    },
    identity: (signal) => short.use(signal, (link) => identityOf(link, signal)),
    check: (signal, needs) => checkMysql(access, needs ?? { read: [], write: [] }, signal),
    describe: (signal, tables) => short.use(signal, (link) => describeTables(link, tables, signal)),
    describeQuery: (source, signal) =>
      short.use(signal, async (link) => {
        const prepared = await prepareSource(link, source, signal);
        const [table] = "table" in source.from ? await describeTables(link, [source.from.table], signal) : [];
        return describeSource(prepared, table);
      }),
    async *scan(source, signal) {
      const prepared = await short.use(signal, (link) => prepareSource(link, source, signal));
      const packed = source.children.length === 0;
      const context = { access, by: await rowWay(signal), signal, operation: `scan the source ${source.source}`, packed };
      for await (const read of readOn(prepared.select, context)) yield await batchOf(prepared, read, signal);
    },
    async *readKeys(source, keys, signal) {
      for (let start = 0; start < keys.length; start += mysqlDialect.maxKeysPerRead) {
        const some = keys.slice(start, start + mysqlDialect.maxKeysPerRead);
        const rows = await readSome(source, some, signal);
        if (rows) yield rows;
      }
    },
    async *changedSince(query, from, signal) {
      const cursor = await describedCursor(query, signal);
      try {
        const most = access.context.limits.batchRows;
        const few =
          from === undefined
            ? await short.use(signal, (link) => lastChange(link, cursor, signal))
            : await fewChanges(polls, cursor, { from, most, signal });
        if (few === undefined) {
          // Each row is decoded: the bytes as they are sent would not help.
          const context = { access, by: "values", signal, operation: `read changes of the table ${query.table}` } as const;
          yield* readChanges(cursor, from as string, context);
        } else if (few.length > 0) yield few;
      } catch (error) {
        cursors.delete(query);
        throw error;
      }
    },
    async changedRows(source, query, asked) {
      const cursor = await describedCursor(query, asked.signal);
      const prepared = await describedOnce(source, asked.signal);
      try {
        const seen = await changedWhole(polls, { cursor, prepared }, asked);
        if (seen === undefined) return undefined;
        const { changes, rows } = seen;
        const read = digested(rows, prepared.decoding.keys);
        return { changes, rows: rows.length === 0 ? undefined : await batchOf(prepared, read, asked.signal) };
      } catch (error) {
        cursors.delete(query);
        described.delete(source);
        throw error;
      }
    },
    aggregate: (source, cursor, signal) =>
      short.use(signal, async (link) => {
        const operation = `count the source ${source.source}`;
        const [count] = await askServer(link, concat("SELECT COUNT(*) AS n", fromSource(mysqlSyntax, source)), signal, operation);
        const [last] = cursor ? await lastChange(link, await prepareCursor(link, cursor, signal), signal) : [];
        return { rows: Number(count?.n ?? 0), mark: last?.mark };
      }),
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
      await Promise.all([short, polling, batch, writer].map((part) => part[Symbol.asyncDispose]()));
    },
  };
}
