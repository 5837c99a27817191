// An ERP in memory with two tables, whose timing the test decides: rows that become visible after their signal, scans that see old pages.

import type { ReadingConnector } from "../../../../agent/capture/parts.ts";
import { encodeKey } from "../../../../base/key.ts";
import { keyDigest } from "../../../../base/key-digest.ts";
import type {
  Connector,
  CursorQuery,
  CursorRow,
  Row,
  RowBatch,
  SourceQuery,
  WrittenForm,
} from "../../../../connectors/connector.ts";
import { offerWritten } from "../../../support/offer-written.ts";

export interface ErpRow {
  name: string;
  parent: string | null;
  cancelled?: boolean;
  /** Value of the cursor column. */
  stamp: number;
}

export type TableName = "parents" | "children";

export interface FakeErp {
  connector: ReadingConnector;
  tables: Record<TableName, Map<string, ErpRow>>;
  /** Writes a row with the next stamp. */
  put(table: TableName, key: string, row: Omit<ErpRow, "stamp">): void;
  remove(table: TableName, key: string): void;
  /** The next stamp, without a write. */
  stamp(): number;
  /** Keys that reads do not see, although the cursor column already shows them. */
  invisible: Set<string>;
  /** Keys of rows that do not belong to their source: reads do not see them, the cursor column does. */
  outside: Set<string>;
  /** Awaited at each step of a read; a throw is the read's failure. */
  at: (moment: "scan-page" | "read-keys" | "poll" | "poll-rows", table: string, keys: readonly string[]) => Promise<void>;
  identity: {
    database: string;
    position: Record<string, string> | undefined;
    family?: string;
    server?: string;
    parts?: Record<string, string>;
  };
  /** Rows read by key, per key. */
  reads: Map<string, number>;
  /** The state as of now, and back to it. */
  backup(): () => void;
  pageSize: number;
  /** Whether rows come with their bytes. */
  offersBytes: boolean;
}

const columns = ["key", "name", "parent"];
const forms: readonly WrittenForm[] = ["text", "text", "text"];

/** `showing`: stamps are times, ten milliseconds apart, and polls may bring the rows along. */
export function fakeErp(kind: "plain" | "showing" = "plain"): FakeErp {
  let lastStamp = 0;
  const erp: FakeErp = {
    tables: { parents: new Map(), children: new Map() },
    invisible: new Set(),
    outside: new Set(),
    reads: new Map(),
    at: async () => {},
    identity: { database: "erp-1", position: undefined },
    pageSize: 4,
    offersBytes: true,
    stamp: () => ++lastStamp,
    put(table, key, row) {
      erp.tables[table].set(key, { ...row, stamp: ++lastStamp });
    },
    remove(table, key) {
      erp.tables[table].delete(key);
    },
    backup() {
      const copies = { parents: new Map(erp.tables.parents), children: new Map(erp.tables.children) };
      const stamp = lastStamp;
      return () => {
        erp.tables = { parents: new Map(copies.parents), children: new Map(copies.children) };
        lastStamp = stamp;
      };
    },
    connector: kind === "plain" ? connectorOf(() => erp) : showing(() => erp),
  };
  return erp;
}

function connectorOf(erp: () => FakeErp): ReadingConnector {
  const tableOf = (query: SourceQuery): TableName => ("table" in query.from ? (query.from.table as TableName) : "parents");
  return {
    dialect: { maxKeysPerRead: 50 } as Connector["dialect"],
    identity: async () => ({ ...erp().identity, label: erp().identity.database, product: "fake", version: "1" }),
    async *scan(query) {
      const table = tableOf(query);
      const isChildCompare = query.key.length > 1;
      let after = "";
      for (;;) {
        const keys = [...erp().tables[table].keys()].filter((key) => key > after && isSeen(erp(), key)).sort();
        const page = keys.slice(0, erp().pageSize);
        const life = { over: false };
        const batch = mortal(batchOf(erp(), table, page, isChildCompare), life);
        await erp().at("scan-page", table, page);
        if (page.length > 0) yield batch;
        life.over = true;
        if (page.length < erp().pageSize) return;
        after = page.at(-1) as string;
      }
    },
    async *readKeys(query, keys) {
      const table = tableOf(query);
      const found = keys.filter((key) => erp().tables[table].has(key) && isSeen(erp(), key));
      const whole = batchOf(erp(), table, found, false);
      const row = (index: number): Row => ({ ...whole.row(index), values: pick(query, whole.row(index)) });
      const batch = query.columns.length === columns.length ? whole : { ...whole, row, written: undefined };
      for (const key of keys) erp().reads.set(key, (erp().reads.get(key) ?? 0) + 1);
      await erp().at("read-keys", table, keys);
      yield batch;
    },
    async *changedSince(query, from) {
      const rows = cursorRows(erp(), query);
      const asked = from === undefined ? rows.slice(-1) : rows.filter((row) => BigInt(row.mark) >= BigInt(from));
      await erp().at("poll", query.table, []);
      if (asked.length > 0) yield asked;
    },
  };
}

