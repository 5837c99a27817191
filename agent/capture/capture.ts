/**
 * Capture: notices what changed in the ERP and brings it into the outbox. Loops beside each other, that meet in the store alone: polls of cursor
 * columns and the reader of the database's feed mark keys, compares suspect keys, and the drain reads them.
 */

import { describeError, FuserError } from "../../base/errors.ts";
import { repeat } from "../../base/loop.ts";
import type { Clock } from "../../base/time.ts";
import type { Refusal } from "../../protocol/messages.ts";
import { checkTasks } from "./check-tasks.ts";
import { columnTasks, type Silent } from "./column-silence.ts";
import { decideGuard, release } from "./decisions.ts";
import { createDoorbell } from "./doorbell.ts";
import { createDrain, type ReadBack } from "./drain.ts";
import { factTasks } from "./facts-pass.ts";
import { createFailures, type Failures } from "./failures.ts";
import { leaveFeed } from "./feed-covers.ts";
import { leaveUnused } from "./feed-kept.ts";
import { createFeedReader, type FeedStatus } from "./feed-reader.ts";
import { feedPlan } from "./feed-tables.ts";
import { leaveFacts, takeFingerprint } from "./fingerprint.ts";
import { checkIdentity } from "./identity.ts";
import { createJudging } from "./judging.ts";
import { type LaneParts, runLane } from "./lane.ts";
import { remapUsers } from "./lookup-uses.ts";
import { compareOnReturn } from "./on-return.ts";
import { createPace } from "./pace.ts";
import type { CaptureParts, Room } from "./parts.ts";
import { type Inventory, needsReconcile, reconcile } from "./reconcile.ts";
import { createRefusals } from "./refusals.ts";
import { type SourceStatus, sourceStatuses } from "./status.ts";
import { type Announcement, announce } from "./successions.ts";
import { compareTasks, drainTasks, type Forced, force, lookSoon, polledSignals, pollTasks } from "./tasks.ts";
import { createTurn } from "./turn.ts";

export interface Capture {
  /**
   * Runs until the signal aborts, then returns normally.
   * @throws FuserError `erp-other-database`, and whatever is a bug
   */
  run(signal: AbortSignal): Promise<void>;
  /**
   * Reads one key that we have just written; returns the number under which its state travels, undefined while nothing may be read or nothing of it is on its way.
   * `within`: see drain.ts.
   */
  readBack(source: string, key: string, signal: AbortSignal, within?: ReadBack["within"]): Promise<number | undefined>;
  /**
   * Polls a source (or all) now, or compares it in full; a source without cursor column or feed is always compared. What waits after a failure is tried at
   * once. Returns the names concerned.
   */
  syncNow(source: string | undefined, full: boolean): string[];
  /** The outside changed: the channel is back, or a guard was decided. */
  wake(): void;
  /** Asks the ERP who it is, and acts upon a history that went back. @throws FuserError transient, `erp-other-database` */
  askIdentity(signal: AbortSignal): Promise<void>;
  /** The ERP answers again after it was away. */
  erpReturned(): void;
  applyRefusals(refused: readonly Refusal[]): void;
  /** Rows of a lookup have changed, by which rows are mapped from now on: whoever asked for them is read again. Returns how many that are. */
  remap(changed: { lookup: string; rows: readonly string[] | "all" }, signal: AbortSignal): Promise<number>;
  decideGuard(guard: number, decision: "approve" | "reject"): number;
  release(source: string, key?: string): number;
  /** Notes which keys of a source go over into which. Returns how many. */
  announce(source: string, announced: Announcement): number;
  needsReconcile(): boolean;
  reconcile(inventory: Inventory, signal: AbortSignal): Promise<number>;
  status(): SourceStatus[];
  /** Whether the rules of quality know all that they stand on, and have judged everything by it. */
  isJudged(): boolean;
  /** How the database's own feed stands; undefined where no source lives on it. */
  feed(): FeedStatus | undefined;
}

/** Between two tries to reach the ERP at the start. */
const backoff = { minMs: 1_000, maxMs: 60_000 };

