/** The way down on one connection: commands into the inbox, their results back until the portal has settled them. */
import type { Clock } from "../../base/time.ts";
import type { AgentMessage, Command, Result } from "../../protocol/messages.ts";
import type { OutboxStore } from "../store/store.ts";
import type { ChannelStore } from "./greeting.ts";
import { recall } from "./memory.ts";

/** Named moments where the fault tests kill the process. */
export type ReplyPoint = "before-reply" | "after-reply";

export interface DownstreamParts {
  store: ChannelStore;
  clock: Clock;
  send: (message: AgentMessage, flushed?: () => void) => void;
  commitPoint: (point: ReplyPoint) => void;
}

export interface Downstream {
  /** Stores a command, durable before it is `received`. `forgotten`: this side has had it, or has told more of it, says the portal, and knows nothing of that. */
  command(command: Command): "stored" | "forgotten";
  /** The portal has sent this command on this connection, for it has no final result of it. */
  asks(id: string): boolean;
  /** The portal holds the command's result of this revision. */
  settled(id: string, revision: number): void;
  /** Sends each result that the portal has not settled, once per connection and revision, in their order. */
  replyAll(): void;
}

export function createDownstream(parts: DownstreamParts): Downstream {
  const { store, clock, send, commitPoint } = parts;
  const said = new Map<string, number>();
  const asked = new Set<string>();
  const reply = (result: Result): void => {
    said.set(result.id, result.revision);
    const seq = result.seq ?? seqOf(store.outbox, result);
    commitPoint("before-reply");
    send(seq === undefined ? result : { ...result, seq }, () => commitPoint("after-reply"));
  };
  return {
    command({ again, revision = 0, ...command }) {
      const known = store.inbox.get(command.id);
      if (again && (known === undefined || (known.result?.revision ?? 0) < revision)) return "forgotten";
      // After a lost or restored store the portal sends again what may have been executed; what it issued later can't have been.
      const { suspectUntil } = recall(store.meta);
      const mayBeRepeated = suspectUntil !== undefined && Date.parse(command.issuedAt) <= suspectUntil;
      asked.add(command.id);
      store.inbox.receive(command, { now: clock.now(), mayBeRepeated });
      send({ type: "received", id: command.id });
      // A command that is sent again has lost its result at the portal, even one that was settled there.
      const result = store.inbox.get(command.id)?.result;
      if (result !== undefined) reply(result);
      return "stored";
    },
    asks: (id) => asked.has(id),
    settled(id, revision) {
      if (store.inbox.get(id) !== undefined) store.inbox.settle(id, revision);
      if (store.inbox.get(id)?.state === "settled") asked.delete(id);
    },
    replyAll() {
      for (const result of store.inbox.unsettled()) if (said.get(result.id) !== result.revision) reply(result);
    },
  };
}

/** Where the entity's new state is in the outbox at this moment. */
function seqOf(outbox: OutboxStore, result: Result): number | undefined {
  if (result.outcome !== "applied" || result.entity === undefined) return undefined;
  return outbox.seqOf(result.entity.type as Parameters<OutboxStore["seqOf"]>[0], result.entity.id);
}
