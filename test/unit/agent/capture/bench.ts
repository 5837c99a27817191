// A capture on a fake ERP, a real store and a clock that the test moves; and the portal as whoever replays the outbox sees it.
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach } from "vitest";
import { type Capture, createCapture } from "../../../../agent/capture/capture.ts";
import type { CaptureParts } from "../../../../agent/capture/parts.ts";
import type { CapturedSource } from "../../../../agent/capture/source.ts";
import type { Mapping, Parent, RowWriter } from "../../../../agent/map/mapped.ts";
import { exceedsGuard, type GuardLimits } from "../../../../agent/quality/guards.ts";
import { openStore } from "../../../../agent/store/open.ts";
import type { CommitHook, Store } from "../../../../agent/store/store.ts";
import { type Log, silentLog } from "../../../../base/log.ts";
import { quoted } from "../../../../protocol/canonical-json.ts";
import { expandChanges } from "../../../../protocol/changes.ts";
import { createDigester } from "../../../../protocol/digest.ts";
import { entityText, fieldNames } from "../../../../protocol/entity-text.ts";
import { decodeFrame } from "../../../../protocol/frames.ts";
import { changes, type Refusal } from "../../../../protocol/messages.ts";
import type { Fields } from "../../../../protocol/model.ts";
import { type ManualClock, manualClock } from "../../../support/manual-clock.ts";
import { type FakeErp, fakeErp, sourceQuery, type TableName } from "./fake-erp.ts";
import type { FakeFeed } from "./fake-feed.ts";

const digester = await createDigester();

export interface Portal {
  entities: Map<string, Fields>;
  /** Items in the order of their arrival. */
  log: { op: string; id: string; seq: number; cause: string | undefined; replaces?: string | undefined; reason?: string }[];
  last: number;
  /** Takes and acks everything that lies in the outbox; `refuse` may say no to an item. */
  pull(refuse?: (item: { op: string; id: string; seq: number }) => Omit<Refusal, "seq"> | undefined): void;
}

export interface Bench {
  erp: FakeErp;
  clock: ManualClock;
  store: Store;
  capture: Capture;
  portal: Portal;
  online: boolean;
  /** Lets the loops run while this much time passes. */
  pass(ms: number, stepMs?: number): Promise<void>;
  /** Lets time pass until the promise is settled. */
  until<T>(promise: Promise<T>): Promise<T>;
  /** Kills the agent where it stands (or where an armed crash struck), and starts another on a copy of its files. */
  crash(): Promise<void>;
  /** The next crash strikes at this commit from now on, before or after it; whatever comes later is lost to the next life. */
  armCrash(commits: number, moment: "before-commit" | "after-commit"): void;
  stop(): Promise<void>;
  /** Settles when the agent's run ends by itself. */
  failure(): Promise<void>;
  /** What the portal should hold, from the ERP alone. */
  expected(): Map<string, Fields>;
  /** All that stands in the store, by table. */
  dump(): Record<string, unknown[]>;
  /** How many rows were written as bytes. */
  writtenRows(): number;
}

export interface BenchOptions {
  erp?: FakeErp;
  graceMs?: number;
  guard?: GuardLimits;
  /** The same of what is emptied or moved. */
  guards?: GuardLimits;
  compareEveryMs?: number;
  cursor?: boolean;
  /** The ERP has an index on the cursor columns. */
  isIndexed?: boolean;
  /** Sources live on it in place of cursors; `feeds`: which, default all. */
  feed?: FakeFeed;
  feeds?: readonly TableName[];
  log?: Log;
  cursorKind?: "sequence" | "timestamp";
  /** How often cursor columns are asked, and how far back; default 1,000 ms and 20 (ms or a count). */
  polls?: { everyMs: number; overlap: number };
  childrenTouchParents?: boolean;
  onCommit?: CommitHook;
  map?: (table: TableName, mapped: ReturnType<Mapping["map"]>) => ReturnType<Mapping["map"]>;
  fingerprint?: string;
  /** Fields of the children that the ERP lacks. */
  lacks?: readonly string[];
  /** What becomes of a child whose parent is not there. */
  missing?: Parent["missing"];
  /** Of the children: when they are compared with what the portal holds. */
  refresh?: CapturedSource["refresh"];
  /** Default: keys have nothing in common. */
  lineage?: Partial<Record<TableName, Mapping["lineage"]>>;
  /** Default: parents before children. */
  ranks?: Record<TableName, number>;
  parts?: Partial<CaptureParts>;
  /** What the store is told before anything runs. */
  prepare?: (store: Store) => void;
}

