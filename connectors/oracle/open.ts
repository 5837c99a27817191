import type { Connector, CursorQuery, RowBatch, SourceQuery } from "../connector.ts";
import { RowDigest } from "../digest.ts";
import { executePlan, lookUpPlan } from "../execute-plan.ts";
import { LinkPool } from "../link-pool.ts";
import { rowBatch } from "../row-batch.ts";
import { createSerial } from "../serial.ts";
import { checkOracle } from "./checks.ts";
import { type Access, loadClient } from "./connect.ts";
import { changesSince, cursorRow, lastChange, type PreparedCursor, prepareCursor } from "./cursor.ts";
import { describeTables } from "./describe.ts";
import { isLost } from "./errors.ts";
import { createFeed } from "./feed.ts";
import { createFlashback } from "./flashback.ts";
import { compareGrants, grantServer } from "./grants.ts";
import { currentScn, identityOf } from "./identity.ts";
import { type Link, openLink } from "./link.ts";
import { lobRows } from "./lobs.ts";
import { type RunSelect, readPages } from "./pages.ts";
import {
  childrenOf,
  countOf,
  describeSource,
  isUniqueKey,
  keyCondition,
  type PreparedSource,
  prepareSource,
  sourceTable,
} from "./source.ts";
import { oracleDialect } from "./sql.ts";
import { Writer } from "./write.ts";

/**
 * Connections: two for short reads and polls, two for the pages of scans, one that writes.
 * @throws FuserError config when the client libraries that the settings ask for can't be loaded
 */
