/**
 * Polls a cursor column: everything from the position on, less an overlap for what was committed late. Each row marks its key, or its parent's; the
 * position is committed together with the keys it marked. Everything else, a row's truth above all, is for the read by key: where it may be made at once,
 * its result goes into the same commit.
 */
import type { CursorRow } from "../../connectors/connector.ts";
import type { Drain } from "./drain.ts";
import { judge, type SignalSource, timeOf } from "./history-signs.ts";
import { believable, horizonOf, isAhead, isLater, laterMark, lowestMark, markBefore } from "./marks.ts";
import type { Room } from "./parts.ts";
import { type Sample, withSightings } from "./samples.ts";
import { setBackMs } from "./schedule.ts";
import { createSeenMarks, type SeenMarks } from "./seen-marks.ts";
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

/** The position is not the one any more that a poll set out from: the history was found lost meanwhile, and with it all that the poll has seen. */
class Overtaken extends Error {}

export function createPoller(room: Room, drain: Pick<Drain, "readSignalled">, from: SignalSource): Poller {
  const { connector, store } = room;
  const { cursor } = from;
  const { kind } = cursor.query;
  const freshSeen = (): SeenMarks =>
    createSeenMarks({ clock: room.clock, grain: cursor.grain, overlapMs: kind === "timestamp" ? cursor.overlap : 0 });
  let seen = freshSeen();
  // After a start or a failed poll the server may be another state of itself, even if it shows something past the position.
  let verified = false;

  const begin = async (signal: AbortSignal): Promise<void> => {
    if (store.sources.position(cursor.name) !== undefined) return;
    const highest = await highestMark(room, cursor, signal);
    if (store.sources.position(cursor.name) !== undefined) return;
    store.transaction(() => store.sources.setPosition(cursor.name, highest), "position");
    seen = freshSeen();
  };

  const pollOnce = async (signal: AbortSignal): Promise<number> => {
    const stored = store.sources.position(cursor.name);
    if (stored === undefined) {
      await begin(signal);
      return 0;
    }
    const time = timeOf(room);
    const horizon = horizonOf(kind, time);
    const position = believable(kind, stored, time);
    const start = markBefore(kind, position, overlapNow(room, cursor));
    let known = stored;
    let reached = false;
    let marked = 0;
    const verify = !verified;
    verified = false;
    for await (const rows of connector.changedSince(cursor.query, start, signal)) {
      // Rows come in order of their marks, so the last ones are the most likely.
      reached ||= rows.findLast(({ mark }) => !isLater(kind, position, mark) && !isAhead(mark, horizon)) !== undefined;
      const sighted = sight(room, from, { known, rows, seen });
      if (sighted === undefined) continue;
      marked += sighted.keys.length;
      // What may be an older state marks keys, and they are read in their turn, once the history is known.
      if (verify || !reached || sighted.keys.length === 0) store.transaction(() => sighted.note(sighted.keys), "signal");
      else await drain.readSignalled(from.source, sighted.keys, { note: sighted.note, signal });
      known = sighted.position;
    }
    marked += markRechecks(room, from, seen);
    if ((verify || !reached) && position !== lowestMark(kind)) await lookBehind(room, from, { known, reached, signal });
    verified = true;
    return marked;
  };
  const poll = async (signal: AbortSignal): Promise<number> => {
    try {
      return await pollOnce(signal);
    } catch (error) {
      // What was sighted and then not committed counts as not sighted.
      seen = freshSeen();
      if (error instanceof Overtaken) return 0;
      throw error;
    }
  };
  return { begin, poll };
}

/** Local clocks that go back repeat an hour of marks. */
function overlapNow(room: Room, { query, overlap }: CursorSignal): number {
  return query.kind === "sequence" ? overlap : overlap + setBackMs(room.clock.now(), room.timezone);
}

/** What is new in a batch. */
interface Sighted {
  keys: readonly string[];
  /** Behind it. */
  position: string;
  /** Marks these keys and notes children's parents, samples and the position: to be called within one transaction. @throws Overtaken */
  note: (keys: readonly string[]) => void;
}

interface Seen {
  /** The position as it was when they were asked for. */
  known: string;
  rows: readonly CursorRow[];
  seen: SeenMarks;
}

/** Undefined where nothing is new. @throws Overtaken */
function sight(room: Room, { source, cursor, child }: SignalSource, { known, rows, seen }: Seen): Sighted | undefined {
  const { store, clock } = room;
  const { kind } = cursor.query;
  const keys = new Set<string>();
  const moved: { own: string; parent: string }[] = [];
  const sightings: Sample[] = [];
  const time = timeOf(room);
  requirePosition(room, cursor, known);
  let position = believable(kind, known, time);
  const horizon = horizonOf(kind, time);
  let news = 0;
  for (const { key, own, mark } of rows) {
    const sighted = own ?? key;
    // The position went past it when it was sighted.
    if (sighted !== undefined && !seen.isNew(sighted, mark)) continue;
    const ahead = isAhead(mark, horizon);
    if (!ahead) position = laterMark(kind, position, mark);
    if (sighted === undefined) continue;
    news += 1;
    if (!ahead) sightings.push({ key: sighted, mark });
    if (key !== undefined) keys.add(key);
    if (child === undefined || own === undefined) continue;
    const parent = store.sources.child(child.name, own)?.parent;
    if (parent !== undefined && parent !== key) keys.add(parent);
    if (key !== undefined && parent !== key) moved.push({ own, parent: key });
  }
  if (news === 0 && position === known) return undefined;
  return {
    ...{ keys: [...keys], position },
    note(marked) {
      requirePosition(room, cursor, known);
      store.pending.mark(source.mapping.source, marked, { now: clock.now(), confirm: true });
      if (child !== undefined) store.sources.setParents(child.name, moved);
      store.sources.setPosition(cursor.name, position);
      store.sources.setSamples(cursor.name, withSightings(store.sources.samples(cursor.name), sightings, kind));
    },
  };
}

function requirePosition({ store }: Room, { name }: CursorSignal, known: string): void {
  if (store.sources.position(name) !== known) throw new Overtaken();
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
