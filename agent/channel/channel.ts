/**
 * Keeps the agent connected: one conversation after the other, each resumed where the last one ended. `run` ends only when it is told to, or by an
 * error that its owner does not want to wait out.
 */
import { FuserError, kindOf } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import { type Backoff, backoffDelayMs } from "../../base/loop.ts";
import { formatDuration, type Random } from "../../base/time.ts";
import { type Reaction, reactionTo, reactionToError } from "./ends.ts";
import { type HeldId, type HeldRange, heldIds, heldRanges, type InventoryBounds } from "./inventory.ts";
import type { Connect } from "./link.ts";
import { recall, requestEpoch } from "./memory.ts";
import { Session, type SessionParts, type SessionTiming } from "./session.ts";

/** Where the channel stands; `error` says why it waits. */
export type ChannelState =
  | { name: "stopped" }
  | { name: "connecting" }
  | { name: "connected"; connection: number; since: number }
  /** Comes back by itself at `until` (wall clock, ms). */
  | { name: "waiting"; until: number; error: FuserError | undefined }
  /** Another copy of this agent took over. */
  | { name: "superseded"; until: number; error: FuserError }
  /** Only a person can mend it. */
  | { name: "refused"; until: number; error: FuserError };

export interface ChannelTiming extends SessionTiming {
  backoff: Backoff;
  /**
   * A conversation of this length has shown that the way is good: the next failure backs off from the start, ms. Well below the lives of links that
   * something on the way cuts again and again: each cut would be answered by a longer wait, up to minutes without a link.
   */
  stableMs: number;
}

export const defaultTiming: ChannelTiming = {
  welcomeMs: 30_000,
  statusEveryMs: 2_000,
  answerMs: 120_000,
  askedWithinMs: 60_000,
  backoff: { minMs: 1_000, maxMs: 5 * 60_000 },
  stableMs: 10_000,
};

export interface ChannelParts extends Omit<SessionParts, "timing"> {
  random: Random;
  log: Log;
  connect: Connect;
  /** True ends `run` with this error in place of trying again; by default nothing does. */
  giveUpOn?: (error: FuserError) => boolean;
  /** The state has changed. */
  onState?: (state: ChannelState) => void;
  timing?: Partial<ChannelTiming>;
}

export interface Channel {
  /**
   * Stays connected until `signal` aborts, then says `bye` and returns.
   * @throws an error that `giveUpOn` names; a `bug` of this side
   */
  run(signal: AbortSignal): Promise<void>;
  state(): ChannelState;
  /** The status that the portal shows may have changed. */
  statusChanged(): void;
  /** What the portal holds of a type, page by page in the byte order of the ids. @throws FuserError `link-lost`, `inventory-*` */
  inventory(type: string, bounds: InventoryBounds, signal: AbortSignal): AsyncIterable<readonly HeldId[]>;
  /** The same as digests of ranges of `size` ids. */
  ranges(type: string, bounds: InventoryBounds & { size: number }, signal: AbortSignal): AsyncIterable<readonly HeldRange[]>;
  /** Portal's clock, epoch ms: by the last `welcome`, also of an earlier run; ours where there was none. */
  portalNow(): number;
  /** Whether the portal, on the connection that is up, waits for a result of this command; undefined without a connection and while it may not have said so yet. */
  asks(id: string): boolean | undefined;
  /** Begins a new epoch now, or with the next connection. */
  renewEpoch(): void;
  /** Tries at once in place of waiting, and sends what waits. */
  wake(): void;
}

/** Ids per page of an inventory: some 300 KB of JSON at the most. */
const idsPerPage = 5_000;

