/** The simulated ERP as one agent's process reaches it: everything takes time, may fail, and never comes back to a process that was killed. */
import { FuserError } from "../../../base/errors.ts";
import { decodeKey, encodeKey } from "../../../base/key.ts";
import { keyDigest } from "../../../base/key-digest.ts";
import type {
  Connector,
  Row as ContractRow,
  CursorQuery,
  CursorRow,
  DescribedQuery,
  RowBatch,
  SourceQuery,
  WritePlan,
  WrittenForm,
} from "../../../connectors/connector.ts";
import { executePlan, lookUpPlan } from "../../../connectors/execute-plan.ts";
import { createSerial } from "../../../connectors/serial.ts";
import { sqliteCapabilities } from "../../../connectors/sqlite/capabilities.ts";
import { offerWritten } from "../../support/offer-written.ts";
import type { Chance } from "../world/chance.ts";
import type { Process } from "../world/time.ts";
import { askedFirst } from "./asked-first.ts";
import { requireTable, transient } from "./calls.ts";
import { simulatedFeed } from "./feed.ts";
import { shapeOf, type TableName, tables } from "./schema.ts";
import { type ErpServer, keyOf, type Row } from "./server.ts";
import { erpSession } from "./session.ts";

export interface ConnectorParts {
  server: ErpServer;
  process: Process;
  chance: Chance;
}

/** Rows of a scan that come together: few, so that it takes its time. */
const rowsPerBatch = 8;

export function simulatedConnector({ server, process, chance }: ConnectorParts): Connector {
  const { clock } = process;
  const serial = createSerial();
  let command: string | undefined;
  const session = erpSession({ server, process, chance: chance.fork("session"), command: () => command });
  const reads = chance.fork("reads");
  const ways = chance.fork("ways");
  const asked = askedFirst(server);
  // A server notices that a client is gone some time after it went.
  process.onKill(() => void server.time.after(reads.between(100, 3_000), () => session.drop()));

  const away = (code: string, message: string): FuserError => {
    asked.away();
    return transient(code, message);
  };
  const call = async <T>(signal: AbortSignal, work: () => T): Promise<T> => {
    signal.throwIfAborted();
    await clock.sleep(0.2 + reads.next() ** 3 * 8 + server.moods.slowMs, signal);
    if (!server.up) throw away("erp-unreachable", "The ERP does not answer");
    if (reads.hits(server.moods.failures)) throw transient("erp-statement-timeout", "The ERP did not answer in time");
    const { incarnation } = server;
    const result = work();
    await clock.sleep(0.2 + reads.next() ** 3 * 8, signal);
    if (server.incarnation !== incarnation) throw away("erp-connection-lost", "The ERP's connection was lost");
    return result;
  };
  /** One that begins to read. */
  const read = <T>(what: string, signal: AbortSignal, work: () => T): Promise<T> => {
    const beganAt = server.time.now;
    return call(signal, () => {
      asked.served(what, beganAt);
      return work();
    });
  };

  /** The table of a source, which a statement names. */
  const named = (source: SourceQuery): TableName => {
    const table = tableOf(source);
    requireTable(server, table);
    return table;
  };

  const withSession = <T>(plan: WritePlan, signal: AbortSignal, work: () => Promise<T>): Promise<T> => {
    const beganAt = server.time.now;
    return serial(async () => {
      signal.throwIfAborted();
      if (server.up) asked.served(`command ${plan.commandId}`, beganAt);
      try {
        await session.takeAgentLock(signal);
        command = plan.commandId;
        return await work();
      } catch (error) {
        if (error instanceof FuserError && error.code === "erp-connection-lost") asked.away();
        throw error;
      }
    });
  };

  return {
    dialect: {
      name: "simulated",
      quote: (identifier) => identifier,
      maxKeysPerRead: 200,
      powers: { lockFreeReads: true, nativeFeed: false, sessionLock: true, skipLocked: false },
      capabilities: sqliteCapabilities,
    },
    async identity(signal) {
      const beganAt = server.time.now;
      const identity = await call(signal, () => ({
        database: "simulated",
        label: "Simulated ERP",
        product: "Simulated",
        version: "1",
        position: { "0": `0-1-${server.tellPosition()}` },
      }));
      asked.answered(beganAt);
      return identity;
    },
    check: async () => [],
    describe: (signal, names) => call(signal, () => tables.filter(({ name }) => names === undefined || names.includes(name))),
    describeQuery: (source, signal) => call(signal, () => described(source)),
    async *scan(source, signal) {
      // One snapshot for all of it, however long it takes.
      const rows = await read("scan", signal, () => inOrder(tableOf(source), server.visibleRows(named(source))));
      // Some databases tell the bytes of their rows, and some do not.
      const forms = ways.hits(0.6) ? formsOf(source) : undefined;
      const pauseMs = reads.hits(0.3) ? reads.between(100, 8_000) : reads.between(0, 20);
      for (let start = 0; start < rows.length; start += rowsPerBatch) {
        const batch = rows.slice(start, start + rowsPerBatch);
        yield await call(signal, () => batchOf(server, source, batch, forms));
        await clock.sleep(pauseMs + server.moods.snapshotMs, signal);
      }
    },
    async *readKeys(source, keys, signal) {
      const batch = await read("read by key", signal, () => {
        const table = named(source);
        const rows = keys
          .map((key) => server.visible(table, (decodeKey(key) ?? []).join("|")))
          .filter((row) => row !== undefined);
        return rows.length === 0 ? undefined : batchOf(server, source, rows);
      });
      if (batch) yield batch;
    },
    async *changedSince(query, from, signal) {
      const rows = await read("poll", signal, () => changes(server, query, from));
      if (rows.length > 0) yield rows;
    },
    changedRows: (source, query, { from, most, signal }) =>
      read("poll", signal, () => {
        const table = named(source);
        const seen = changes(server, query, from);
        if (seen.length > most) return undefined;
        const shown = new Set(seen.map(({ key }) => key));
        const rows = server.rows(table).filter((row) => shown.has(keyIn(row, source.key)));
        server.reveal(table, new Set(rows.map((row) => keyOf(table, row))));
        return { changes: seen, rows: rows.length === 0 ? undefined : batchOf(server, source, rows) };
      }),
    feed: simulatedFeed({ server, process, chance: chance.fork("feed"), call }),
    aggregate: (source, _cursor, signal) =>
      read("count", signal, () => ({ rows: server.visibleRows(named(source)).length, mark: undefined })),
    write: (plan, signal, commitPoint = async () => {}) =>
      withSession(plan, signal, () =>
        executePlan({ session, plan, signal, commitPoint, pause: (attempt) => clock.sleep(attempt * 5, signal) }),
      ),
    lookup: (plan, signal) => withSession(plan, signal, () => lookUpPlan({ session, plan, signal })),
    async close() {
      await serial(async () => {});
      session.drop();
    },
  };
}