export function captureBench() {
  const closing: (() => Promise<void>)[] = [];
  const folders: string[] = [];
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close();
    for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
  });
  const folder = (): string => {
    const made = mkdtempSync(path.join(tmpdir(), "erpfuser-capture-"));
    folders.push(made);
    return made;
  };
  return {
    folder,
    async start(options: BenchOptions = {}): Promise<Bench> {
      const bench = build(options, folder);
      closing.push(() => bench.stop());
      await bench.pass(1);
      return bench;
    },
  };
}

function build(options: BenchOptions, folder: () => string): Bench {
  const erp = options.erp ?? fakeErp();
  const clock = manualClock(Date.UTC(2026, 10, 22, 6));
  let directory = folder();
  let armed: { commits: number; moment: string } | undefined;
  let struck: string | undefined;
  const counted = { rows: 0 };
  const copyStore = (): string => {
    const copy = folder();
    for (const name of ["store.db", "store.db-wal"]) cpSync(path.join(directory, name), path.join(copy, name), { force: true });
    return copy;
  };
  const onCommit: CommitHook = (moment, name) => {
    options.onCommit?.(moment, name);
    if (armed?.moment !== moment || --armed.commits > 0) return;
    struck = copyStore();
    armed = undefined;
  };
  let running: { stop: AbortController; done: Promise<void> } | undefined;
  const bench: Bench = {
    erp,
    clock,
    online: true,
    store: undefined as unknown as Store,
    capture: undefined as unknown as Capture,
    portal: undefined as unknown as Portal,
    async pass(ms, stepMs = 100) {
      await flush();
      for (let left = ms; left > 0; left -= stepMs) {
        clock.advance(Math.min(stepMs, left));
        await flush();
      }
    },
    async until(promise) {
      let settled = false;
      const end = (): void => {
        settled = true;
      };
      promise.then(end, end);
      while (!settled) await bench.pass(100);
      return promise;
    },
    async stop() {
      running?.stop.abort();
      // A read under way may wait for the clock, which only moves by us.
      if (running !== undefined) await bench.until(running.done).catch(() => undefined);
      running = undefined;
      bench.store.close();
    },
    armCrash(commits, moment) {
      armed = { commits, moment };
    },
    failure: () => running?.done ?? Promise.resolve(),
    async crash() {
      const copy = struck ?? copyStore();
      armed = undefined;
      struck = undefined;
      await bench.stop();
      directory = copy;
      begin();
      await bench.pass(1);
    },
    expected: () => expectedOf(erp),
    dump: () => dumpOf(path.join(directory, "store.db")),
    writtenRows: () => counted.rows,
  };
  const begin = (): void => {
    bench.store = openStore({ directory, clock, log: silentLog, onCommit });
    if (bench.store.meta.get("epoch") === undefined) {
      bench.store.renewEpoch("epoch-0001");
      for (const source of ["parents", "children"]) bench.store.sources.update(source, { reconciled: true });
    }
    bench.portal ??= portalOf(() => bench);
    const stop = new AbortController();
    options.prepare?.(bench.store);
    const capture = createCapture(partsOf(bench, options, counted));
    bench.capture = capture;
    const done = capture.run(stop.signal);
    // Whoever waits for it hears of its failure; nobody else must.
    done.catch(() => undefined);
    running = { stop, done };
  };
  begin();
  return bench;
}

const flush = async (): Promise<void> => {
  for (let turn = 0; turn < 12; turn++) await new Promise((resolve) => setImmediate(resolve));
};

/** Every row of every table, as it stands. */
function dumpOf(file: string): Record<string, unknown[]> {
  const database = new DatabaseSync(file, { readOnly: true });
  try {
    const tables = database.prepare("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").all();
    const rowsOf = (table: string) => {
      const all = database.prepare(`SELECT * FROM "${table}"`);
      all.setReadBigInts(true);
      return all.all();
    };
    return Object.fromEntries(tables.map(({ name }) => [name, rowsOf(String(name))]));
  } finally {
    database.close();
  }
}

interface Counted {
  rows: number;
}

