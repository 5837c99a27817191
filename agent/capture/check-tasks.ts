/** When it is checked what the portal holds, and whether the ERP still says what was read of it: the lowest of all work, and in idle hours. */
import { isAbort, kindOf } from "../../base/errors.ts";
import { checkedOf, noteChecked, noteMended } from "./checked.ts";
import type { Drain } from "./drain.ts";
import type { Task } from "./lane.ts";
import { lookIntoErp, type Suspects } from "./look.ts";
import type { Room } from "./parts.ts";
import type { Checks } from "./portal-view.ts";
import { type Refreshed, refreshType, resendAll } from "./refresh.ts";
import { inWindow, nextRun } from "./schedule.ts";
import type { CapturedSource } from "./source.ts";

/** What is checked by itself is checked again after so long: once in a night. */
const roundEveryMs = 72_000_000;
/** A check that was put off is tried again after so long. */
const retryMs = 60_000;
/** The same where the portal does not tell what it holds. */
const refusedRetryMs = 3_600_000;
/** A clock that goes back by less is waited for. */
const clockStepMs = 60_000;
/** What comes due in hours is not looked up in the store at each waking of the lane. */
const lookUpEveryMs = 5_000;

/** @param room with the pace of compares; a compare must not run beside a check */
export function checkTasks(room: Room, drain: Drain): Task[] {
  const { checks } = room;
  if (checks === undefined) return [];
  const suspects: Suspects = new Map();
  const parts: Parts = { room, checks, drain, beganAt: room.clock.monotonic() };
  const types = [...new Set(room.sources.map(({ mapping }) => mapping.type))].filter(
    // Of a source that stands still nobody can tell its ids.
    (type) => room.stopped?.every((stopped) => stopped.type !== type) ?? true,
  );
  const ofType = types.map((type) => room.sources.filter(({ mapping }) => mapping.type === type));
  const scheduled = ofType.flatMap((sources) =>
    sources.filter(({ refresh }) => refresh !== undefined).map((source) => scheduledTask(parts, source, sources)),
  );
  if (checks.records === 0) return scheduled;
  return [
    ...scheduled,
    ...ofType.map((sources) => compareTask(parts, sources)),
    ...room.sources.map((source) => lookTask(parts, source, suspects)),
  ];
}

interface Parts {
  room: Room;
  checks: Checks;
  drain: Drain;
  /** The agent's run, of the clock that nobody sets: just started it has other things to do. */
  beganAt: number;
}

/** By the source's own schedule, at whatever hour. */
function scheduledTask({ room, checks, drain }: Parts, source: CapturedSource, sources: readonly CapturedSource[]): Task {
  const { clock, store, timezone } = room;
  const name = source.mapping.source;
  let due: { last: number; at: number } | undefined;
  return putOffTask(room, name, {
    dueAt() {
      if (source.refresh === undefined || !isReady(room, sources)) return Number.POSITIVE_INFINITY;
      const { refreshedAt } = checkedOf(store.meta, name);
      if (refreshedAt === undefined || refreshedAt > clock.now() + clockStepMs) return 0;
      if (due?.last !== refreshedAt) due = { last: refreshedAt, at: nextRun(source.refresh.schedule, refreshedAt, timezone) };
      return due.at;
    },
    async run(signal) {
      const now = clock.now();
      const { refreshedAt } = checkedOf(store.meta, name);
      // Seen for the first time, just synced or compared, or the clock was set back: its time counts from here.
      if (refreshedAt === undefined || refreshedAt > now + clockStepMs)
        return noteChecked(store.meta, name, { refreshedAt: now });
      if (source.refresh?.send === "all") {
        const records = await resendAll(room, source, signal);
        tell(room, name, { records, resent: records });
      } else await compare(room, sources, { checks, drain, signal });
      noteChecked(store.meta, name, { refreshedAt: now });
    },
  });
}

/** All sources of a type with what the portal holds of it. */
function compareTask(parts: Parts, sources: readonly CapturedSource[]): Task {
  const { room, checks, drain } = parts;
  const { clock, store } = room;
  return putOffTask(room, sources[0]?.mapping.source ?? "", {
    dueAt() {
      if (!isReady(room, sources)) return Number.POSITIVE_INFINITY;
      const last = sources.map(({ mapping }) => checkedOf(store.meta, mapping.source).comparedAt);
      return whenIdle(room, checks, Math.max(fromStart(parts), ...last.map((at) => after(clock.now(), at, roundEveryMs))));
    },
    run: (signal) => compare(room, sources, { checks, drain, signal }),
  });
}

