/** The window of one link, and its acks: what was committed is acked at once, unless a hook holds acks back. */
import type { Clock } from "../base/time.ts";
import type { Ack, Refusal } from "../protocol/messages.ts";
import type { Arrived } from "./arrived.ts";
import type { Committed } from "./commit.ts";
import type { Hooks, Limits } from "./settings.ts";

/** Refusals in one ack at the most, so that it stays far below the largest frame. */
const refusalsPerAck = 500;

export interface IntakeParts {
  clock: Clock;
  limits: Limits;
  hooks: Hooks;
  sendAck: (ack: Ack) => void;
}

export interface Intake {
  /** Counts a frame against the window; false when it is past it. */
  count(arrived: Arrived): boolean;
  /** These frames are durable. */
  committed(frames: readonly Arrived[], done: Committed): void;
  /** Acks once more what the agent still holds although it is durable here, refusals included: an ack may have been lost with its link. */
  repeatAck(last: number, refused: readonly Refusal[]): void;
  close(): void;
}

export function createIntake(parts: IntakeParts): Intake {
  const { limits, clock } = parts;
  const unacked = { items: 0, bytes: 0 };
  let waiting = nothing();
  let cancelAck: (() => void) | undefined;

  const repeatAck = (last: number, refused: readonly Refusal[]): void => {
    for (const ack of acksOf(last, refused)) parts.sendAck(ack);
  };
  const flush = (): void => {
    cancelAck = undefined;
    const due = waiting;
    waiting = nothing();
    unacked.items -= due.items;
    unacked.bytes -= due.bytes;
    repeatAck(due.last, due.refused);
  };

  return {
    count({ items, raw }) {
      const past = unacked.items + items > limits.windowItems || unacked.bytes + raw.length > limits.windowBytes;
      // One frame may always be sent, however small the window.
      if (past && unacked.items > 0) return false;
      unacked.items += items;
      unacked.bytes += raw.length;
      return true;
    },
    committed(frames, done) {
      waiting.last = done.last;
      for (const refusal of done.refused) waiting.refused.push(refusal);
      for (const { items, raw } of frames) {
        waiting.items += items;
        waiting.bytes += raw.length;
      }
      const delayMs = parts.hooks.ackDelayMs;
      if (delayMs === undefined) flush();
      else if (delayMs !== "never") cancelAck ??= clock.after(delayMs, flush);
    },
    repeatAck,
    close() {
      cancelAck?.();
    },
  };
}

const nothing = (): { last: number; refused: Refusal[]; items: number; bytes: number } => ({
  last: 0,
  refused: [],
  items: 0,
  bytes: 0,
});

/** Refusals in their order; each ack reaches just up to the next one's first refusal, so that the agent still holds what is refused later. */
function acksOf(last: number, refused: readonly Refusal[]): Ack[] {
  const acks: Ack[] = [];
  for (let index = 0; index < refused.length; index += refusalsPerAck) {
    const next = refused[index + refusalsPerAck];
    acks.push({
      type: "ack",
      seq: next === undefined ? last : next.seq - 1,
      refused: refused.slice(index, index + refusalsPerAck),
    });
  }
  return acks.length > 0 ? acks : [{ type: "ack", seq: last, refused: [] }];
}
