/**
 * What a database tells of changes by itself: binlog, logical replication, change tracking. Types, and how often it gives a sign of life. A feed marks keys and nothing else; what is true
 * is read by key (architecture.md, idea 1).
 */
import type { Finding } from "../base/findings.ts";

/** A table whose changes are wanted, as the configuration names it. A table may be asked for twice, with other keys: then each change of it comes for each. */
export interface FeedTable {
  table: string;
  /** Columns that make the signalled key, in the order of the source's key. */
  key: readonly string[];
  /** Columns of the table's own key; the same as `key` but for child tables (touchedBy). */
  own: readonly string[];
}

/** One changed row. A row whose key was changed comes twice: under the key before and the one after. */
export interface FeedChange {
  /** Index of its table among those asked for. */
  table: number;
  /** base/key.ts form; undefined where a part is null, or where the feed tells of a child's own key alone. */
  key: string | undefined;
  own: string | undefined;
}

/** Changes in the order in which they were committed. */
export interface FeedBatch {
  /**
   * Text from which `read` goes on behind these changes. Batches without changes bring positions too, at least every `heartbeatMs`, so that a quiet table's
   * position never falls out of what the server keeps.
   */
  position: string;
  changes: readonly FeedChange[];
  /**
   * Indices of tables that changed in a way that names no rows (TRUNCATE, a statement in place of rows, an altered table): they are to be compared in full.
   */
  untold: readonly number[];
}

/** Longest time between two batches of a feed that lives. */
export const heartbeatMs = 10_000;

/**
 * Its connections are opened with the settings of the reads, and each must ask the server who it is and compare that with what the reads were told
 * (`Connector.identity`): events of one server and reads of another would lose changes. `erp-feed-other-server`, config.
 */
export interface Feed {
  /** Name as in `changes: { feed: NAME }`. */
  readonly name: string;
  /** Why the feed can't be used for these tables, or may not be for long; each with the statement a DBA would run. An error among them: it can't. */
  check(tables: readonly FeedTable[], signal: AbortSignal): Promise<Finding[]>;
  /** Position from which on everything is told that is committed from now on. May prepare the server for it where nothing but our own account's right is needed (a slot). */
  begin(tables: readonly FeedTable[], signal: AbortSignal): Promise<string>;
  /**
   * Everything behind the position, without end. Asking for the next batch says that the position of the last one is stored: only then may the server be
   * told that it need not keep it. A change may be told before its row is visible, and may be told again.
   * @throws FuserError `history-lost` with code `erp-feed-gap` where the server no longer keeps what follows the position (purged, dropped, cleaned up): only
   *   signals are lost, and a full compare makes up for them. `history-lost` with another code where the position is ahead of the server, or of another
   *   history: a restored or another server. `config` where rights or settings were taken away.
   */
  read(tables: readonly FeedTable[], position: string, signal: AbortSignal): AsyncIterable<FeedBatch>;
  /**
   * Per table a text that is another one once its rows have changed; the same text proves nothing. Cheap: no count of rows. By this and the feed's silence a
   * dead feed is told from a quiet table. Undefined where the server can't tell of a table.
   */
  marks(tables: readonly FeedTable[], signal: AbortSignal): Promise<readonly (string | undefined)[]>;
  /** What the server keeps for this feed until it is read or dropped, where it keeps anything (a slot). Undefined: nothing of ours. */
  kept?(signal: AbortSignal): Promise<FeedKept | undefined>;
  /**
   * Removes what the server keeps for this feed: done by `erpfuser feed drop`, and by an agent that lives without its feed.
   * @throws FuserError transient while it is being read
   */
  drop?(signal: AbortSignal): Promise<void>;
}

/** What a server keeps for a feed: while nobody reads it, it grows. */
export interface FeedKept {
  /** For people: `the replication slot erpfuser_muster`. */
  what: string;
  bytes: number;
  /** Somebody reads it now. */
  isRead: boolean;
}
