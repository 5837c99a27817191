/** What capture does again and again for each source, and when each is due. */

import { FuserError } from "../../base/errors.ts";
import type { Schedule } from "../../config/config.ts";
import { compareChildren } from "./children.ts";
import type { Drain } from "./drain.ts";
import { readChildren } from "./feed-children.ts";
import type { FeedReader } from "./feed-reader.ts";
import { feedsOf } from "./feed-tables.ts";
import { signalsOf } from "./history-signs.ts";
import { checkIdentity } from "./identity.ts";
import type { Task } from "./lane.ts";
import { settleGuards } from "./lost-history.ts";
import { owedDue } from "./owed-compares.ts";
import type { Room } from "./parts.ts";
import { scanSource } from "./scan.ts";
import { nextRun } from "./schedule.ts";
import { createPoller, type Poller } from "./signals.ts";
import type { CapturedSource, ChildTable, CursorSignal } from "./source.ts";
import type { Turn } from "./turn.ts";

const identityEveryMs = 60_000;
/** After a write of our own the last question is so old at the least when the next one is asked: many commands share one. */
const soonMs = 1_000;
/** A clock that goes back by less is waited for. */
const clockStepMs = 60_000;
/** A drain that found no room in the outbox looks again so much later. */
const roomCheckMs = 250;
/** While its feed can't be used a table is compared so often. */
const inPlaceOfFeed: Schedule = { kind: "every", ms: 900_000 };

/** A cursor column with its poller, and the source it marks keys of. */
export interface PolledSignal {
  source: CapturedSource;
  cursor: CursorSignal;
  poller: Poller;
}

/** @param room with the pace of the reads by key */
export function polledSignals(room: Room, drain: Drain): PolledSignal[] {
  return room.sources.flatMap(signalsOf).map((from) => {
    const { source, cursor } = from;
    return { source, cursor, poller: createPoller(room, drain, from) };
  });
}

/** Names, of signals, of compares and of the question who the ERP is, that were asked for out of turn. */
export type Forced = Map<string, "now" | "soon">;

/** A cursor's signal bears its source's own name; the poll that answers one must not cancel the other. */
const compareOf = (name: string): string => `${name}/compare`;

const identityName = "/identity";

export function pollTasks(room: Room, signals: readonly PolledSignal[], forced: Forced): Task[] {
  const polls = signals.map(({ source, cursor, poller }): Task => {
    const due = dueTime(room);
    let last: number | undefined;
    return {
      source: source.mapping.source,
      dueAt() {
        const wish = forced.get(cursor.name);
        if (wish === "now") return 0;
        const turn = due(cursor.every, last);
        return wish === "soon" ? Math.min(turn, (last ?? 0) + soonMs) : turn;
      },
      async run(signal) {
        last = room.clock.now();
        await answering(forced, cursor.name, () => poller.poll(signal));
      },
    };
  });
  return [identityTask(room, forced), ...polls];
}

/** Another database under our feet ends everything: its rows must not be taken for changes of the one we know. */
function identityTask(room: Room, forced: Forced): Task {
  let last = room.clock.now();
  return {
    source: "erp",
    fatal: true,
    dueAt() {
      if (last > room.clock.now() + clockStepMs) return 0;
      return last + (forced.has(identityName) ? soonMs : identityEveryMs);
    },
    async run(signal) {
      room.store.pending.setBack(room.clock.now());
      await answering(forced, identityName, () => checkIdentity(room, signal));
      last = room.clock.now();
    },
  };
}

/**
 * Children first, where a feed told of them: they say which of the source's keys are to be read.
 * @param room with the pace of the reads by key
 */