function tableOf({ from }: SourceQuery): TableName {
  if (!("table" in from)) throw new Error("The simulated ERP has no queries");
  return from.table as TableName;
}

function inOrder(table: TableName, rows: Row[]): Row[] {
  const { key } = shapeOf(table);
  const place = (row: Row): string => key.map((name) => String(row[name]).padStart(10, "0")).join("|");
  return rows
    .map((row) => [place(row), row] as const)
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([, row]) => row);
}

/** The rows are made now, as the server sends them now. */
function batchOf(server: ErpServer, source: SourceQuery, rows: readonly Row[], forms?: readonly WrittenForm[]): RowBatch {
  const keys = rows.map((row) => keyIn(row, source.key));
  const made = rows.map((row) => contractRow(server, source, row));
  return {
    length: rows.length,
    key: (index) => keys[index],
    keyDigests: BigUint64Array.from(keys, (key) => (key === undefined ? 0n : keyDigest(key))),
    digests: BigUint64Array.from(made, (row) => keyDigest(JSON.stringify(row))),
    row: (index) => made[index] as ContractRow,
    written: forms && offerWritten(made, { forms, key: source.key.map((column) => source.columns.indexOf(column)) }),
  };
}

/** How each column's bytes stand for its value; undefined where rows of child queries belong to it. */
function formsOf(source: SourceQuery): readonly WrittenForm[] | undefined {
  if (source.children.length > 0) return undefined;
  const forms: Partial<Record<string, WrittenForm>> = { text: "text", integer: "integer" };
  return described(source).columns.map(({ type }) => forms[type] ?? "other");
}

function keyIn(row: Row, columns: readonly string[]): string | undefined {
  const values = columns.map((name) => row[name] ?? null);
  return values.includes(null) ? undefined : encodeKey(values.map(String));
}

function contractRow(server: ErpServer, source: SourceQuery, row: Row): ContractRow {
  return {
    values: source.columns.map((name) => row[name] ?? null),
    flags: source.flags.map(({ sql }) => {
      const [, column = "", wanted] = /^(\w+) = '(\w*)'$/.exec(sql) ?? [];
      return row[column] === wanted;
    }),
    children: source.children.map(({ sql }) => {
      const parsed = /^SELECT (\w+) FROM (\w+) WHERE (\w+) = :row\.(\w+) ORDER BY (\w+)$/.exec(sql);
      if (!parsed) throw new Error(`The simulated ERP does not know this query: ${sql}`);
      const [, column = "", table, foreign = "", own = "", order = ""] = parsed;
      requireTable(server, table as TableName);
      const rows = server.visibleRows(table as TableName).filter((child) => child[foreign] === row[own]);
      return rows.sort((one, other) => Number(one[order]) - Number(other[order])).map((child) => [child[column] ?? null]);
    }),
  };
}

function described(source: SourceQuery): DescribedQuery {
  const { columns } = shapeOf(tableOf(source));
  return {
    columns: source.columns.map((name) => columns.find((column) => column.name === name) as (typeof columns)[number]),
    children: source.children.map(({ sql }) => {
      const [, column = "", table] = /^SELECT (\w+) FROM (\w+)/.exec(sql) ?? [];
      return shapeOf(table as TableName).columns.filter(({ name }) => name === column);
    }),
    rows: undefined,
  };
}

/** The cursor sees a change as soon as it is committed, which may be before a read by key does. */
function changes(server: ErpServer, query: CursorQuery, from: string | undefined): CursorRow[] {
  const number = query.kind === "sequence";
  const later = (one: string, other: string): boolean => (number ? Number(one) > Number(other) : one > other);
  requireTable(server, query.table as TableName);
  const rows = server.rows(query.table as TableName).map((row): CursorRow => {
    const key = (columns: readonly string[]) => (columns.length === 0 ? undefined : keyIn(row, columns));
    return { mark: String(row[query.column]), key: key(query.key), own: key(query.own) };
  });
  const wanted = from === undefined ? rows : rows.filter(({ mark }) => !later(from.replace("Z", ""), mark));
  wanted.sort((one, other) => (later(one.mark, other.mark) ? 1 : later(other.mark, one.mark) ? -1 : 0));
  return from === undefined ? wanted.slice(-1) : wanted;
}