export function openOracle(access: Access): Connector {
  loadClient(access);
  const { clock } = access.context;
  const pool = (size: number): LinkPool<Link> =>
    new LinkPool({ open: (signal) => openLink(access, "read", signal), isLost, size });
  const short = pool(2);
  const pages = pool(2);
  const writer = new Writer(access);
  const serial = createSerial();
  const digest = new RowDigest();
  const flashback = createFlashback(access.context.log);
  const described = new WeakMap<SourceQuery, PreparedSource>();
  const cursors = new WeakMap<CursorQuery, PreparedCursor>();

  async function prepared(source: SourceQuery, signal: AbortSignal): Promise<PreparedSource> {
    const table = sourceTable(source);
    return short.use(signal, async (link) => {
      const [found] = table === undefined ? [] : await describeTables(link, [table], signal);
      return prepareSource({ link, signal }, source, { digest, unique: isUniqueKey(found, source.key) });
    });
  }

  /** Reads by key are short and many: a source is described once, and again after a failure. */
  async function describedOnce(source: SourceQuery, signal: AbortSignal): Promise<PreparedSource> {
    const known = described.get(source) ?? (await prepared(source, signal));
    described.set(source, known);
    return known;
  }

  async function readSome(source: SourceQuery, keys: readonly string[], signal: AbortSignal): Promise<RowBatch | undefined> {
    const known = await describedOnce(source, signal);
    const condition = keyCondition(known, keys);
    if (condition === undefined) return undefined;
    const operation = `read rows of the source ${source.source} by key`;
    try {
      return await short.use(signal, async (link) => {
        const { rows } = await link.execute(known.select.statement({ condition }), signal, { operation });
        if (rows.length === 0) return undefined;
        const children = await childrenOf(known, rows, { link, signal });
        return rowBatch(known.select.digested(rows), known.layout, digest, children);
      });
    } catch (error) {
      described.delete(source);
      throw error;
    }
  }

  async function describedCursor(query: CursorQuery, signal: AbortSignal): Promise<PreparedCursor> {
    const cursor = cursors.get(query) ?? (await short.use(signal, (link) => prepareCursor({ link, signal }, query)));
    cursors.set(query, cursor);
    return cursor;
  }

  return {
    dialect: oracleDialect,
    identity: (signal) => short.use(signal, (link) => identityOf(link, signal)),
    check: (signal, needs) => checkOracle(access, needs ?? { read: [], write: [] }, signal),
    grants: {
      server: (signal) => short.use(signal, (link) => grantServer(link, signal)),
      compare: (needs, signal) => short.use(signal, (link) => compareGrants(link, { needs, settings: access.settings, signal })),
    },
    describe: (signal, tables) => short.use(signal, (link) => describeTables(link, tables, signal)),
    async describeQuery(source, signal) {
      const known = await prepared(source, signal);
      const table = sourceTable(source);
      const [found] = table === undefined ? [] : await short.use(signal, (link) => describeTables(link, [table], signal));
      return describeSource(known, found);
    },
    async *scan(source, signal) {
      const known = await prepared(source, signal);
      const operation = `scan the source ${source.source}`;
      const run: RunSelect = (statement, mostBytes) =>
        pages.use(signal, (link) => link.execute(statement, signal, { operation, mostBytes }));
      let ground = await flashback.begin(source, () => short.use(signal, (link) => currentScn(link, signal)));
      for (let begun = false; ; ) {
        const { statement } = known.select;
        const select = { ...known.select, statement: (of: Parameters<typeof statement>[0]) => statement({ ...of, ...ground }) };
        try {
          for await (const read of readPages(select, run, { context: access.context, signal })) {
            begun = true;
            const children = await short.use(signal, (link) => childrenOf(known, read.rows, { link, signal }));
            yield rowBatch(read, known.layout, digest, children);
          }
          return;
        } catch (error) {
          if (flashback.failed(source, { ground, error, begun }) === "told") throw error;
          ground = { asOf: undefined };
        }
      }
    },
    async *readKeys(source, keys, signal) {
      const { hasLobs } = await describedOnce(source, signal);
      const most = hasLobs ? lobRows : oracleDialect.maxKeysPerRead;
      for (let start = 0; start < keys.length; start += most) {
        const some = keys.slice(start, start + most);
        const batch = await readSome(source, some, signal);
        if (batch) yield batch;
      }
    },
    async *changedSince(query, from, signal) {
      const operation = `read changes of the table ${query.table}`;
      const cursor = await describedCursor(query, signal);
      const run: RunSelect = (statement) => short.use(signal, (link) => link.execute(statement, signal, { operation }));
      try {
        if (from === undefined) {
          const { rows: last } = await run(lastChange(cursor));
          if (last.length > 0) yield last.map((row) => cursorRow(cursor, row));
          return;
        }
        for await (const read of readPages(changesSince(cursor, from), run, { context: access.context, signal })) {
          yield read.rows.map((row) => cursorRow(cursor, row));
        }
      } catch (error) {
        cursors.delete(query);
        throw error;
      }
    },
    aggregate: (source, cursor, signal) =>
      short.use(signal, async (link) => {
        const asked = { operation: `count the source ${source.source}` };
        const { rows } = await link.execute(countOf(source), signal, asked);
        if (cursor === undefined) return { rows: Number(rows[0]?.[0] ?? 0), mark: undefined };
        const known = await prepareCursor({ link, signal }, cursor);
        const [last] = (await link.execute(lastChange(known), signal, asked)).rows;
        return { rows: Number(rows[0]?.[0] ?? 0), mark: last && cursorRow(known, last).mark };
      }),
    write: (plan, signal, commitPoint) =>
      serial(() =>
        executePlan({
          session: writer.session(plan),
          plan,
          signal,
          commitPoint: commitPoint ?? (async () => {}),
          pause: (attempt) => clock.sleep(Math.min(attempt * 5, 50), signal),
        }),
      ),
    feed: createFeed(access, short),
    lookup: (plan, signal) => serial(() => lookUpPlan({ session: writer.session(plan), plan, signal })),
    async close() {
      // A plan that still runs is let end: half of it is never left to chance.
      await serial(async () => {});
      await Promise.all([short, pages, writer].map((part) => part[Symbol.asyncDispose]()));
    },
  };
}