function partsOf(bench: Bench, options: BenchOptions, counted: Counted): CaptureParts {
  return {
    connector: options.feed === undefined ? bench.erp.connector : { ...bench.erp.connector, feed: options.feed.on(bench.clock) },
    sources: [
      sourceOf("children", options.ranks?.children ?? 1, { options, counted }),
      sourceOf("parents", options.ranks?.parents ?? 0, { options, counted }),
    ],
    store: bench.store,
    clock: bench.clock,
    random: () => 0.5,
    log: options.log ?? silentLog,
    digest: digester.text,
    digestWritten: digester.written,
    mayRead: () => bench.online,
    exceedsGuard: (kind, count) => exceedsGuard((kind === "deletes" ? options.guard : options.guards) ?? noGuard, count),
    timezone: "Europe/Berlin",
    confirmAfterMs: 2_000,
    blackout: [],
    rowsPerSecond: undefined,
    ...options.parts,
  };
}

function sourceOf(
  table: TableName,
  rank: number,
  { options, counted }: { options: BenchOptions; counted: Counted },
): CapturedSource {
  const { everyMs, overlap } = options.polls ?? { everyMs: 1_000, overlap: 20 };
  const every = { kind: "every", ms: everyMs } as const;
  const cursorOn = (name: string, on: TableName, key: string) =>
    ({
      name,
      query: { table: on, column: "stamp", kind: options.cursorKind ?? "sequence", key: [key], own: ["key"] },
      every,
      overlap,
      grain: "fraction",
      isIndexed: options.isIndexed === true,
    }) as const;
  const compare = { kind: "every", ms: options.compareEveryMs ?? 60_000 } as const;
  const feedOn = (name: string, on: TableName, key: string) =>
    ({ name, feed: "log", table: { table: on, key: [key], own: ["key"] }, everyMs: 30_000 }) as const;
  const touched = table === "parents" && options.childrenTouchParents === true;
  const isFed = options.feed !== undefined && (options.feeds ?? ["parents", "children"]).includes(table);
  const isPolled = options.cursor !== false && options.feed === undefined;
  const query = sourceQuery("parents/children", "children");
  const touch = {
    name: "parents/children",
    cursor: options.feed === undefined ? cursorOn("parents/children", "children", "parent") : undefined,
    feed: options.feed && feedOn("parents/children", "children", "parent"),
    compare,
    query: { ...query, columns: ["key", "parent"], key: ["key", "parent"] },
    byOwn: { ...query, columns: ["key", "parent"] },
    ownColumns: 1,
    parentColumns: [1],
  };
  return {
    mapping: mappingOf(table, rank, { options, counted }),
    cursor: isPolled ? cursorOn(table, table, "key") : undefined,
    feed: isFed ? feedOn(table, table, "key") : undefined,
    compare,
    refresh: table === "children" ? options.refresh : undefined,
    children: touched ? [touch] : [],
  };
}

function mappingOf(table: TableName, rank: number, { options, counted }: { options: BenchOptions; counted: Counted }): Mapping {
  const type = table === "parents" ? "property" : "building";
  const plain = (row: Parameters<Mapping["map"]>[0], isAbsent?: (parent: Parent) => boolean): ReturnType<Mapping["map"]> => {
    const [id, name, parentKey] = row.values as [string, string, string | null];
    if (row.flags[0]) return { kind: "cancelled", id };
    if (name === "bad") {
      return { kind: "faulty", id, faults: [{ code: "date-invalid", field: "name", column: "name", message: "no date" }] };
    }
    const missing = options.missing ?? "hold";
    const named: Parent[] =
      parentKey === null ? [] : [{ source: "parents", key: parentKey, type: "property", id: parentKey, missing }];
    const parents = named.filter((parent) => missing === "hold" || !isAbsent?.(parent));
    const fields: Fields = parents[0] === undefined ? { name } : { name, propertyId: parents[0].id };
    const filled = filledOf(name, parents.length);
    return { kind: "entity", id, text: entityText(fields), filled, parents, cause: undefined, notes: [] };
  };
  return {
    source: table,
    type,
    rank,
    query: sourceQuery(table, table),
    fingerprint: options.fingerprint ?? "1",
    append: false,
    ...(table === "children" && options.lacks !== undefined ? { lacks: options.lacks } : {}),
    graceMs: options.graceMs ?? 0,
    fields: [
      { name: "name", owner: "erp", bit: 1 },
      { name: "propertyId", owner: "erp", bit: 2 },
    ],
    lineage: options.lineage?.[table] ?? [],
    idOf: (key) => key,
    keyOf: (id) => id,
    map: (row, _key, isAbsent) => (options.map ? options.map(table, plain(row, isAbsent)) : plain(row, isAbsent)),
    // Whatever a test maps in a way of its own is not written as bytes.
    writerFor: () => (options.map === undefined ? writerOf(options.missing ?? "hold", counted) : undefined),
  };
}

