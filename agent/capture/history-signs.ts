/**
 * Whether cursor columns show an older state of the ERP than before: by rows that were seen with their marks a while ago. The rule stands in samples.ts;
 * polls look as they go, and a row that is gone is believed to be only after all columns were asked.
 */
import { FuserError } from "../../base/errors.ts";
import { believable, horizonOf, isAhead, isLater, lowestMark, type MarkTime } from "./marks.ts";
import type { Room } from "./parts.ts";
import { judgeSamples, type Sample } from "./samples.ts";
import type { CapturedSource, ChildTable, CursorSignal } from "./source.ts";

export interface SignalSource {
  source: CapturedSource;
  cursor: CursorSignal;
  /** Where the rows are children of the source's rows. */
  child: ChildTable | undefined;
}

export const timeOf = ({ clock, timezone }: Room): MarkTime => ({ now: clock.now(), timezone });

interface Question {
  samples: readonly Sample[];
  /** Keys whose rows are known not to be there. */
  absent: ReadonlySet<string>;
  reached: boolean;
  signal: AbortSignal;
}

/** The marks that the samples show now. @throws FuserError `history-lost` */
export async function judge(
  room: Room,
  from: SignalSource,
  { samples, absent, reached, signal }: Question,
): Promise<Map<string, string>> {
  const { cursor, child } = from;
  const { kind } = cursor.query;
  // The rows first: one that is changed in between shows with its new mark.
  const asked = child === undefined ? samples.filter(({ key }) => !absent.has(key)) : [];
  const existing = await existingKeys(room, from, asked, signal);
  const shown = await marksOf(room, cursor, samples, signal);
  let verdict = judgeSamples({ samples, kind, shown, existing, reached });
  // A row that was deleted in between went nowhere: only one that is there before and after shows an older mark.
  if (verdict.lost && existing.size > 0) {
    const still = await existingKeys(room, from, asked, signal);
    verdict = judgeSamples({ samples, kind, shown, existing: existing.intersection(still), reached });
  }
  if (verdict.lost) throw historyLost(cursor.name, verdict.reason);
  return shown;
}

/**
 * Asks every cursor column whether it shows an older state; marks nothing. `absent`: keys of `source` that were not found a moment ago, and are believed
 * to be gone only if this passes: a poll may come too late to tell that a restore took them away.
 * @throws FuserError `history-lost`
 */
export async function requireHistory(
  room: Room,
  { source, absent }: { source: string; absent: ReadonlySet<string> },
  signal: AbortSignal,
): Promise<void> {
  for (const from of room.sources.flatMap(signalsOf)) {
    const mine = from.source.mapping.source === source ? absent : new Set<string>();
    await requireShown(room, from, { absent: mine, signal });
  }
}

async function requireShown(
  room: Room,
  from: SignalSource,
  { absent, signal }: Pick<Question, "absent" | "signal">,
): Promise<void> {
  const { connector, store } = room;
  const { cursor } = from;
  const { query } = cursor;
  const stored = store.sources.position(cursor.name);
  const samples = store.sources.samples(cursor.name);
  if (stored === undefined || samples.length === 0) return;
  const shown = await marksOf(room, cursor, samples, signal);
  const stands = ({ key, mark }: Sample): boolean => {
    const now = shown.get(key);
    return now !== undefined && !isLater(query.kind, mark, now);
  };
  if (samples.every(stands)) return;
  const time = timeOf(room);
  const position = believable(query.kind, stored, time);
  const horizon = horizonOf(query.kind, time);
  let reached = position === lowestMark(query.kind);
  for await (const rows of connector.changedSince(query, position, signal))
    reached ||= rows.some(({ mark }) => !isLater(query.kind, position, mark) && !isAhead(mark, horizon));
  await judge(room, from, { samples, absent, reached, signal });
}

/** The cursor columns that speak for a source. */
export function signalsOf(source: CapturedSource): SignalSource[] {
  const all: [CursorSignal | undefined, ChildTable | undefined][] = [[source.cursor, undefined]];
  for (const child of source.children) all.push([child.cursor, child]);
  return all.flatMap(([cursor, child]) => (cursor === undefined ? [] : [{ source, cursor, child }]));
}

async function existingKeys(
  room: Room,
  { source }: SignalSource,
  samples: readonly Sample[],
  signal: AbortSignal,
): Promise<Set<string>> {
  const existing = new Set<string>();
  if (samples.length === 0) return existing;
  const keys = samples.map(({ key }) => key);
  for await (const batch of room.connector.readKeys(source.mapping.query, keys, signal)) {
    for (let index = 0; index < batch.length; index++) {
      const key = batch.key(index);
      if (key !== undefined) existing.add(key);
    }
  }
  return existing;
}

/** Marks that the source shows of the remembered rows. */
async function marksOf(
  room: Room,
  cursor: CursorSignal,
  samples: readonly Sample[],
  signal: AbortSignal,
): Promise<Map<string, string>> {
  const shown = new Map<string, string>();
  const oldest = samples[0];
  if (oldest === undefined) return shown;
  const wanted = new Set(samples.map(({ key }) => key));
  for await (const rows of room.connector.changedSince(cursor.query, oldest.mark, signal)) {
    for (const row of rows) {
      const sighted = row.own ?? row.key;
      if (sighted !== undefined && wanted.has(sighted)) shown.set(sighted, row.mark);
    }
  }
  return shown;
}

function historyLost(place: string, reason: string): FuserError {
  return new FuserError("history-lost", `The ERP shows an older state than before: ${reason}`, {
    code: "erp-history-lost",
    operation: "look for changes",
    place,
    hint: "Everything is compared in full; what is missing now is deleted at the portal only when you approve it: `erpfuser guard show`",
  });
}
