/** Where each source stands, in the words of the protocol's status. */
import type { RunState } from "../../protocol/messages.ts";
import { checkedOf } from "./checked.ts";
import type { Silent } from "./column-silence.ts";
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
  /** Open findings that nobody has accepted. */
  findings: number;
  /** How long the oldest signal has waited; undefined when nothing waits. */
  lagMs: number | undefined;
  /** When it was last compared with what the portal holds; and differences mended since the store was made, and when the last one was. */
  checkedAt: number | undefined;
  mended: number;
  mendedAt: number | undefined;
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

/** Reason of a source for which the ERP's schema lacks something. */
export const schemaMissing = "schema-missing";

/** How the feed stands, and the sources whose column says nothing of rows that come. */
interface Heard {
  feed: FeedStatus | undefined;
  silent: Silent;
}

function wayOf(source: CapturedSource, { feed, silent: mute }: Heard): SourceWay {
  if (source.instead !== undefined) return { by: source.cursor === undefined ? "compare" : "column", instead: source.instead };
  const tables = feedsOf(source).map(({ signal }) => signal.table.table);
  if (mute.has(source.mapping.source)) {
    const message = `its column ${source.cursor?.query.column} says nothing of rows that come`;
    return { by: "column", instead: { code: "column-silent", message } };
  }
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

export function sourceStatuses(room: Room, failures: ReadonlyMap<string, Failure>, heard: Heard): SourceStatus[] {
  const { store, clock } = room;
  const now = clock.now();
  const resting = inWindow(room.blackout, now, room.timezone);
  const open = store.findings.open(now);
  const guards = store.guards.list().filter((guard) => guard.state === "open");
  const running = room.sources.map((captured): SourceStatus => {
    const { mapping } = captured;
    const { source, type } = mapping;
    const way = wayOf(captured, heard);
    const counts = countsOf(room, source, open);
    // An ERP that does not answer fails every source, also one that has nothing to ask it for right now.
    const failure = failures.get(source) ?? failures.get("erp");
    const guard = guards.find((open) => open.source === source);
    const place = (): { state: RunState; reason: string | undefined } => {
      if (failure !== undefined) return { state: "failing", reason: failure.code };
      if (guard !== undefined) return { state: "held", reason: `guard ${guard.id}` };
      if (resting) return { state: "paused", reason: "blackout" };
      if (!store.sources.get(source).reconciled || counts.comparedAt === undefined)
        return { state: "starting", reason: undefined };
      const lacks = (mapping.lacks ?? []).length > 0 ? schemaMissing : undefined;
      return { state: (counts.lagMs ?? 0) > behindFromMs ? "behind" : "active", reason: way.instead?.code ?? lacks };
    };
    return { source, type, ...place(), ...counts, way };
  });
  const stopped = (room.stopped ?? []).map(({ source, type }): SourceStatus => {
    const way: SourceWay = { by: "compare", instead: undefined };
    return { source, type, state: "failing", reason: schemaMissing, ...countsOf(room, source, open), way };
  });
  return [...running, ...stopped];
}

function countsOf(
  { store, clock }: Room,
  source: string,
  findings: ReadonlyMap<string, number>,
): Omit<SourceStatus, "source" | "type" | "state" | "reason" | "way"> {
  const { lastSuccessAt, comparedAt, sent } = store.sources.get(source);
  const since = store.pending.oldestSince(source);
  const { comparedAt: checkedAt, mended, mendedAt } = checkedOf(store.meta, source);
  return {
    lastSuccessAt,
    comparedAt,
    rows: store.entities.count(source),
    sent,
    pending: store.pending.count(source),
    quarantined: store.quarantine.count(source),
    findings: findings.get(source) ?? 0,
    ...{ checkedAt, mended, mendedAt },
    lagMs: since === undefined ? undefined : Math.max(0, clock.now() - since),
  };
}