const noGuard: GuardLimits = { rows: 1_000_000, percent: 1_000 };
const filledOf = (name: string, parents: number): number => (name === "" ? 0 : 1) | (parents === 0 ? 0 : 2);

const written = { alone: fieldNames(["name"]), withParent: fieldNames(["name", "propertyId"]) };

/** Writes what the mapping above makes of a row; names of some lengths it declines. */
function writerOf(missing: Parent["missing"], counted: Counted): RowWriter {
  const parentPlaces = () => ({
    parentTargets: new Int32Array(1),
    parentStarts: new Int32Array(1),
    parentEnds: new Int32Array(1),
  });
  return {
    targets: [{ source: "parents", missing }],
    // Small, so that it has to grow.
    entity: () => ({
      ...{ bytes: Buffer.alloc(64), start: 0, end: 0, names: written.alone, filled: 0, parentCount: 0 },
      ...parentPlaces(),
    }),
    write(rows, _keyLength, into) {
      const name = rows.value(1) as string;
      const parent = rows.value(2) as string | null;
      if (rows.flag(0) || name === "bad" || name.length % 7 === 0) return false;
      const values = parent === null ? quoted(name) : `${quoted(name)},${quoted(parent)}`;
      const bytes = Buffer.from(values);
      into.bytes = Buffer.concat([into.bytes.subarray(0, into.start), bytes, Buffer.alloc(8)]);
      into.end = into.start + bytes.length;
      into.names = parent === null ? written.alone : written.withParent;
      into.parentCount = parent === null ? 0 : 1;
      into.filled = filledOf(name, into.parentCount);
      into.parentEnds[0] = into.end - 1;
      into.parentStarts[0] = into.end - 1 - (parent?.length ?? 0);
      counted.rows += 1;
      return true;
    },
  };
}

function expectedOf(erp: FakeErp): Map<string, Fields> {
  const expected = new Map<string, Fields>();
  for (const [key, row] of erp.tables.parents) {
    if (!row.cancelled && row.name !== "bad") expected.set(`property:${key}`, { name: row.name });
  }
  for (const [key, { name, parent, cancelled }] of erp.tables.children) {
    if (cancelled || name === "bad" || (parent !== null && !expected.has(`property:${parent}`))) continue;
    expected.set(`building:${key}`, parent === null ? { name } : { name, propertyId: parent });
  }
  return expected;
}

function portalOf(bench: () => Bench): Portal {
  const portal: Portal = {
    entities: new Map(),
    log: [],
    last: 0,
    pull(refuse) {
      const { store, capture } = bench();
      for (let frame = store.outbox.frameFrom(portal.last + 1); frame; frame = store.outbox.frameFrom(portal.last + 1)) {
        const data = frame.text ? Buffer.from(frame.bytes).toString() : frame.bytes;
        const refused: Refusal[] = [];
        for (const item of expandChanges(decodeFrame(data, { maxBytes: 1e8, schema: changes }))) {
          if (item.seq <= portal.last) continue;
          const no = refuse?.(item);
          if (no !== undefined) refused.push({ seq: item.seq, ...no });
          else take(portal, item);
          portal.last = item.seq;
        }
        capture.applyRefusals(refused);
        store.outbox.ack(portal.last);
      }
    },
  };
  return portal;
}

function take(portal: Portal, item: ReturnType<typeof expandChanges> extends Iterable<infer I> ? I : never): void {
  const name = `${item.type}:${item.id}`;
  const parent = item.op === "upsert" ? item.fields.propertyId : undefined;
  if (typeof parent === "string" && !portal.entities.has(`property:${parent}`)) throw new Error(`${name} came before its parent`);
  if (item.op === "delete" && item.type === "property") {
    for (const [child, fields] of portal.entities) {
      if (fields.propertyId === item.id) throw new Error(`${name} was deleted before ${child}`);
    }
  }
  const more = item.op === "delete" ? { reason: item.reason } : item.replaces === undefined ? {} : { replaces: item.replaces };
  portal.log.push({ op: item.op, id: name, seq: item.seq, cause: item.cause, ...more });
  if (item.op === "upsert") portal.entities.set(name, item.fields);
  else portal.entities.delete(name);
}