function lookTask(parts: Parts, source: CapturedSource, suspects: Suspects): Task {
  const { room, checks, drain } = parts;
  const { clock, store } = room;
  const name = source.mapping.source;
  return putOffTask(room, name, {
    dueAt() {
      if (!isReady(room, [source]) || (source.mapping.lacks ?? []).length > 0) return Number.POSITIVE_INFINITY;
      const { next, roundAt, lookedAt } = checkedOf(store.meta, name);
      const isUnderWay = next !== undefined || (suspects.get(name) ?? []).length > 0;
      const round = isUnderWay ? 0 : after(clock.now(), roundAt, roundEveryMs);
      return whenIdle(room, checks, Math.max(fromStart(parts), round, after(clock.now(), lookedAt, checks.everyMs)));
    },
    run: (signal) => lookIntoErp(room, source, { drain, suspects, records: checks.records, signal }),
  });
}

function fromStart({ room: { clock }, checks, beganAt }: Parts): number {
  return clock.now() + Math.max(0, beganAt + checks.everyMs - clock.monotonic());
}

/** So long after the last time; at once where there was none, or one that is still to come since the clock was set back. */
function after(now: number, last: number | undefined, ms: number): number {
  return last === undefined || last > now + clockStepMs ? 0 : last + ms;
}

function whenIdle({ clock, timezone }: Room, { idle }: Checks, due: number): number {
  return due <= clock.now() && !inWindow(idle, clock.now(), timezone) ? Number.POSITIVE_INFINITY : due;
}

function isReady({ store }: Room, sources: readonly CapturedSource[]): boolean {
  return sources.every(({ mapping }) => {
    const { reconciled, comparedAt } = store.sources.get(mapping.source);
    return reconciled && comparedAt !== undefined;
  });
}

/** What can't be checked now is no failure of its source: it is put off. */
function putOffTask({ clock, log }: Room, source: string, { dueAt, run }: Pick<Task, "dueAt" | "run">): Task {
  // Of the clock that nobody sets.
  let until = Number.NEGATIVE_INFINITY;
  let known = { due: 0, until: Number.NEGATIVE_INFINITY };
  return {
    source,
    dueAt() {
      const now = clock.monotonic();
      if (now >= known.until) known = { due: dueAt(), until: now + lookUpEveryMs };
      return Math.max(known.due, clock.now() + Math.max(0, until - now));
    },
    async run(signal) {
      known.until = Number.NEGATIVE_INFINITY;
      try {
        await run(signal);
      } catch (error) {
        if (isAbort(error) || kindOf(error) !== "transient") throw error;
        const { code, message } = error as Error & { code?: string };
        const isRefused = code === "inventory-refused" || code === "inventory-unanswered";
        until = clock.monotonic() + (isRefused ? refusedRetryMs : retryMs);
        log.debug(message, { source, code });
      }
    },
  };
}

async function compare(
  room: Room,
  sources: readonly CapturedSource[],
  joint: { checks: Checks; drain: Drain; signal: AbortSignal },
): Promise<void> {
  const { store, clock } = room;
  const found = await refreshType(room, sources, joint);
  store.transaction(() => {
    for (const [source, counts] of found) {
      const now = clock.now();
      noteChecked(store.meta, source, { comparedAt: now });
      noteMended(store.meta, source, { count: mendedOf(counts), now });
      tell(room, source, { ...counts });
    }
  }, "check");
}

const mendedOf = ({ altered, unknown, lost }: Refreshed): number => altered + unknown + lost;

function tell({ store, clock, log }: Room, source: string, detail: Record<string, number>): void {
  const { altered = 0, unknown = 0, lost = 0 } = detail;
  const differs = altered + unknown + lost > 0;
  const entry = { at: clock.now(), kind: "check", source, status: differs ? "failed" : "ok", durationMs: undefined } as const;
  store.journal.add({ ...entry, detail: { of: "portal", ...detail } });
  if (differs)
    log.warn("The portal held otherwise than was sent: it is mended", { source, code: "portal-differs", altered, unknown, lost });
}
