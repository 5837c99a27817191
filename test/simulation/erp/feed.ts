/** The simulated ERP's own feed as one agent's process reads it: late or early, twice, in pieces, with or without the keys of children's parents. */
import { FuserError } from "../../../base/errors.ts";
import { encodeKey } from "../../../base/key.ts";
import { type Feed, type FeedBatch, type FeedChange, type FeedTable, heartbeatMs } from "../../../connectors/feed.ts";
import type { Chance } from "../world/chance.ts";
import type { Process } from "../world/time.ts";
import { transient } from "./calls.ts";
import type { Reader } from "./feed-log.ts";
import type { TableName } from "./schema.ts";
import type { ErpServer, Row } from "./server.ts";

export interface FeedParts {
  server: ErpServer;
  process: Process;
  chance: Chance;
  call: <T>(signal: AbortSignal, work: () => T) => Promise<T>;
}

const mostEntries = 20;
const refusal = "The account may not read the feed";
const remedy = "GRANT REPLICATION SLAVE ON *.* TO fuser";

export function simulatedFeed({ server, process, chance, call }: FeedParts): Feed {
  const { clock } = process;
  const { log } = server;
  // Some feeds tell of a child no more than its own key.
  const ownOnly = chance.hits(0.5);
  const requireOpen = (): void => {
    if (log.refused)
      throw new FuserError("config", refusal, { code: "erp-feed-refused", operation: "read the feed", hint: remedy });
    if (log.away) throw transient("erp-unreachable", "The feed does not answer");
  };
  const requireKept = (history: number, at: number): void => {
    if (history !== log.history || at > server.position) throw lost("erp-feed-other-history", "The feed is of another history");
    if (at < log.kept) throw lost("erp-feed-gap", "The feed was purged");
  };

  return {
    name: "binlog",
    check: (_, signal) =>
      call(signal, () =>
        log.refused ? [{ severity: "error", code: "erp-feed-refused", place: "ERP", message: refusal, remedy } as const] : [],
      ),
    begin: (_, signal) =>
      call(signal, () => {
        requireOpen();
        return `${log.history}:${server.position}`;
      }),
    marks: (tables, signal) => call(signal, () => tables.map(({ table }) => String(log.count(table as TableName)))),
    async *read(tables, position, signal) {
      const [history = 0, from = 0] = position.split(":").map(Number);
      await call(signal, () => {
        requireOpen();
        requireKept(history, from);
      });
      const { incarnation } = server;
      const { breaks } = log;
      const reader: Reader = { mood: "well" };
      log.readers.add(reader);
      try {
        // As real ones do: it tells that the feed lives.
        yield { position, changes: [], untold: [] };
        let at = from;
        for (let heardAt = clock.monotonic(); ; ) {
          await clock.sleep(1 + chance.next() ** 3 * 1_500, signal);
          if (!server.up || server.incarnation !== incarnation || log.breaks !== breaks)
            throw transient("erp-connection-lost", "The ERP's connection was lost");
          const news = reader.mood === "well" ? log.after(at).slice(0, chance.whole(1, mostEntries)) : [];
          const isBeat = clock.monotonic() >= heardAt + heartbeatMs / 2 && reader.mood !== "deaf";
          if (news.length === 0 && !isBeat) continue;
          // What was told before may be told again, but not for ever.
          const told =
            news.length > 0 && chance.hits(0.1) ? [...log.after(at - 3).filter((entry) => entry.position <= at), ...news] : news;
          at = news.at(-1)?.position ?? (reader.mood === "well" ? server.position : at);
          heardAt = clock.monotonic();
          yield batchOf(tables, told, { position: `${history}:${at}`, ownOnly });
        }
      } finally {
        log.readers.delete(reader);
      }
    },
  };
}

type Told = ReturnType<ErpServer["log"]["after"]>;

function batchOf(
  tables: readonly FeedTable[],
  told: Told,
  { position, ownOnly }: { position: string; ownOnly: boolean },
): FeedBatch {
  const changes: FeedChange[] = [];
  const untold = new Set<number>();
  for (const entry of told) {
    for (const [index, { table, key, own }] of tables.entries()) {
      for (const change of entry.changes) {
        if (change.table !== table) continue;
        if (entry.untold) untold.add(index);
        else
          for (const row of [change.before, change.row]) {
            if (row === undefined) continue;
            const isHidden = ownOnly && key.join() !== own.join();
            changes.push({ table: index, key: isHidden ? undefined : keyIn(row, key), own: keyIn(row, own) });
          }
      }
    }
  }
  return { position, changes, untold: [...untold] };
}

function keyIn(row: Row, columns: readonly string[]): string | undefined {
  const values = columns.map((name) => row[name] ?? null);
  return values.includes(null) ? undefined : encodeKey(values.map(String));
}

const lost = (code: string, message: string): FuserError =>
  new FuserError("history-lost", message, { code, operation: "read the feed" });
