/** Where each source stands, in the words of the protocol's status. */
import type { RunState } from "../../protocol/messages.ts";
import type { Failure } from "./failures.ts";
import type { Room } from "./parts.ts";
import { inWindow } from "./schedule.ts";

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
}

/** From this lag on a source is `behind`. */
const behindFromMs = 60_000;

export function sourceStatuses(room: Room, failures: ReadonlyMap<string, Failure>): SourceStatus[] {
  const { store, clock } = room;
  const now = clock.now();
  const resting = inWindow(room.blackout, now, room.timezone);
  const guards = store.guards.list().filter((guard) => guard.state === "open");
  return room.sources.map(({ mapping }) => {
    const { source, type } = mapping;
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
      return { state: (lagMs ?? 0) > behindFromMs ? "behind" : "active", reason: undefined };
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
    };
  });
}
