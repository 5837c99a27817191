/**
 * Polls a cursor column: everything from the position on, less an overlap for what was committed late. Each row marks its key, or its parent's; the
 * position is committed together with the keys it marked. Everything else, a row's truth above all, is for the read by key: where it may be made at once,
 * its result goes into the same commit.
 */
import type { Drain } from "./drain.ts";
import { isToStand } from "./fingerprint.ts";
import { judge, type SignalSource, timeOf } from "./history-signs.ts";
import { believable, isLater, laterMark, lowestMark, markBefore } from "./marks.ts";
import type { Room } from "./parts.ts";
import { setBackMs } from "./schedule.ts";
import { createSeenMarks, type SeenMarks } from "./seen-marks.ts";
import { Overtaken, reaches, requirePosition, sight } from "./sightings.ts";
import type { CursorSignal } from "./source.ts";

export interface Poller {
  /**
   * One poll. Returns how many keys it marked.
   * @throws FuserError `history-lost` when the source shows an older state than before
   */
  poll(signal: AbortSignal): Promise<number>;
  /** Takes the position before the first full compare, so that nothing changed since is missed. */
  begin(signal: AbortSignal): Promise<void>;
}

/** How far behind the newest mark a poll looks for rows, to take them along. What is committed later still is found by its next poll of the whole overlap. */
const shortOverlapMs = 100;
/** While changes come, the whole overlap is looked at so often; at each poll otherwise. */
const wholeEveryMs = 250;
/** More rows at a time are bulk work, better read in larger pieces. */
const mostShown = 200;
/** After so many polls without news they are plain ones again. */
const mostQuiet = 8;

/** @param room with the pace of the reads by key */
export function createPoller(room: Room, drain: Pick<Drain, "readSignalled" | "watch">, from: SignalSource): Poller {
  const { connector, store, clock } = room;
  const { source, cursor } = from;
  const { kind } = cursor.query;
  const freshSeen = (): SeenMarks =>
    createSeenMarks({ clock, grain: cursor.grain, overlapMs: kind === "timestamp" ? cursor.overlap : 0 });
  let seen = freshSeen();
  // After a start or a failed poll the server may be another state of itself, even if it shows something past the position.
  let verified = false;
  /** Mark that polls have come to since the position was stored; undefined: the position itself. */
  let newest: string | undefined;
  let quiet = Number.POSITIVE_INFINITY;
  let wholeAt = Number.NEGATIVE_INFINITY;
  const forget = (): void => {
    seen = freshSeen();
    newest = undefined;
    quiet = Number.POSITIVE_INFINITY;
  };

  const begin = async (signal: AbortSignal): Promise<void> => {
    if (store.sources.position(cursor.name) !== undefined) return;
    const highest = await highestMark(room, cursor, signal);
    if (store.sources.position(cursor.name) !== undefined) return;
    store.transaction(() => store.sources.setPosition(cursor.name, highest), "position");
    forget();
  };

  /** All behind the position, less the overlap. Only this may move the position. */
  const pollWhole = async (stored: string, signal: AbortSignal): Promise<number> => {
    const time = timeOf(room);
    wholeAt = clock.monotonic();
    seen.beginWhole();
    const start = markBefore(kind, believable(kind, stored, time), overlapNow(room, cursor));
    // What was seen before a start or a failure is told by its samples: the position may lie a little behind them.
    if (!verified) newest ??= store.sources.samples(cursor.name).at(-1)?.mark;
    const position = laterMark(kind, believable(kind, stored, time), believable(kind, newest ?? stored, time));
    let known = stored;
    let reached = false;
    let marked = 0;
    const verify = !verified;
    verified = false;
    const told = verify && isToStand(room, source) ? position : undefined;
    for await (const rows of connector.changedSince(cursor.query, start, signal)) {
      reached ||= reaches(room, cursor, rows, position);
      const sighted = sight(room, from, { known, rows, seen, newest: position, moves: true, told });
      if (sighted === undefined) continue;
      const { keys, note } = sighted;
      marked += keys.length;
      // A position alone: who forgets it looks further back.
      if (keys.length === 0) store.repeatable(() => note(keys), "signal");
      // What may be an older state marks keys, and they are read in their turn, once the history is known.
      else if (verify || !reached) store.transaction(() => note(keys), "signal");
      else await drain.readSignalled(source, keys, { note, signal });
      known = sighted.position;
    }
    marked += markRechecks(room, from, seen);
    if ((verify || !reached) && position !== lowestMark(kind)) await lookBehind(room, from, { known, reached, signal });
    newest = undefined;
    verified = true;
    if (marked > 0) quiet = marked > mostShown ? Number.POSITIVE_INFINITY : 0;
    return marked;
  };

  /** While changes come: the newest rows, and all of them with it. Returns undefined where only the whole overlap can tell. */
  const pollNewest = async (stored: string, signal: AbortSignal): Promise<number | undefined> => {
    // While the ERP is left alone rows would be fetched in vain: keys are noted, and read together afterwards.
    if (!verified || quiet > mostQuiet || room.pace.isResting() || !showsRows(room, from)) return undefined;
    const position = believable(kind, newest ?? stored, timeOf(room));
    const [at, started] = [clock.now(), clock.monotonic()];
    using watch = drain.watch(source.mapping.source);
    const asked = { from: markBefore(kind, position, Math.min(cursor.overlap, shortOverlapMs)), most: mostShown, signal };
    const shown = await connector.changedRows?.(source.mapping.query, cursor.query, asked);
    if (shown === undefined) quiet = Number.POSITIVE_INFINITY;
    if (shown === undefined || !reaches(room, cursor, shown.changes, position)) return undefined;
    const sighted = sight(room, from, { known: stored, rows: shown.changes, seen, newest: position, moves: false });
    quiet += 1;
    if (sighted === undefined) return 0;
    const { keys, note } = sighted;
    const durationMs = clock.monotonic() - started;
    await drain.readSignalled(source, keys, { note, signal, shown: { rows: shown.rows, at, durationMs, watch } });
    newest = sighted.newest;
    quiet = 0;
    return keys.length;
  };

  const pollOnce = async (signal: AbortSignal): Promise<number> => {
    const stored = store.sources.position(cursor.name);
    if (stored === undefined) {
      await begin(signal);
      return 0;
    }
    const marked = await pollNewest(stored, signal);
    if (marked !== undefined && clock.monotonic() < wholeAt + wholeEveryMs) return marked;
    return (marked ?? 0) + (await pollWhole(stored, signal));
  };
  const poll = async (signal: AbortSignal): Promise<number> => {
    try {
      return await pollOnce(signal);
    } catch (error) {
      // What was sighted and then not committed counts as not sighted.
      forget();
      verified = false;
      if (error instanceof Overtaken) return 0;
      throw error;
    }
  };
  return { begin, poll };
}

