/**
 * Changes of which one is believed and many are not, for a single statement in the ERP can make them: rows flagged as deleted, fields that had a value and have none,
 * entities that refer to another parent. None of them is sent by its first read. Each waits until all that were signalled, or seen by a compare, at the same time have
 * been read as well; only then is it known how many there are, and they go, or a guard holds them all (operations.md, "Guards").
 */
import type { Mapped, Parent } from "../map/mapped.ts";
import type { EntityPlace, EntityState, PendingKey, Store, Suspicion, Why } from "../store/store.ts";
import { lackingBits } from "./filled.ts";
import { isByLookup } from "./lookup-uses.ts";
import type { Room } from "./parts.ts";
import type { Reading } from "./reading.ts";
import { countRecent, recentOf } from "./recent.ts";
import type { CapturedSource } from "./source.ts";
import type { Upsert } from "./upsert.ts";

/** What goes on arriving is not waited for any longer; what comes later counts within the hour. */
const longestWaitMs = 60_000;
/** What a compare suspects waits for its end, which wakes it; where that never comes, so long. */
const compareMs = 3_600_000;

const valueKinds = ["emptied", "moved"] as const;
type ValueKind = (typeof valueKinds)[number];

export interface Suspects {
  /** The ERP flags the row as deleted: its key, once that may be believed. */
  flagged(reading: Reading, rowDigest: bigint): PendingKey | undefined;
  /** Whether it waits; its key then waits with it. */
  take(reading: Reading, upsert: Upsert): boolean;
  /** Those that are sent now. To be called once, when all readings are taken. */
  passing(): readonly Upsert[];
}

export interface SuspectsOptions {
  now: number;
  name: "drain" | "scan";
  /** Of `Filled`. */
  form: number;
}

interface Candidate {
  upsert: Upsert;
  pending: PendingKey;
  why: Why;
  fields: readonly string[];
}

export function createSuspects(room: Room, source: CapturedSource, options: SuspectsOptions): Suspects {
  const { store } = room;
  const { now } = options;
  const name = source.mapping.source;
  const candidates: Candidate[] = [];
  const approved: { why: Why; guard: number | undefined }[] = [];
  const suspect = ({ key, mark }: PendingKey, suspicion: Suspicion, notBefore: number): void => {
    store.pending.advance(name, key, mark, { stage: "suspect", notBefore, suspectedAt: now, suspicion });
  };
  const firstWaitMs = options.name === "scan" ? compareMs : room.confirmAfterMs;

  return {
    flagged(reading, rowDigest) {
      const pending = pendingOf(store, name, reading, now);
      if (pending === undefined || isBelieved(reading, pending)) return pending;
      suspect(pending, { why: "flag", rowDigest, entityDigest: undefined }, now + firstWaitMs);
      return undefined;
    },
    take(reading, upsert) {
      const { before, rowDigest, entityDigest } = upsert;
      if (before === "none" || before.entityDigest === undefined || isOwn(reading)) return false;
      if (isByLookup(room, source, reading)) return false;
      const { pending: waits, row } = reading;
      const found = lookAt(room, source, { mapped: row?.mapped, before, waits, key: upsert.key, form: options.form });
      if (found === undefined) return false;
      if (isApproved(reading, found.why)) {
        approved.push({ why: found.why, guard: waits?.guard });
        return false;
      }
      const pending = pendingOf(store, name, reading, now);
      // A signal came during the read: the next one decides.
      if (pending === undefined) return true;
      const isSecond = reading.pending?.stage === "suspect" && pending.suspicion?.why !== "flag";
      const suspicion = { why: found.why, rowDigest, entityDigest };
      if (!isSecond) suspect(pending, suspicion, now + firstWaitMs);
      else {
        suspect(pending, suspicion, pending.notBefore);
        candidates.push({ upsert, pending, ...found });
      }
      return true;
    },
    passing() {
      if (candidates.length + approved.length === 0) return [];
      let rest = candidates;
      for (const kind of valueKinds) {
        const own = rest.filter(({ why }) => isOf(why, kind));
        if (own.length === 0 || !holds(room, source, kind, { candidates: own, now })) continue;
        rest = rest.filter((candidate) => !own.includes(candidate));
      }
      const until = arrivalOf(store, name, now);
      const goes = rest.filter(({ pending }) => until === undefined || !mayWait(pending, now));
      for (const { pending } of rest)
        if (until !== undefined && mayWait(pending, now))
          store.pending.advance(name, pending.key, pending.mark, { stage: "suspect", notBefore: until });
      for (const { pending } of goes) store.pending.clear(name, pending.key, pending.mark);
      for (const kind of valueKinds) {
        const count = [...goes, ...besides(store, approved, kind)].filter(({ why }) => isOf(why, kind)).length;
        countRecent(store.meta, { kind, source: name }, { count, now });
      }
      return goes.map(({ upsert }) => upsert);
    },
  };
}

/** When all of what was found absent or suspected just now will have been read once more; undefined: it has. */
export function arrivalOf({ pending }: Store, source: string, now: number): number | undefined {
  return pending.lastArrival(source, { now, until: now + longestWaitMs });
}

/** Whether it may wait for others that are still arriving. */
export function mayWait({ suspectedAt }: PendingKey, now: number): boolean {
  return suspectedAt !== undefined && suspectedAt > now - longestWaitMs && suspectedAt <= now;
}

