import type { Connector, ConnectorContext, CursorQuery, RowBatch, SourceQuery } from "../connector.ts";
import { RowDigest } from "../digest.ts";
import { executePlan, lookUpPlan } from "../execute-plan.ts";
import { LinkPool } from "../link-pool.ts";
import type { ReadSecret } from "../module.ts";
import { type DigestedRows, digested, rowBatch } from "../row-batch.ts";
import { createSerial } from "../serial.ts";
import { fromSource } from "../source-select.ts";
import { concat } from "../statement.ts";
import { checkPostgres } from "./checks.ts";
import type { PostgresSettings } from "./config.ts";
import { accessOf } from "./connect.ts";
import { changedWhole, fewChanges, lastChange, type PreparedCursor, prepareCursor, readChanges } from "./cursor.ts";
import { askServer, describeTables } from "./describe.ts";
import { isLost } from "./errors.ts";
import { postgresFeed } from "./feed.ts";
import { feedServer } from "./feed-connections.ts";
import { compareGrants, grantServer } from "./grants.ts";
import { identityOf } from "./identity.ts";
import { type Link, openLink, type SentValue } from "./link.ts";
import { childrenOf, describeSource, type PreparedSource, prepareSource, selectKeys } from "./source.ts";
import { postgresDialect, postgresSyntax, withLiterals } from "./sql.ts";
import { readOn } from "./stream.ts";
import { createTimelines } from "./timelines.ts";
import { Writer } from "./write.ts";

/** Connections: three for short reads, one per running stream, one that writes, one for the feed. */
export function openPostgres(settings: PostgresSettings, secret: ReadSecret, context: ConnectorContext): Connector {
  const access = accessOf(settings, secret, context);
  const { clock } = access.context;
  const short = new LinkPool<Link>({ open: (signal) => openLink(access, "read", signal), isLost, size: 3 });
  const feeding = feedServer(access, short);
  const endsOf = createTimelines(feeding);
  const writer = new Writer(access);
  const serial = createSerial();
  const digest = new RowDigest();
  const described = new WeakMap<SourceQuery, PreparedSource>();
  // Polls are many: a column is described once, and again after a failure.
  const cursors = new WeakMap<CursorQuery, PreparedCursor>();

  async function batchOf(prepared: PreparedSource, read: DigestedRows, signal: AbortSignal): Promise<RowBatch> {
    const children =
      prepared.children.length === 0
        ? undefined
        : await short.use(signal, (link) => childrenOf(link, prepared, read.rows as SentValue[][], signal));
    return rowBatch(read, prepared.layout, digest, children);
  }

  async function describedCursor(query: CursorQuery, signal: AbortSignal): Promise<PreparedCursor> {
    const cursor = cursors.get(query) ?? (await short.use(signal, (link) => prepareCursor(link, query, signal)));
    cursors.set(query, cursor);
    return cursor;
  }

  /** Reads by key are short and many: a source is described once, and again when its columns are seen to have changed. */
  async function describedOnce(source: SourceQuery, signal: AbortSignal): Promise<PreparedSource> {
    const known = described.get(source);
    if (known !== undefined) return known;
    const prepared = await short.use(signal, (link) => prepareSource(link, source, { digest, signal }));
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
      const { fields, rows } = await short.use(signal, (link) => link.select(withLiterals(statement), signal, operation));
      prepared.select.verify(fields);
      if (rows.length === 0) return undefined;
      return await batchOf(prepared, digested(rows, digest, prepared.layout), signal);
    } catch (error) {
      described.delete(source);
      throw error;
    }
  }

  return {
    dialect: postgresDialect,
    grants: {
      server: (signal) => short.use(signal, (link) => grantServer(link, signal)),
      compare: (needs, signal) => short.use(signal, (link) => compareGrants(link, { needs, settings: access.settings, signal })),
    },
    identity: (signal) => short.use(signal, (link) => identityOf(link, endsOf, signal)),
    check: (signal, needs) => checkPostgres(access, needs ?? { read: [], write: [] }, signal),
    describe: (signal, tables) => short.use(signal, (link) => describeTables(link, tables, signal)),
    describeQuery: (source, signal) =>
      short.use(signal, async (link) => {
        const prepared = await prepareSource(link, source, { digest, signal });
        const [table] = "table" in source.from ? await describeTables(link, [source.from.table], signal) : [];
        return describeSource(prepared, table);
      }),
    async *scan(source, signal) {
      const prepared = await short.use(signal, (link) => prepareSource(link, source, { digest, signal }));
      const context = { access, signal, operation: `scan the source ${source.source}` };
      for await (const read of readOn(prepared.select, context)) yield await batchOf(prepared, read, signal);
    },
    async *readKeys(source, keys, signal) {
      for (let start = 0; start < keys.length; start += postgresDialect.maxKeysPerRead) {
        const rows = await readSome(source, keys.slice(start, start + postgresDialect.maxKeysPerRead), signal);
        if (rows) yield rows;
      }
    },
    async *changedSince(query, from, signal) {
      const cursor = await describedCursor(query, signal);
      try {
        const most = access.context.limits.batchRows;
        const few = await short.use(signal, (link) =>
          from === undefined ? lastChange(link, cursor, signal) : fewChanges(link, cursor, { from, most, signal }),
        );
        if (few === undefined) {
          const context = { access, signal, operation: `read changes of the table ${query.table}`, digest };
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
        const seen = await short.use(asked.signal, (link) => changedWhole(link, { cursor, prepared }, asked));
        if (seen === undefined) return undefined;
        const { changes, rows } = seen;
        if (rows.length === 0) return { changes, rows: undefined };
        return { changes, rows: await batchOf(prepared, digested(rows, digest, prepared.layout), asked.signal) };
      } catch (error) {
        cursors.delete(query);
        described.delete(source);
        throw error;
      }
    },
    feed: postgresFeed(feeding),
    aggregate: (source, cursor, signal) =>
      short.use(signal, async (link) => {
        const operation = `count the source ${source.source}`;
        const [count] = await askServer(
          link,
          concat("SELECT COUNT(*) AS n", fromSource(postgresSyntax, source)),
          signal,
          operation,
        );
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
      await Promise.all([short[Symbol.asyncDispose](), writer[Symbol.asyncDispose]()]);
    },
  };
}