/** The columns that the query names. */
const pick = (query: SourceQuery, { values }: Row) => query.columns.map((name) => values[columns.indexOf(name)] ?? null);

const isSeen = (erp: FakeErp, key: string): boolean => !erp.invisible.has(key) && !erp.outside.has(key);
const timeOf = (stamp: string): string => new Date(Date.UTC(2026, 10, 22, 6) + Number(stamp) * 10).toISOString().slice(0, 23);

function showing(erp: () => FakeErp): ReadingConnector {
  const timed = (query: CursorQuery, from: string): CursorRow[] =>
    cursorRows(erp(), query)
      .map((row) => ({ ...row, mark: timeOf(row.mark) }))
      .filter(({ mark }) => mark >= from);
  return {
    ...connectorOf(erp),
    async *changedSince(query, from) {
      const asked = from === undefined ? timed(query, "").slice(-1) : timed(query, from);
      await erp().at("poll", query.table, []);
      if (asked.length > 0) yield asked;
    },
    async changedRows(_source, query, { from, most }) {
      const changes = timed(query, from);
      const table = query.table as TableName;
      const keys = changes.flatMap(({ own = "" }) => (erp().outside.has(own) ? [] : [own]));
      const rows = batchOf(erp(), table, keys, false);
      await erp().at("poll-rows", table, keys);
      return changes.length > most ? undefined : { changes, rows };
    },
  };
}

/** In the order of their stamps. */
function cursorRows(erp: FakeErp, query: CursorQuery): CursorRow[] {
  const rows = [...erp.tables[query.table as TableName]].map(([key, row]): CursorRow => {
    const signalled = query.key[0] === "key" ? key : row.parent;
    return { key: signalled ?? undefined, own: key, mark: String(row.stamp) };
  });
  return rows.sort((one, other) => Number(one.mark) - Number(other.mark));
}

function batchOf(erp: FakeErp, table: TableName, keys: readonly string[], withParent: boolean): RowBatch {
  const rows = keys.map((key) => ({ key, row: { ...(erp.tables[table].get(key) as ErpRow) } }));
  const ids = rows.map(({ key, row }) => (!withParent ? key : row.parent === null ? undefined : `${key}.${row.parent}`));
  const decoded = rows.map(({ key, row }): Row => {
    return { values: [key, row.name, row.parent], flags: [row.cancelled === true], children: [] };
  });
  const isWritten = erp.offersBytes && !withParent && keys.every((key) => encodeKey([key]) === key);
  return {
    length: rows.length,
    key: (index) => ids[index],
    keyDigests: BigUint64Array.from(ids, (id) => (id === undefined ? 0n : keyDigest(id))),
    digests: BigUint64Array.from(rows, ({ row: { name, parent, cancelled } }) =>
      digestOf(JSON.stringify([name, parent, cancelled])),
    ),
    row: (index) => structuredClone(decoded[index] as Row),
    written: isWritten ? offerWritten(decoded, { forms, key: [0] }) : undefined,
  };
}

/** As connectors do it: a batch's rows are gone once the next batch is asked for. */
function mortal(batch: RowBatch, life: { readonly over: boolean }): RowBatch {
  const living = <T>(answer: (index: number) => T): ((index: number) => T) => {
    return (index) => {
      if (life.over) throw new RangeError("The batch's time is over: the next one was asked for");
      return answer(index);
    };
  };
  const written = batch.written && { ...batch.written, open: living(batch.written.open) };
  return { ...batch, key: living(batch.key), row: living(batch.row), written };
}

function digestOf(text: string): bigint {
  let hash = 0xcbf29ce484222325n;
  for (const byte of Buffer.from(text)) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  return hash;
}

export const sourceQuery = (source: string, table: TableName): SourceQuery => ({
  source,
  from: { table },
  key: ["key"],
  columns,
  where: [],
  scope: [],
  flags: [],
  children: [],
});
