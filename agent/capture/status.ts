/** Where each source stands, in the words of the protocol's status. */
import type { RunState } from "../../protocol/messages.ts";
import type { Failure } from "./failures.ts";
import type { FeedStatus } from "./feed-reader.ts";
import { feedsOf } from "./feed-tables.ts";
import type { Room } from "./parts.ts";
import { inWindow } from "./schedule.ts";
import type { CapturedSource } from "./source.ts";

export interface SourceStatus {
  source: string;
  type: string;
  state: RunState;
  /** Code of the failure, number of the guard, or why it rests. */
  reason: string | undefined;
  lastSuccessAt: number | undefined;
  comparedAt: number | undefined;
  rows: number;
  sent: number;
  pending: number;
  quarantined: number;
  /** How long the oldest signal has waited; undefined when nothing waits. */
  lagMs: number | undefined;
  way: SourceWay;
}

/** How changes of a source are noticed now, its child tables included. */
export interface SourceWay {
  by: "feed" | "column" | "compare";
  /** Why it is not the feed that the configuration names, or may not be for long. */
  instead: { code: string; message: string } | undefined;
}

/** From this lag on a source is `behind`. */
const behindFromMs = 60_000;

function wayOf(source: CapturedSource, feed: FeedStatus | undefined): SourceWay {
  const tables = feedsOf(source).map(({ signal }) => signal.table.table);
  if (tables.length === 0) return { by: source.cursor === undefined ? "compare" : "column", instead: undefined };
  const by = source.feed !== undefined ? "feed" : source.cursor === undefined ? "compare" : "column";
  if (feed?.state.name === "fallen-back") {
    const { code, message } = feed.state;
    return { by: by === "feed" ? "compare" : by, instead: { code, message } };
  }
  const silent = tables.find((table) => feed?.silent.includes(table));
  const message = `the feed says nothing of ${silent}, although it changes`;
  return { by, instead: silent === undefined ? undefined : { code: "feed-silent", message } };
}

export function sourceStatuses(room: Room, failures: ReadonlyMap<string, Failure>, feed: FeedStatus | undefined): SourceStatus[] {
  const { store, clock } = room;
  const now = clock.now();
  const resting = inWindow(room.blackout, now, room.timezone);
  const guards = store.guards.list().filter((guard) => guard.state === "open");
  return room.sources.map((captured) => {
    const { mapping } = captured;
    const { source, type } = mapping;
    const way = wayOf(captured, feed);
    const known = store.sources.get(source);
    const since = store.pending.oldestSince(source);
    const lagMs = since === undefined ? undefined : Math.max(0, now - since);
    // An ERP that does not answer fails every source, also one that has nothing to ask it for right now.
    const failure = failures.get(source) ?? failures.get("erp");
    const guard = guards.find((open) => open.source === source);
    const place = (): { state: RunState; reason: string | undefined } => {
      if (failure !== undefined) return { state: "failing", reason: failure.code };
      if (guard !== undefined) return { state: "held", reason: `guard ${guard.id}` };
      if (resting) return { state: "paused", reason: "blackout" };
      if (!known.reconciled || known.comparedAt === undefined) return { state: "starting", reason: undefined };
      return { state: (lagMs ?? 0) > behindFromMs ? "behind" : "active", reason: way.instead?.code };
    };
    return {
      source,
      type,
      ...place(),
      lastSuccessAt: known.lastSuccessAt,
      comparedAt: known.comparedAt,
      rows: store.entities.count(source),
      sent: known.sent,
      pending: store.pending.count(source),
      quarantined: store.quarantine.count(source),
      lagMs,
      way,
    };
  });
}