export function createCapture(parts: CaptureParts): Capture {
  const limits = { gentle: parts.gentle ?? false, rowsPerSecond: parts.rowsPerSecond };
  const sources = [...parts.sources].sort((one, other) => one.mapping.rank - other.mapping.rank);
  const room: Room = {
    ...parts,
    sources,
    log: parts.log.part("capture"),
    pace: createPace(parts.clock, { ...limits, reads: "stream" }),
    judging: parts.quality && createJudging(parts, parts.quality),
    byName: new Map(sources.map((source) => [source.mapping.source, source])),
  };
  const turn = createTurn();
  // Reads by key are paid for by themselves: a compare that has used up its share must not hold up a single change.
  const byKey: Room = { ...room, pace: createPace(parts.clock, { ...limits, reads: "keys" }) };
  const drain = createDrain(byKey, turn);
  const failures = createFailures(room);
  const signals = polledSignals(byKey, drain);
  const plan = feedPlan(sources);
  const feed = plan && createFeedReader(room, plan, parts.connector.feed);
  const forced: Forced = new Map();
  const facts = factTasks(room, drain);
  const silent: Silent = new Set();
  const lanes = [
    { ...laneOwn(parts.clock), isOpen: () => true, together: true, tasks: pollTasks(room, signals, forced) },
    { ...laneOwn(parts.clock), isOpen: () => drain.mayRead(), tasks: drainTasks(byKey, drain, turn) },
    {
      ...laneOwn(parts.clock),
      isOpen: () => drain.mayRead(),
      tasks: [
        ...facts.before,
        ...compareTasks(room, { drain, turn, signals, forced, feed }),
        ...facts.after,
        ...columnTasks(room, silent),
        ...checkTasks(room, drain),
      ],
    },
  ];
  const wake = (): void => {
    for (const lane of lanes) lane.bell.ring();
  };

  return {
    async run(signal) {
      await identityWithRetry(room, signal);
      if (signal.aborted) return;
      parts.store.pending.setBack(parts.clock.now());
      leaveFeed(room, plan);
      const unused = plan === undefined ? parts.connector.feed : undefined;
      const stopListening = parts.store.pending.onMark(() => lanes[1]?.bell.ring());
      const stop = new AbortController();
      const all = AbortSignal.any([signal, stop.signal]);
      const loops = [
        ...lanes.map((lane) => runLane({ ...lane, ...laneParts(room, failures, wake) }, all)),
        ...(feed === undefined ? [] : [feed.run(all)]),
      ];
      const running = [
        ...loops.map((loop) => loop.finally(() => stop.abort())),
        ...(unused === undefined ? [] : [leaveUnused(room, unused, all)]),
      ];
      try {
        await Promise.all(running);
      } finally {
        stopListening();
        stop.abort();
        await Promise.allSettled(running);
      }
    },
    readBack(source, key, signal, within) {
      const found = room.byName.get(source);
      if (found === undefined) return Promise.resolve(undefined);
      lookSoon(forced, found);
      lanes[0]?.bell.ring();
      return drain.readBack(found, key, { signal, within });
    },
    syncNow(source, full) {
      const wanted = sources.filter(({ mapping }) => source === undefined || mapping.source === source);
      for (const one of wanted) force(forced, one, { full, feed });
      // Who asks may just have mended what failed.
      for (const lane of lanes) lane.waits.clear();
      feed?.wake();
      wake();
      return wanted.map(({ mapping }) => mapping.source);
    },
    wake,
    async askIdentity(signal) {
      await checkIdentity(room, signal);
    },
    erpReturned: () => compareOnReturn(room),
    applyRefusals: createRefusals(room),
    remap: (changed, signal) => remapUsers(room, changed, signal),
    decideGuard: (guard, decision) => decideGuard(room, guard, decision),
    release: (source, key) => release(room, source, key),
    announce: (source, announced) => announce(room, source, announced),
    needsReconcile: () => needsReconcile(room),
    async reconcile(inventory, signal) {
      const held = await reconcile(room, inventory, signal);
      wake();
      return held;
    },
    status: () => sourceStatuses(room, failures.bySource, { feed: feed?.status(), silent }),
    isJudged: () => room.judging?.isThrough() ?? true,
    feed: () => feed?.status(),
  };
}

function laneOwn(clock: Clock): Pick<LaneParts, "bell" | "waits"> {
  return { bell: createDoorbell(clock), waits: new Map() };
}

function laneParts(
  room: Room,
  failures: Failures,
  wake: () => void,
): Pick<LaneParts, "clock" | "random" | "onError" | "onSuccess"> {
  return {
    clock: room.clock,
    random: room.random,
    onError(task, error) {
      failures.failed(task, error);
      wake();
    },
    onSuccess: (task) => failures.succeeded(task),
  };
}

/** The ERP must be the one we know before anything of it is taken for a change. */
async function identityWithRetry(room: Room, signal: AbortSignal): Promise<void> {
  let told = false;
  await repeat({
    clock: room.clock,
    random: room.random,
    signal,
    backoff,
    async step(inner) {
      await checkIdentity(room, inner);
      leaveFacts(room);
      for (const source of room.sources) takeFingerprint(room, source);
      return "stop";
    },
    onError(error) {
      if (!told) room.log.warn(describeError(error), { code: error instanceof FuserError ? error.code : "bug" });
      told = true;
    },
  });
}