export function drainTasks(room: Room, drain: Drain, turn: Turn): Task[] {
  const { store } = room;
  const drainTask = (source: CapturedSource, name: string, drainDue: (signal: AbortSignal) => Promise<boolean>): Task => {
    // Of the clock that nobody sets.
    let blockedUntil = Number.NEGATIVE_INFINITY;
    return {
      source: source.mapping.source,
      dueAt() {
        if (!store.sources.get(source.mapping.source).reconciled) return Number.POSITIVE_INFINITY;
        const blockedMs = Math.max(0, blockedUntil - room.clock.monotonic());
        return Math.max(room.clock.now() + blockedMs, store.pending.nextDue(name) ?? Number.POSITIVE_INFINITY);
      },
      async run(signal) {
        if (!(await drainDue(signal))) blockedUntil = room.clock.monotonic() + roomCheckMs;
      },
    };
  };
  const children = room.sources.flatMap((source) =>
    source.children
      .filter(({ feed }) => feed !== undefined)
      .map((child) =>
        drainTask(source, child.name, (signal) =>
          readChildren(room, { source, child }, { turn, mayRead: () => drain.mayRead(), signal }),
        ),
      ),
  );
  const sources = room.sources.map((source) =>
    drainTask(source, source.mapping.source, async (signal) => {
      const through = await drain.source(source, signal);
      if (through) settleGuards(store, source.mapping.source);
      return through;
    }),
  );
  return [...children, ...sources];
}

export interface CompareJoint {
  drain: Drain;
  turn: Turn;
  /** Undefined where no source lives on a feed. */
  feed: FeedReader | undefined;
  signals: readonly PolledSignal[];
  forced: Forced;
}

/** Sources in the order of their ranks, so that the first sync brings parents before children; then the child tables. */
export function compareTasks(room: Room, joint: CompareJoint): Task[] {
  const sources = room.sources.map((source) => sourceCompare(room, source, joint));
  const children = room.sources.flatMap((source) => source.children.map((table) => childCompare(room, source, table, joint)));
  return [...sources, ...children];
}

/** When a table is compared: by its schedule, where that is owed, and more often where its feed can't be used. */
function compareDue(
  room: Room,
  signal: string,
  { schedule, onFeed }: { schedule: Schedule | undefined; onFeed: FeedReader | undefined },
) {
  const due = dueTime(room);
  const dueInstead = dueTime(room);
  let began: number | undefined;
  return {
    began(): void {
      began = room.clock.now();
    },
    at(comparedAt: number | undefined): number {
      const owed = owedDue(room, signal, began);
      // A position taken just now: what it no longer tells has to become visible first.
      if (comparedAt === undefined) return owedDue(room, signal, undefined) ?? 0;
      const instead = onFeed?.isFallenBack() === true ? dueInstead(inPlaceOfFeed, comparedAt) : Number.POSITIVE_INFINITY;
      return Math.min(due(schedule, comparedAt), instead, owed ?? Number.POSITIVE_INFINITY);
    },
  };
}

function sourceCompare(room: Room, source: CapturedSource, { drain, turn, signals, forced, feed }: CompareJoint): Task {
  const name = source.mapping.source;
  const onFeed = feedsOf(source).length === 0 ? undefined : feed;
  const due = compareDue(room, name, { schedule: source.compare, onFeed });
  return {
    source: name,
    dueAt() {
      const { reconciled, comparedAt } = room.store.sources.get(name);
      if (!reconciled || onFeed?.mayCompare() === false || !isKnown(room, source)) return Number.POSITIVE_INFINITY;
      return forced.has(compareOf(name)) ? 0 : due.at(comparedAt);
    },
    run: (signal) =>
      answering(forced, compareOf(name), async (asked) => {
        // A routine compare is told by the journal alone: the log of a healthy day is short.
        const routine = !asked && room.store.sources.get(name).comparedAt !== undefined;
        // The position first: what changes while the compare runs is then seen by a poll.
        for (const one of signals) if (one.source === source) await one.poller.begin(signal);
        if (onFeed?.mayCompare() === false) throw feedNotBegun(name);
        due.began();
        const isFirst = room.store.sources.get(name).comparedAt === undefined;
        const result = await scanSource(room, source, { drain, turn, signal });
        if (isFirst) room.judging?.watched(source);
        settleGuards(room.store, name);
        const held = room.store.quarantine.count(name);
        const counts = { source: name, rows: result.rows, sent: result.sent, unseen: result.unseen, held };
        if (routine) room.log.debug("Compared in full", counts);
        else room.log.info("Compared in full", counts);
        const { keyless } = result;
        if (keyless > 0)
          room.log.warn("Rows without a full key are left out", { source: name, code: "key-empty", count: keyless });
      }),
  };
}

