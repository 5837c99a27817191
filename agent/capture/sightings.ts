/** What is new among the rows that a poll shows, and how it is noted. */
import type { CursorRow } from "../../connectors/connector.ts";
import { type SignalSource, timeOf } from "./history-signs.ts";
import { believable, horizonOf, isAhead, isLater, laterMark } from "./marks.ts";
import type { Room } from "./parts.ts";
import { type Sample, withSightings } from "./samples.ts";
import type { SeenMarks } from "./seen-marks.ts";
import type { CursorSignal } from "./source.ts";

/** The position is not the one any more that a poll set out from: the history was found lost meanwhile, and with it all that the poll has seen. */
export class Overtaken extends Error {}

export function requirePosition({ store }: Room, { name }: CursorSignal, known: string): void {
  if (store.sources.position(name) !== known) throw new Overtaken();
}

/** What is new in a batch. */
export interface Sighted {
  keys: readonly string[];
  /** Mark that was come to. */
  newest: string;
  /** The position behind it. */
  position: string;
  /** Marks these keys and notes children's parents and samples, and the position where it may move: to be called within one transaction. @throws Overtaken */
  note: (keys: readonly string[]) => void;
}

export interface Seen {
  /** The position as it was when they were asked for. */
  known: string;
  /** In order of their marks. */
  rows: readonly CursorRow[];
  seen: SeenMarks;
  /** Mark that polls have come to, with rows of which the position does not tell yet. */
  newest: string;
  /** False where nobody has looked for what was committed late: the position stays. */
  moves: boolean;
  /** Rows up to this mark were told of in a former life, and are not to be read again for being shown once more. */
  told?: string | undefined;
}

/** Undefined where nothing is new. @throws Overtaken */
export function sight(
  room: Room,
  { source, cursor, child }: SignalSource,
  { known, rows, seen, newest, moves, told }: Seen,
): Sighted | undefined {
  const { store, clock } = room;
  const { kind } = cursor.query;
  const keys = new Set<string>();
  const moved: { own: string; parent: string }[] = [];
  const sightings: Sample[] = [];
  const time = timeOf(room);
  requirePosition(room, cursor, known);
  const horizon = horizonOf(kind, time);
  const passed = moves ? rows.findLast(({ mark }) => !isLater(kind, mark, newest))?.mark : newest;
  let reached = believable(kind, known, time);
  if (passed !== undefined) reached = laterMark(kind, reached, passed);
  let news = 0;
  for (const { key, own, mark } of rows) {
    const sighted = own ?? key;
    if (sighted !== undefined && !seen.isNew(sighted, mark)) continue;
    const ahead = isAhead(mark, horizon);
    if (!ahead) reached = laterMark(kind, reached, mark);
    if (sighted === undefined || (told !== undefined && wasTold(cursor, mark, told))) continue;
    news += 1;
    if (!ahead) sightings.push({ key: sighted, mark });
    if (key !== undefined) keys.add(key);
    if (child === undefined || own === undefined) continue;
    const parent = store.sources.child(child.name, own)?.parent;
    if (parent !== undefined && parent !== key) keys.add(parent);
    if (key !== undefined && parent !== key) moved.push({ own, parent: key });
  }
  const position = moves ? reached : known;
  if (news === 0 && position === known) return undefined;
  return {
    ...{ keys: [...keys], newest: laterMark(kind, newest, reached), position },
    note(marked) {
      requirePosition(room, cursor, known);
      store.pending.mark(source.mapping.source, marked, { now: clock.now(), confirm: true });
      if (child !== undefined) store.sources.setParents(child.name, moved);
      if (position !== known) store.sources.setPosition(cursor.name, position);
      store.sources.setSamples(cursor.name, withSightings(store.sources.samples(cursor.name), sightings, kind));
    },
  };
}

/** A mark of a whole second or day may stand for another change of the same one. */
function wasTold({ query, grain }: CursorSignal, mark: string, told: string): boolean {
  if (isLater(query.kind, mark, told)) return false;
  return query.kind === "sequence" || grain === "fraction" || mark !== told;
}

/** Whether a poll shows a row at or past the position: then it is no older state. Rows come in order, so the last ones are the most likely. */
export function reaches(room: Room, { query }: CursorSignal, rows: readonly CursorRow[], position: string): boolean {
  const horizon = horizonOf(query.kind, timeOf(room));
  return rows.findLast(({ mark }) => !isLater(query.kind, position, mark) && !isAhead(mark, horizon)) !== undefined;
}
