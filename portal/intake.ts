/** Takes the `changes` of one link: keeps the window, commits the frames of one turn together, acks after the commit. */
import type { Clock } from "../base/time.ts";
import { countItems, type NumberedItem } from "../protocol/changes.ts";
import type { Ack, Changes, Refusal } from "../protocol/messages.ts";
import type { Entities, Speaker } from "./entities.ts";
import type { Hooks, Limits } from "./settings.ts";

/** Refusals in one ack at the most, so that it stays far below the largest frame. */
const refusalsPerAck = 500;

export interface IntakeParts {
  speaker: Speaker;
  accepted: ReadonlySet<string>;
  entities: Entities;
  clock: Clock;
  limits: Limits;
  hooks: Hooks;
  sendAck: (ack: Ack) => void;
  onCommitted: (applied: readonly NumberedItem[], refused: readonly Refusal[], last: number) => void;
}

export type IntakeFault = "past-window" | "fenced" | "gap" | undefined;

/** A frame of `changes` and its size on the wire. */
export interface ArrivedChanges {
  frame: Changes;
  bytes: number;
}

export interface Intake {
  /** Counts a frame against the window as it arrives. */
  arrive(arrived: ArrivedChanges): IntakeFault;
  /** Commits frames that arrived, in order. */
  commit(arrived: readonly ArrivedChanges[]): IntakeFault;
  /** Acks once more what the agent still holds although it is durable here, refusals included: an ack may have been lost with its link. */
  repeatAck(firstHeld: number, last: number): void;
  close(): void;
}

export function createIntake(parts: IntakeParts): Intake {
  const { limits, clock } = parts;
  const unacked = { items: 0, bytes: 0 };
  let waiting = nothing();
  let cancelAck: (() => void) | undefined;

  const flush = (): void => {
    cancelAck = undefined;
    const due = waiting;
    waiting = nothing();
    unacked.items -= due.items;
    unacked.bytes -= due.bytes;
    for (const ack of acksOf(due.last, due.refused)) parts.sendAck(ack);
  };

  return {
    arrive({ frame, bytes }) {
      const items = countItems(frame);
      const past = unacked.items + items > limits.windowItems || unacked.bytes + bytes > limits.windowBytes;
      // One frame may always be sent, however small the window.
      if (past && unacked.items > 0) return "past-window";
      unacked.items += items;
      unacked.bytes += bytes;
      return undefined;
    },
    commit(arrived) {
      const frames = arrived.map(({ frame }) => frame);
      const done = parts.entities.apply(parts.speaker, frames, { accepted: parts.accepted, refuse: parts.hooks.refuse });
      if (done.outcome === "fenced") return "fenced";
      if (done.applied.length + done.refused.length > 0) parts.onCommitted(done.applied, done.refused, done.last);
      waiting.last = done.last;
      waiting.refused.push(...done.refused);
      for (const { frame, bytes } of arrived) {
        waiting.items += countItems(frame);
        waiting.bytes += bytes;
      }
      const delayMs = parts.hooks.ackDelayMs;
      if (delayMs === undefined) flush();
      else if (delayMs !== "never") cancelAck ??= clock.after(delayMs, flush);
      return done.outcome === "gap" ? "gap" : undefined;
    },
    repeatAck(firstHeld, last) {
      if (firstHeld > last) return;
      for (const ack of acksOf(last, parts.entities.refusalsFrom(parts.speaker, firstHeld))) parts.sendAck(ack);
    },
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
