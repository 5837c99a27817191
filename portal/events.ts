/** What happens at the gateway, for its owner, the demo page and tests. */
import { describeError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { Clock } from "../base/time.ts";
import { expandChanges, type NumberedItem } from "../protocol/changes.ts";
import type { Outcome, Refusal, Status } from "../protocol/messages.ts";
import { type Arrived, messageOf } from "./arrived.ts";
import type { CommandState } from "./commands.ts";
import type { Committed } from "./commit.ts";
import type { Store } from "./store.ts";

export type GatewayEvent = { agentId: string } & (
  | { kind: "enrolled" }
  | { kind: "connected"; connection: number; epoch: string; renewed: string | undefined }
  | { kind: "disconnected"; code: number; reason: string }
  /** Items that were committed, and those refused. */
  | { kind: "items"; applied: readonly NumberedItem[]; refused: readonly Refusal[]; last: number }
  | { kind: "command"; id: string; state: CommandState; outcome: Outcome | undefined }
  | { kind: "status"; status: Status }
  /** The bytes of a document are there, or there are none. */
  | { kind: "document"; id: string; state: "held" | "refused"; reason: string | undefined }
  /** Something that a person should see, e.g. `other-host`, `connection-below`, `superseded`. */
  | { kind: "noted"; code: string; text: string }
);

/** Items that were committed with these frames: those taken are listed only for who asks for them. */
export function itemsEvent(agentId: string, frames: readonly Arrived[], { from, last, refused }: Committed): GatewayEvent {
  let applied: NumberedItem[] | undefined;
  const list = (): NumberedItem[] => {
    const without = new Set(refused.map((refusal) => refusal.seq));
    const all = frames.flatMap((frame) => [...expandChanges(messageOf(frame))]);
    let behind = from;
    return all.filter(({ seq }) => {
      if (seq <= behind) return false;
      behind = seq;
      return !without.has(seq);
    });
  };
  return {
    ...{ kind: "items", agentId, refused, last },
    get applied() {
      applied ??= list();
      return applied;
    },
  };
}

export interface Events {
  emit(event: GatewayEvent): void;
  /** Returns a function that ends the listening. */
  listen(listener: (event: GatewayEvent) => void): () => void;
  /** The newest notable events, newest first. */
  recent(limit: number): { agentId: string; at: number; code: string; text: string }[];
  /** Raised by every event: tells a page whether anything is new. */
  revision(): number;
}

/** Rows that the event log keeps. */
const kept = 2_000;

export function eventsIn(parts: { store: Store; clock: Clock; log: Log }): Events {
  const { store, clock, log } = parts;
  const listeners = new Set<(event: GatewayEvent) => void>();
  let revision = 0;
  /** For people to look at: that it can't be kept, on a full disk, must not stop what it tells of. */
  const keep = (agentId: string, { code, text }: { code: string; text: string }): void => {
    try {
      store.repeatable(() => {
        store.run("INSERT INTO event (agent_id, at, code, text) VALUES (?, ?, ?, ?)", agentId, clock.now(), code, text);
        store.run("DELETE FROM event WHERE n <= (SELECT max(n) FROM event) - ?", kept);
      });
    } catch (error) {
      log.error(`An event can't be kept: ${describeError(error)}`, { agent: agentId, code: "portal-failed" });
    }
  };
  return {
    emit(event) {
      revision += 1;
      const line = lineOf(event);
      if (line !== undefined) {
        log.info(line.text, { code: line.code, agent: event.agentId });
        keep(event.agentId, line);
      }
      for (const listener of listeners) listener(event);
    },
    listen(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    recent(limit) {
      return store.all("SELECT agent_id AS agentId, at, code, text FROM event ORDER BY n DESC LIMIT ?", limit);
    },
    revision: () => revision,
  };
}

function lineOf(event: GatewayEvent): { code: string; text: string } | undefined {
  switch (event.kind) {
    case "enrolled":
      return { code: "enrolled", text: "Agent enrolled" };
    case "connected": {
      const epoch = event.renewed ? `, new epoch (${event.renewed})` : "";
      return { code: "connected", text: `Agent connected, connection ${event.connection}${epoch}` };
    }
    case "disconnected":
      return { code: "disconnected", text: `Agent disconnected, code ${event.code}${event.reason ? `: ${event.reason}` : ""}` };
    case "noted":
      return { code: event.code, text: event.text };
    case "items":
    case "command":
    case "status":
    case "document":
      return undefined;
  }
}
