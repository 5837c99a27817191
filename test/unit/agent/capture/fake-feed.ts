// A feed in memory over the ERP in memory: what it tells, what it keeps and when it fails is the test's to say.
import { FuserError } from "../../../../base/errors.ts";
import type { Finding } from "../../../../base/findings.ts";
import type { Clock } from "../../../../base/time.ts";
import { type Feed, type FeedBatch, type FeedChange, type FeedTable, heartbeatMs } from "../../../../connectors/feed.ts";
import type { ErpRow, FakeErp, TableName } from "./fake-erp.ts";

type Told = { table: TableName; key: string; parents: readonly (string | null)[] } | { untold: TableName };

type FailsAt = "check" | "begin" | "read";

export interface FakeFeed {
  name: string;
  on(clock: Clock): Feed;
  /** Changes the ERP, and tells of it. */
  put(table: TableName, key: string, row: Omit<ErpRow, "stamp">): void;
  remove(table: TableName, key: string): void;
  /** The table changed in a way that names no row. */
  untold(table: TableName): void;
  /** Tells of a row again, or of one that changed unseen. */
  tell(table: TableName, key: string, parents?: readonly (string | null)[]): void;
  /** Whoever reads it now must open it anew. */
  breakOff(): void;
  /** What was told until now is no longer kept. */
  purge(): void;
  /** Says nothing of these tables, and lives. */
  mute: Set<TableName>;
  /** Says nothing at all, not even that it lives. */
  deaf: boolean;
  /** Tells of children by their own key alone. */
  ownOnly: boolean;
  /** Identity of the history. */
  history: string;
  findings: Finding[];
  /** Thrown by what is asked next, again and again. */
  failure: { at: FailsAt; error: FuserError } | undefined;
  /** Thrown by each drop. */
  undroppable: FuserError | undefined;
  /** By table; a test may change them without a change. */
  marks: Record<TableName, number>;
  /** Positions from which it was read, and how often it was begun. */
  reads: string[];
  begun: number;
  /** What the server keeps for it, from its beginning until it is dropped; undefined: nothing. */
  kept: { bytes: number; isRead: boolean } | undefined;
  dropped: number;
  /** Called with a batch's position as the next one is asked for. */
  onAsk: (position: string) => void;
}

export function fakeFeed(erp: FakeErp): FakeFeed {
  const log: Told[] = [];
  let oldest = 0;
  let breaks = 0;
  const listeners = new Set<() => void>();
  const append = (told: Told): void => {
    log.push(told);
    for (const listener of [...listeners]) listener();
  };
  const feed: FakeFeed = {
    name: "log",
    mute: new Set(),
    deaf: false,
    ownOnly: false,
    history: "h1",
    findings: [],
    failure: undefined,
    marks: { parents: 0, children: 0 },
    reads: [],
    begun: 0,
    kept: undefined,
    dropped: 0,
    undroppable: undefined,
    onAsk: () => {},
    put(table, key, row) {
      const before = erp.tables[table].get(key)?.parent;
      erp.put(table, key, row);
      feed.marks[table] += 1;
      feed.tell(table, key, before === undefined ? [row.parent] : [before, row.parent]);
    },
    remove(table, key) {
      const before = erp.tables[table].get(key)?.parent;
      erp.remove(table, key);
      feed.marks[table] += 1;
      feed.tell(table, key, [before ?? null]);
    },
    untold(table) {
      feed.marks[table] += 1;
      append({ untold: table });
    },
    tell: (table, key, parents = [erp.tables[table].get(key)?.parent ?? null]) => append({ table, key, parents }),
    breakOff() {
      breaks += 1;
      for (const listener of [...listeners]) listener();
    },
    purge() {
      oldest = log.length;
    },
    on: (clock) => ({
      name: feed.name,
      async check() {
        fail("check");
        return feed.findings;
      },
      async begin() {
        fail("begin");
        feed.begun += 1;
        feed.kept = { bytes: 0, isRead: false };
        return `${feed.history}:${log.length}`;
      },
      kept: async () => feed.kept && { what: "the log's keeper", ...feed.kept },
      async drop() {
        if (feed.undroppable !== undefined) throw feed.undroppable;
        feed.dropped += 1;
        feed.kept = undefined;
      },
      marks: async (tables) => tables.map(({ table }) => String(feed.marks[table as TableName])),
      async *read(tables, position, signal) {
        feed.reads.push(position);
        const [history, number] = position.split(":");
        let at = Number(number);
        if (history !== feed.history) throw lost("erp-feed-other-history", "The feed is of another history");
        if (at < oldest) throw lost("erp-feed-gap", "The log was purged");
        // As real ones do: it tells that the feed lives.
        if (!feed.deaf) yield batchOf([], tables, position);
        const opened = breaks;
        for (;;) {
          fail("read");
          if (breaks !== opened)
            throw new FuserError("transient", "It broke off", { code: "erp-connection-lost", operation: "read the feed" });
          const news = feed.deaf ? [] : log.slice(at);
          if (news.length === 0) {
            const beats = await somethingOrBeat(clock, signal);
            if (feed.deaf || !beats) continue;
          }
          at += news.length;
          yield batchOf(news, tables, `${feed.history}:${at}`);
          feed.onAsk(`${feed.history}:${at}`);
        }
      },
    }),
  };
  const fail = (at: FailsAt): void => {
    if (feed.failure?.at === at) throw feed.failure.error;
  };
  /** True: time for a sign of life. */
  const somethingOrBeat = (clock: Clock, signal: AbortSignal): Promise<boolean> =>
    new Promise((resolve, reject) => {
      const end = (finish: () => void): void => {
        cancel();
        listeners.delete(onNews);
        signal.removeEventListener("abort", onAbort);
        finish();
      };
      const onNews = (): void => end(() => resolve(false));
      const onAbort = (): void => end(() => reject(signal.reason));
      const cancel = clock.after(heartbeatMs, () => end(() => resolve(true)));
      listeners.add(onNews);
      signal.addEventListener("abort", onAbort, { once: true });
      if (signal.aborted) onAbort();
    });
  const batchOf = (news: readonly Told[], tables: readonly FeedTable[], position: string): FeedBatch => {
    const changes: FeedChange[] = [];
    const untold: number[] = [];
    for (const told of news) {
      for (const [index, { table, key }] of tables.entries()) {
        if ("untold" in told) {
          if (told.untold === table) untold.push(index);
        } else if (told.table === table && !feed.mute.has(told.table)) {
          const { key: own, parents } = told;
          if (key[0] === "key") changes.push({ table: index, key: own, own });
          else if (feed.ownOnly) changes.push({ table: index, key: undefined, own });
          else for (const parent of parents) changes.push({ table: index, key: parent ?? undefined, own });
        }
      }
    }
    return { position, changes, untold };
  };
  return feed;
}

const lost = (code: string, message: string): FuserError =>
  new FuserError("history-lost", message, { code, operation: "read the feed" });