export function createChannel(parts: ChannelParts): Channel {
  const { store, clock, random, log, connect } = parts;
  const timing: ChannelTiming = { ...defaultTiming, ...parts.timing };
  let state: ChannelState = { name: "stopped" };
  let session: Session | undefined;
  let portalClock: { portal: number; monotonic: number } | undefined;
  let endWait: (() => void) | undefined;
  let failures = 0;
  let told = "";

  const enter = (next: ChannelState): void => {
    state = next;
    parts.onState?.(next);
  };

  const converse = async (signal: AbortSignal): Promise<Reaction> => {
    enter({ name: "connecting" });
    const current = new Session({
      ...parts,
      timing,
      onWelcome(welcome) {
        portalClock = { portal: Date.parse(welcome.now), monotonic: clock.monotonic() };
        told = "";
        enter({ name: "connected", connection: welcome.connection, since: clock.now() });
        parts.onWelcome?.(welcome);
      },
    });
    session = current;
    try {
      const end = await current.run(connect, signal);
      if (end.streamedMs >= timing.stableMs) failures = 0;
      return reactionTo(end, random);
    } catch (error) {
      if (signal.aborted || kindOf(error) === "bug") throw error;
      return reactionToError(error as FuserError, random);
    } finally {
      session = undefined;
    }
  };

  const rest = async (reaction: Reaction, signal: AbortSignal): Promise<void> => {
    const { error } = reaction;
    failures += 1;
    const ms = reaction.kind === "backoff" ? backoffDelayMs(timing.backoff, failures, random) : reaction.ms;
    const until = clock.now() + ms;
    if (error !== undefined) tell(error, ms);
    if (reaction.kind === "slow") enter({ name: "refused", until, error: reaction.error });
    else if (reaction.kind === "away") enter({ name: "superseded", until, error: reaction.error });
    else enter({ name: "waiting", until, error });
    const early = new AbortController();
    endWait = () => early.abort();
    await clock.sleep(ms, AbortSignal.any([signal, early.signal])).catch(() => undefined);
    endWait = undefined;
  };

  /** The same trouble is told once, not at every try. */
  const tell = (error: FuserError, ms: number): void => {
    const text = `${error.message}${error.hint === undefined ? "" : `. ${error.hint}`}`;
    const fields = {
      code: error.code,
      retryIn: formatDuration(ms),
      ...(error.place === undefined ? {} : { place: error.place }),
    };
    if (text === told) log.debug(text, fields);
    else if (error.kind === "config") log.error(text, fields);
    else log.warn(text, fields);
    told = text;
  };

  const open = (): Session => {
    if (session?.connection !== undefined) return session;
    throw new FuserError("transient", "The portal is not connected", {
      code: "link-lost",
      operation: "speak with the portal",
      hint: "The agent connects again by itself.",
    });
  };

  return {
    async run(signal) {
      const wake = (): void => session?.wake();
      const ends = [store.outbox.onAppend(wake), store.inbox.onChange(wake)];
      try {
        while (!signal.aborted) {
          const reaction = await converse(signal);
          if (signal.aborted) return;
          if (reaction.error !== undefined && parts.giveUpOn?.(reaction.error)) throw reaction.error;
          await rest(reaction, signal);
        }
      } catch (error) {
        if (!signal.aborted) throw error;
      } finally {
        for (const end of ends) end();
        enter({ name: "stopped" });
      }
    },
    state: () => state,
    statusChanged: () => session?.statusChanged(),
    async *inventory(type, bounds, signal) {
      yield* heldIds(open().questions, type, { ...bounds, limit: idsPerPage }, signal);
    },
    async *ranges(type, { size, ...bounds }, signal) {
      yield* heldRanges(open().questions, type, { ...bounds, limit: size }, signal);
    },
    portalNow() {
      if (portalClock !== undefined) return portalClock.portal + clock.monotonic() - portalClock.monotonic;
      return clock.now() + recall(store.meta).clockOffset;
    },
    asks: (id) => session?.asks(id),
    renewEpoch() {
      requestEpoch(store.meta);
      session?.leave("a new epoch begins");
      endWait?.();
    },
    wake() {
      endWait?.();
      session?.wake();
    },
  };
}
