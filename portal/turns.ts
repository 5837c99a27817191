/**
 * The gateway's turns: frames that arrived meanwhile, over all links, go into one commit, and only then are they acked. Links take turns by the frame, and a
 * commit is bounded, so that nobody waits for another's flood.
 */
import { describeError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { Apply } from "./apply.ts";
import type { Arrived } from "./arrived.ts";
import { type CommitParts, type Committed, commit, type Offer } from "./commit.ts";
import { entryBytes } from "./journal.ts";
import type { Hooks, Limits } from "./settings.ts";

/** What one commit takes at the most, beside one frame more: some milliseconds of work, and so many bytes of memory. */
const mostItems = 4_000;
const mostBytes = 4 * 1_048_576;

/** A link, as a turn sees it. */
export interface Taker {
  /**
   * Handles what stands before the next `changes`, then takes that frame; undefined when there is none yet or the link waits for something else. With
   * `committing` other messages wait as well, until the frames before them are committed; with `full` the frame stays where it is: `later`.
   */
  take(now: { committing: boolean; full: boolean }): Arrived | "later" | undefined;
  /** Whose frames these are; undefined where the link was closed meanwhile. */
  offer(frames: readonly Arrived[]): Offer | undefined;
  /** Acks, or closes. The frames behind the first `taken` come again. */
  committed(done: Committed, frames: readonly Arrived[]): void;
  /** Nothing was committed. */
  failed(): void;
}

export interface Turns {
  /** This link has messages. */
  ask(link: Taker): void;
  /** No more turns. */
  stop(): void;
}

export interface TurnParts extends Omit<CommitParts, "refuse"> {
  apply: Apply;
  hooks: Hooks;
  limits: Limits;
  log: Log;
}

export function createTurns(parts: TurnParts): Turns {
  const { clock, apply, journal, limits, log } = parts;
  const due = new Set<Taker>();
  /** Those that wait for room in the journal. */
  const late = new Set<Taker>();
  let cancel: (() => void) | undefined;
  let stopped = false;

  const plan = (): void => {
    if (!stopped && due.size > 0) cancel ??= clock.after(0, turn);
  };
  const gather = (): Map<Taker, Arrived[]> => {
    const group = new Map<Taker, Arrived[]>();
    let items = 0;
    let bytes = 0;
    let journaled = journal.bytes;
    // A set keeps its order: who took a frame goes to the end.
    for (const link of due) {
      due.delete(link);
      const frames = group.get(link);
      const taken = link.take({ committing: frames !== undefined, full: journaled >= limits.journalBytes });
      if (taken === "later") late.add(link);
      if (taken === undefined || taken === "later") continue;
      due.add(link);
      if (frames === undefined) group.set(link, [taken]);
      else frames.push(taken);
      items += taken.items;
      bytes += taken.bytes;
      journaled += taken.raw.length + entryBytes;
      if (items >= mostItems || bytes >= mostBytes) break;
    }
    return group;
  };
  const turn = (): void => {
    cancel = undefined;
    const group = [...gather()].flatMap(([link, frames]) => {
      const offer = link.offer(frames);
      return offer === undefined ? [] : [{ link, offer }];
    });
    if (group.length > 0) commitGroup(group);
    release();
    plan();
  };
  const commitGroup = (group: readonly { link: Taker; offer: Offer }[]): void => {
    let done: Committed[];
    try {
      done = commit(
        { ...parts, refuse: parts.hooks.refuse },
        group.map(({ offer }) => offer),
      );
    } catch (error) {
      log.error(`Frames can't be committed: ${describeError(error)}`, { code: "portal-failed" });
      for (const { link } of group) link.failed();
      return;
    }
    apply.busy(done.reduce((items, { from, last }) => items + last - from, 0));
    group.forEach(({ link, offer }, index) => {
      link.committed(done[index] as Committed, offer.frames);
    });
  };

  /** Who waited for room takes turns again. */
  const release = (): void => {
    if (late.size === 0 || journal.bytes >= limits.journalBytes) return;
    for (const link of late) due.add(link);
    late.clear();
    plan();
  };

  apply.onStep(release);
  return {
    ask(link) {
      due.add(link);
      plan();
    },
    stop() {
      stopped = true;
      cancel?.();
      due.clear();
      late.clear();
    },
  };
}