/** What protects persons must know all of them before the first is sent. */
function isKnown({ judging }: Room, source: CapturedSource): boolean {
  return judging?.roleOf(source) !== "protects" || judging.isGathered(source);
}

function feedNotBegun(place: string): FuserError {
  return new FuserError("transient", "The compare was overtaken by a loss of history", {
    code: "compare-overtaken",
    operation: "compare in full",
    place,
    hint: "It begins anew by itself",
  });
}

function childCompare(room: Room, source: CapturedSource, table: ChildTable, { forced, feed }: CompareJoint): Task {
  const onFeed = table.feed === undefined ? undefined : feed;
  const due = compareDue(room, table.name, { schedule: table.compare, onFeed });
  return {
    source: source.mapping.source,
    dueAt() {
      // The parents' own compare comes first: it brings what the children say.
      if (room.store.sources.get(source.mapping.source).comparedAt === undefined) return Number.POSITIVE_INFINITY;
      if (onFeed?.mayCompare() === false) return Number.POSITIVE_INFINITY;
      return forced.has(compareOf(table.name)) ? 0 : due.at(room.store.sources.get(table.name).comparedAt);
    },
    run: (signal) =>
      answering(forced, compareOf(table.name), async () => {
        due.began();
        await compareChildren(room, source, table, signal);
      }),
  };
}

/** Does what was asked for out of turn; a wish whose fulfilment failed still stands. One that comes meanwhile is another one. */
async function answering(forced: Forced, name: string, run: (asked: boolean) => Promise<unknown>): Promise<void> {
  const asked = forced.get(name);
  forced.delete(name);
  try {
    await run(asked === "now");
  } catch (error) {
    if (asked !== undefined && !forced.has(name)) forced.set(name, asked);
    throw error;
  }
}

/** After a write of our own: the ERP's position and the source's marks have gone on, and a restore to just before it is seen by those alone that we know. */
export function lookSoon(forced: Forced, source: CapturedSource): void {
  for (const name of [identityName, ...signalsOf(source).map(({ cursor }) => cursor.name)])
    if (!forced.has(name)) forced.set(name, "soon");
}

/** Remembers the last answer: a cron line is not read anew at each look. */
function dueTime(room: Room): (schedule: Schedule | undefined, last: number | undefined) => number {
  let known: { last: number | undefined; due: number } | undefined;
  return (schedule, last) => {
    // The clock was set back: what was done in a time still to come says nothing.
    if (last !== undefined && last > room.clock.now() + clockStepMs) return 0;
    if (known === undefined || known.last !== last) {
      const never = last === undefined ? 0 : Number.POSITIVE_INFINITY;
      known = { last, due: schedule === undefined ? never : nextRun(schedule, last, room.timezone) };
    }
    return known.due;
  };
}

/** What `syncNow` asks for. */
export function force(
  forced: Forced,
  source: CapturedSource,
  { full, feed }: { full: boolean; feed: FeedReader | undefined },
): void {
  for (const { cursor } of signalsOf(source)) forced.set(cursor.name, "now");
  const isTold = source.feed !== undefined && feed?.isFallenBack() === false;
  if (!full && (source.cursor !== undefined || isTold)) return;
  forced.set(compareOf(source.mapping.source), "now");
  for (const child of source.children) forced.set(compareOf(child.name), "now");
}