/** Whether polls may bring the rows along: those of the source's own table, told apart by times that do not repeat. */
function showsRows({ connector, clock, timezone }: Room, { source, cursor, child }: SignalSource): boolean {
  const { from, key } = source.mapping.query;
  const { query, grain } = cursor;
  if (connector.changedRows === undefined || child !== undefined || query.kind !== "timestamp" || grain === "day") return false;
  if (!("table" in from) || from.table !== query.table || key.join("\n") !== query.key.join("\n")) return false;
  return setBackMs(clock.now(), timezone) === 0;
}

/** Local clocks that go back repeat an hour of marks. */
function overlapNow(room: Room, { query, overlap }: CursorSignal): number {
  return query.kind === "sequence" ? overlap : overlap + setBackMs(room.clock.now(), room.timezone);
}

/** A mark of whole seconds may stand for a second change, committed later than the first was read. */
function markRechecks(room: Room, { source, child }: SignalSource, seen: SeenMarks): number {
  const { store, clock } = room;
  const due = seen.takeRechecks();
  if (due.length === 0) return 0;
  const keys =
    child === undefined ? due : due.map((own) => store.sources.child(child.name, own)?.parent).filter((key) => key !== undefined);
  store.pending.mark(source.mapping.source, keys, { now: clock.now(), confirm: false });
  return keys.length;
}

/** Is what the source shows an older state, or were its newest rows deleted? The rule stands in samples.ts. */
async function lookBehind(
  room: Room,
  from: SignalSource,
  { known, reached, signal }: { known: string; reached: boolean; signal: AbortSignal },
): Promise<void> {
  const { store } = room;
  const { source, cursor, child } = from;
  const { kind } = cursor.query;
  const samples = store.sources.samples(cursor.name);
  const shown = await judge(room, from, { samples, absent: new Set(), reached, signal });
  const gone = samples.filter(({ key }) => !shown.has(key)).map(({ key }) => key);
  if (reached && gone.length === 0) return;
  const highest = reached ? known : await highestMark(room, cursor, signal);
  store.transaction(() => {
    requirePosition(room, cursor, known);
    if (isLater(kind, known, highest)) store.sources.setPosition(cursor.name, highest);
    store.sources.setSamples(
      cursor.name,
      samples.filter(({ key }) => shown.has(key)),
    );
    // What is gone is read by key: its delete is found sooner than by the next compare.
    const keys =
      child === undefined
        ? gone
        : gone.map((own) => store.sources.child(child.name, own)?.parent).filter((key) => key !== undefined);
    store.pending.mark(source.mapping.source, keys, { now: room.clock.now(), confirm: false });
  }, "signal");
}

async function highestMark(room: Room, { query }: CursorSignal, signal: AbortSignal): Promise<string> {
  let highest: string | undefined;
  for await (const rows of room.connector.changedSince(query, undefined, signal)) highest = rows.at(-1)?.mark ?? highest;
  return highest === undefined ? lowestMark(query.kind) : believable(query.kind, highest, timeOf(room));
}