/** Whether values of it are suspected, and not that it is gone. */
export const isOfValues = ({ suspicion }: PendingKey): boolean => suspicion !== undefined && suspicion.why !== "flag";

const isOf = (why: Why, kind: ValueKind): boolean => why === kind || why === "both";

/** What a command of the portal has made. */
function isOwn({ pending, own }: Reading): boolean {
  return own === true && (pending === undefined || (pending.stage !== "approved" && pending.suspicion === undefined));
}

/** Whether a person has approved it: what became of it since they were asked is another question. */
function isApproved({ pending }: Reading, why: Why): boolean {
  if (pending?.stage !== "approved") return false;
  const asked = pending.suspicion?.why;
  return asked === why || (asked === "both" && why !== "flag");
}

/** Of what was approved: those that were held for the other kind. Nobody was asked whether they are too many of this one. */
function besides<T extends { guard: number | undefined }>({ guards }: Store, approved: readonly T[], kind: ValueKind): T[] {
  return approved.filter(({ guard }) => guard !== undefined && guards.get(guard)?.kind !== kind);
}

/** A flag that was read twice, or waits for other reasons already. */
function isBelieved({ own, pending: read }: Reading, pending: PendingKey): boolean {
  if (own === true || pending.stage === "grace") return true;
  if (pending.stage === "approved") return !isOfValues(pending);
  return read?.stage === "suspect" && pending.suspicion?.why === "flag";
}

/** The key that waits, made where none does; undefined where a signal came during the read. */
function pendingOf({ pending }: Store, source: string, { key, pending: read }: Reading, now: number): PendingKey | undefined {
  if (read === undefined && pending.get(source, key) === undefined) pending.mark(source, [key], { now, confirm: false });
  const current = pending.get(source, key);
  return read !== undefined && current?.mark !== read.mark ? undefined : current;
}

interface Looked {
  /** As the row says it, with all that it refers to. */
  mapped: Mapped | undefined;
  before: EntityState;
  /** The key as it was read. */
  waits: PendingKey | undefined;
  key: string;
  form: number;
}

function lookAt(
  { store }: Room,
  source: CapturedSource,
  { mapped, before, waits, key, form }: Looked,
): { why: Why; fields: readonly string[] } | undefined {
  if (mapped?.kind !== "entity") return undefined;
  const { source: name, fields } = source.mapping;
  const filled = store.entities.filled(before.no, form);
  // What was suspected under another mapping is a person's to decide: this one can't tell.
  if (filled === 0 && waits !== undefined && isOfValues(waits)) return { why: (waits.suspicion as Suspicion).why, fields: [] };
  const lost = filled & ~mapped.filled & ~lackingBits(source);
  const emptied = lost === 0 ? [] : fields.filter(({ bit }) => (bit & lost) !== 0).map((field) => field.name);
  const moved = movedAway(store, store.entities.parentsOf(name, key), mapped.parents);
  if (emptied.length > 0) return { why: moved.length > 0 ? "both" : "emptied", fields: [...emptied, ...moved] };
  return moved.length > 0 ? { why: "moved", fields: moved } : undefined;
}

/** Work is given to others all day long. */
const workers: ReadonlySet<string> = new Set(["teamMember", "serviceProvider"]);

/** Sources of which it referred to one, and now refers to another one in its place, which is not the same under another key. */
function movedAway({ successions }: Store, before: readonly EntityPlace[], now: readonly Parent[]): string[] {
  const isNamed = (source: string, key: string): boolean => now.some((parent) => parent.source === source && parent.key === key);
  const nextOf = ({ source, key }: EntityPlace): string =>
    (successions.any([source]) && successions.of(source, key)?.next) || key;
  const left = before.filter((one) => !isNamed(one.source, one.key) && !isNamed(one.source, nextOf(one)));
  const found = left.filter(({ source }) =>
    now.some(
      (parent) =>
        parent.source === source &&
        !workers.has(parent.type) &&
        !before.some((one) => one.source === source && one.key === parent.key),
    ),
  );
  return [...new Set(found.map(({ source }) => source))];
}

/** Holds the candidates where there are too many of their kind; returns whether it does. */
function holds(
  room: Room,
  source: CapturedSource,
  kind: ValueKind,
  { candidates, now }: { candidates: readonly Candidate[]; now: number },
): boolean {
  const { store, log } = room;
  const { source: name } = source.mapping;
  const waiting = store.pending.countSuspected(name, kind);
  const count = { waiting, recent: recentOf(store.meta, { kind, source: name }, now), of: store.entities.count(name) };
  if (!room.exceedsGuard(kind, count)) return false;
  const guard = store.guards.open(name, kind, now);
  for (const { pending } of candidates)
    store.pending.advance(name, pending.key, pending.mark, { stage: "held", notBefore: now, guard: guard.id });
  store.guards.addFields(
    guard.id,
    candidates.flatMap(({ fields }) => fields),
  );
  store.guards.outOf(guard.id, count.of);
  const { message, code } = warnings[kind];
  if (guard.since === now) log.warn(message, { source: name, code, guard: guard.id, count: waiting });
  return true;
}

const warnings = {
  emptied: { code: "guard-emptied", message: "Too many entities lose a value: held until they are approved" },
  moved: { code: "guard-moved", message: "Too many entities get another parent: held until they are approved" },
} as const;
