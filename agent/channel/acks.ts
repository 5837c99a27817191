/**
 * Arithmetic of the channel, without I/O: which frames may fly, what an ack means, and whether two memories still tell one history.
 * A wrong answer here loses or doubles changes, so each law has a property test.
 */
import type { Ack, Start } from "../../protocol/messages.ts";

/** Why a new epoch begins. */
export type RenewReason = NonNullable<Start["renewed"]>;

/** What both sides say of themselves when they meet (protocol.md, "Who speaks"). */
export interface Standing {
  /** Connection number that the agent presents; 0 for none. */
  presented: number;
  /** Highest connection number that the portal has counted. */
  seen: number;
  /** First number still in the outbox. */
  first: number;
  /** Number that the next item will get. */
  next: number;
  /** Last number that the portal holds of the presented epoch; null for none. */
  last: number | null;
  /** The portal once said that it knows this epoch. */
  established: boolean;
  /** Another machine used this identity last. */
  otherHost: boolean;
}

export type EpochDecision =
  /** One history: go on behind `last`. */
  | { kind: "resume"; from: number }
  /** The portal never said that it knows this epoch: it begins, or begins again. */
  | { kind: "begin"; from: number }
  /** Two histories: a new epoch and a full compare. */
  | { kind: "renew"; reason: "agent-restored" | "portal-restored" | "cloned" };

/** Decides whether the epoch goes on. The agent's own memory is doubted first: only then is the portal's number a measure. */
export function decideEpoch(standing: Standing): EpochDecision {
  const { presented, seen, first, next, last, established } = standing;
  const behind = standing.otherHost ? "cloned" : "agent-restored";
  if (presented < seen) return { kind: "renew", reason: behind };
  if (last === null) return established ? { kind: "renew", reason: "portal-restored" } : { kind: "begin", from: first };
  if (last >= next) return { kind: "renew", reason: behind };
  if (last < first - 1) return { kind: "renew", reason: "portal-restored" };
  return { kind: "resume", from: last + 1 };
}

/** A frame on its way. */
export interface Flying {
  last: number;
  items: number;
  bytes: number;
}

/** Frames sent and not acked, oldest first, and what they sum up to: thousands of small ones may be in flight. */
export interface Flight {
  readonly frames: Flying[];
  items: number;
  bytes: number;
}

export interface WindowLimits {
  items: number;
  bytes: number;
}

export const emptyFlight = (): Flight => ({ frames: [], items: 0, bytes: 0 });

/** Whether one more frame may be sent. With nothing in flight one always may, however small the window. */
export function maySend(flight: Flight, limits: WindowLimits, frame: Flying): boolean {
  if (flight.frames.length === 0) return true;
  return flight.items + frame.items <= limits.items && flight.bytes + frame.bytes <= limits.bytes;
}

/** Takes up a frame that was sent. */
export function launch(flight: Flight, { last, items, bytes }: Flying): void {
  flight.frames.push({ last, items, bytes });
  flight.items += items;
  flight.bytes += bytes;
}

/** Lets go what an ack of all up to `seq` covers; a frame acked in part still flies. */
export function land(flight: Flight, seq: number): void {
  let count = 0;
  for (const frame of flight.frames) {
    if (frame.last > seq) break;
    count += 1;
    flight.items -= frame.items;
    flight.bytes -= frame.bytes;
  }
  flight.frames.splice(0, count);
}

/** How far numbers have come. */
export interface Progress {
  /** All up to here are acked and dropped. */
  acked: number;
  /** Highest number that the portal can have: sent on this connection, or told by its `welcome`. */
  sent: number;
}

export type AckVerdict = { kind: "apply" } | { kind: "stale" } | { kind: "fault"; message: string };

/** Judges an ack: it must name only what the portal can have. An ack that brings nothing new is stale, not wrong. */
export function judgeAck(ack: Ack, progress: Progress): AckVerdict {
  if (ack.seq > progress.sent) return { kind: "fault", message: `ack of ${ack.seq}, but only ${progress.sent} was sent` };
  if (ack.seq <= progress.acked) return { kind: "stale" };
  let previous = progress.acked;
  for (const refusal of ack.refused) {
    if (refusal.seq > ack.seq) return { kind: "fault", message: `refusal of ${refusal.seq} past the ack's ${ack.seq}` };
    // A refusal at or below `acked` was told before and is passed over by the caller; order must still rise.
    if (refusal.seq <= previous && refusal.seq > progress.acked) return { kind: "fault", message: "refusals are not in order" };
    previous = Math.max(previous, refusal.seq);
  }
  return { kind: "apply" };
}
