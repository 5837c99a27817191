/**
 * Brings what is journaled into the tables, in short steps between which the event loop is free. While much comes in it stays back, so that acks come first;
 * it does not when someone waits to read the tables, or once much has gathered.
 */
import { describeError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { Clock } from "../base/time.ts";
import { expandChanges, type NumberedItem } from "../protocol/changes.ts";
import { readFrame } from "../protocol/frames.ts";
import type { Changes } from "../protocol/messages.ts";
import type { Entities } from "./entities.ts";
import type { Entry, Journal } from "./journal.ts";
import type { Store } from "./store.ts";

/** Items of one step: some milliseconds of work. */
const itemsPerStep = 500;
/** What came within so many milliseconds is applied together. */
const togetherMs = 20;
/** Items within a second from which on much comes, and for how long nothing must come then: an agent in its first sync rests for its own commits. */
const muchPerSecond = 2_000;
const quietMs = 250;
/** After a step that failed, milliseconds. */
const retryMs = 1_000;

export interface ApplyParts {
  store: Store;
  journal: Journal;
  entities: Entities;
  clock: Clock;
  log: Log;
  /** Bytes of the journal past which it no longer waits for quiet. */
  patientBytes: number;
}

export interface Apply {
  /** So many items were journaled just now. */
  busy(items: number): void;
  /** Resolves once all that is journaled now, of one agent or of all, stands in the tables; rejects when this ends before. */
  settled(agentId?: string): Promise<void>;
  /** The same at once, however much there is. */
  settleNow(): void;
  /** Called after each step. */
  onStep(listener: () => void): void;
  /** Applies all that is left and takes no further step. What fails now stays journaled for the next start. */
  finish(): Promise<void>;
}

interface Waiter {
  agentId: string | undefined;
  resolve: () => void;
  reject: (error: Error) => void;
}

export function createApply(parts: ApplyParts): Apply {
  const { journal, clock, log } = parts;
  const waiters = new Set<Waiter>();
  const listeners: (() => void)[] = [];
  const step = createStep(parts);
  let busyAt = Number.NEGATIVE_INFINITY;
  /** Items since the beginning of the present second. */
  let second = { from: Number.NEGATIVE_INFINITY, items: 0 };
  let muchAt = Number.NEGATIVE_INFINITY;
  let cancel: (() => void) | undefined;
  /** `finishing`: the last steps; one that fails ends it. */
  let state: "running" | "finishing" | "ended" = "running";

  const isSettled = (agentId: string | undefined): boolean =>
    agentId === undefined ? journal.bytes === 0 : !journal.holds(agentId);
  const preferred = (): string | undefined => {
    for (const { agentId } of waiters) if (agentId !== undefined) return agentId;
    return undefined;
  };
  const wakeWaiters = (): void => {
    for (const waiter of waiters) {
      if (!isSettled(waiter.agentId)) continue;
      waiters.delete(waiter);
      waiter.resolve();
    }
  };
  const plan = (ms: number): void => {
    if (state !== "ended") cancel ??= clock.after(ms, turn);
  };
  const hurry = (): void => {
    cancel?.();
    cancel = undefined;
    plan(0);
  };
  const turn = (): void => {
    cancel = undefined;
    if (journal.bytes === 0) return;
    const quiet = busyAt + quietMs - clock.monotonic();
    const muchComes = busyAt - muchAt < 1_000;
    if (quiet > 0 && muchComes && waiters.size === 0 && journal.bytes < parts.patientBytes) {
      plan(quiet);
      return;
    }
    try {
      step(preferred());
    } catch (error) {
      log.error(`The journal can't be applied: ${describeError(error)}`, { code: "portal-failed" });
      if (state === "finishing") end();
      plan(retryMs);
      return;
    }
    wakeWaiters();
    plan(0);
    for (const listener of listeners) listener();
  };
  const settled = (agentId?: string): Promise<void> => {
    if (isSettled(agentId)) return Promise.resolve();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    waiters.add({ agentId, resolve, reject });
    hurry();
    return promise;
  };
  const end = (): void => {
    state = "ended";
    cancel?.();
    for (const waiter of waiters) waiter.reject(new Error("The portal stops."));
    waiters.clear();
  };
  plan(0);

  return {
    busy(items) {
      busyAt = clock.monotonic();
      if (busyAt - second.from >= 1_000) second = { from: busyAt, items: 0 };
      second.items += items;
      if (second.items >= muchPerSecond) muchAt = busyAt;
      plan(togetherMs);
    },
    settled,
    settleNow() {
      while (journal.bytes > 0) step(undefined);
      wakeWaiters();
    },
    onStep: (listener) => void listeners.push(listener),
    async finish() {
      state = "finishing";
      await settled().catch(() => {});
      end();
    },
  };
}

/** An entry and how many of its items are applied: a long frame takes several steps, and is read once. */
interface Open {
  entry: Entry;
  items: readonly NumberedItem[];
  done: number;
}

/** One step: oldest entries first, those of `preferred` before all others, in a transaction that may be taken back: the journal still holds them then. */
function createStep({ store, journal, entities }: ApplyParts): (preferred: string | undefined) => void {
  let rest: Open | undefined;
  return (preferred) => {
    const before = rest;
    rest = undefined;
    const finished: string[] = [];
    let unfinished: Open | undefined;
    let room = itemsPerStep;
    store.repeatable(() => {
      for (const agentId of new Set([...(preferred === undefined ? [] : [preferred]), ...journal.agents()])) {
        for (let index = 0; index < journal.count(agentId); index++) {
          const entry = journal.entry(agentId, index);
          // Another gateway on the same store may have been quicker.
          if (entry === undefined) {
            finished.push(agentId);
            continue;
          }
          const open = before?.entry.n === entry.n ? before : { entry, items: acceptedItems(entry), done: 0 };
          const end = Math.min(open.items.length, open.done + room);
          for (let at = open.done; at < end; at++) entities.apply(entry, open.items[at] as NumberedItem);
          room -= end - open.done;
          if (end < open.items.length) {
            journal.advance(entry.n, (open.items[end] as NumberedItem).seq);
            unfinished = { ...open, done: end };
            return;
          }
          journal.drop(entry.n);
          finished.push(agentId);
        }
      }
    });
    for (const agentId of finished) journal.dropped(agentId);
    rest = unfinished;
  };
}

function acceptedItems(entry: Entry): NumberedItem[] {
  const refused = new Set(entry.refused);
  return [...expandChanges(readFrame(entry.frame) as Changes)].filter(({ seq }) => seq >= entry.first && !refused.has(seq));
}
