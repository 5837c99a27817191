/** What every file of capture is given: all of it comes from outside. */
import type { Log } from "../../base/log.ts";
import type { Clock, Random } from "../../base/time.ts";
import type { Connector } from "../../connectors/connector.ts";
import type { EntityText, FieldNames } from "../../protocol/entity-text.ts";
import type { Quality } from "../quality/judged.ts";
import type { Store } from "../store/store.ts";
import type { Judging } from "./judging.ts";
import type { Pace } from "./pace.ts";
import type { Checks } from "./portal-view.ts";
import type { Window } from "./schedule.ts";
import type { CapturedSource } from "./source.ts";

/** How far a compare is. */
export interface Progress {
  source: string;
  /** `sync` until the source was compared once. */
  kind: "sync" | "compare";
  rows: number;
  /** An estimate; undefined where the ERP gives none. */
  total: number | undefined;
  rowsPerSecond: number;
  done: boolean;
}

export type ReadingConnector = Pick<
  Connector,
  "dialect" | "identity" | "scan" | "readKeys" | "changedSince" | "changedRows" | "feed"
> &
  Partial<Pick<Connector, "aggregate">>;

/** What a guard counts. */
export type GuardedKind = "deletes" | "emptied" | "moved";

/** Changes of a kind that are about to be believed: how many of a source wait, went within the hour, and of how many entities. */
export interface GuardedCount {
  waiting: number;
  recent: number;
  of: number;
}

export interface CaptureParts {
  connector: ReadingConnector;
  sources: readonly CapturedSource[];
  /** Sources of which nothing is read, because the ERP's schema lacks what they need: for the status alone. */
  stopped?: readonly { source: string; type: string }[];
  /** Told of a failure that only a person can mend, as a changed schema is at first. */
  onConfigFailure?: () => void;
  store: Store;
  clock: Clock;
  random: Random;
  log: Log;
  /** Digest of an entity (protocol/digest.ts). */
  digest: (text: EntityText) => bigint;
  /** The same of values that are bytes. */
  digestWritten: (names: FieldNames, values: Uint8Array) => bigint;
  /** False while the channel is offline: nothing is read then. */
  mayRead: () => boolean;
  /** The guards (agent/quality/guards.ts): true when so many need approval. */
  exceedsGuard: (kind: GuardedKind, count: GuardedCount) => boolean;
  /** The rules that look at what is read; absent: everything is sent as it stands. */
  quality?: Quality | undefined;
  onProgress?: (progress: Progress) => void;
  /** Estimated rows of a source, for progress. */
  estimateRows?: (source: string) => number | undefined;
  /** IANA name: what local times of the ERP and cron lines mean. */
  timezone: string;
  /**
   * A row may become visible some time after its signal (facts.md, "Feed before visibility": 10 ms on MariaDB; the lag of a replica), so a key is read a
   * second time after this wait, and an empty read counts only when it is confirmed by another one.
   */
  confirmAfterMs: number;
  blackout: readonly Window[];
  /** How what the portal holds is checked; absent: never. */
  checks?: Checks | undefined;
  /** Reads rest so that the ERP's own work does not suffer; default false. */
  gentle?: boolean;
  rowsPerSecond: number | undefined;
}

/** The parts as they are shared inside. */
export interface Room extends CaptureParts {
  pace: Pace;
  judging: Judging | undefined;
  /** Source by name. */
  byName: ReadonlyMap<string, CapturedSource>;
}
