/**
 * Tells a cursor column that is dead from a table in which nothing changes: rows come, and its highest value stays what it was. Then somebody writes without touching
 * the column (a nightly import, an upgrade that dropped a trigger), and nothing but compares would notice.
 */

import { isAbort, kindOf } from "../../base/errors.ts";
import type { Aggregate } from "../../connectors/connector.ts";
import { timeOf } from "./history-signs.ts";
import type { Task } from "./lane.ts";
import { believable } from "./marks.ts";
import { oweCompare } from "./owed-compares.ts";
import type { Room } from "./parts.ts";
import type { CapturedSource, CursorSignal } from "./source.ts";

/** Rows are counted so often, and so much less often where the ERP takes long: at most this share of its time. */
const lookEveryMs = 900_000;
const leastShare = 0.001;

/** Sources whose column says nothing of rows that come. */
export type Silent = Set<string>;

export interface ColumnLook {
  mark: string | undefined;
  rows: number;
  /** The mark was seen at a look before this one: it stands since then, and what comes with it is news. */
  stands: boolean;
}

/** What follows from another look; `silent`: there are more rows, under a mark that stood already when they were counted last. */
export function lookOn(before: ColumnLook | undefined, { rows, mark }: Aggregate): { look: ColumnLook; silent: boolean } {
  const isSame = before !== undefined && mark !== undefined && mark === before.mark;
  const silent = isSame && before.stands && rows > before.rows;
  return { look: { mark, rows, stands: isSame }, silent };
}

/** @param room with the pace of compares */
export function columnTasks(room: Room, silent: Silent): Task[] {
  if (room.connector.aggregate === undefined) return [];
  return room.sources.flatMap((source) => {
    const { cursor } = source;
    // Without an index the highest value costs the whole table.
    return cursor?.isIndexed === true ? [columnTask(room, source, { cursor, silent })] : [];
  });
}

interface Watched {
  cursor: CursorSignal;
  silent: Silent;
}

function columnTask(room: Room, source: CapturedSource, { cursor, silent }: Watched): Task {
  const { clock, store, pace } = room;
  const name = source.mapping.source;
  let before: ColumnLook | undefined;
  // Of the clock that nobody sets.
  let due = clock.monotonic() + lookEveryMs;
  return {
    source: name,
    dueAt() {
      if (store.sources.get(name).comparedAt === undefined) return Number.POSITIVE_INFINITY;
      return clock.now() + Math.max(0, due - clock.monotonic());
    },
    async run(signal) {
      const started = clock.monotonic();
      due = started + lookEveryMs;
      let found: Aggregate | undefined;
      try {
        found = await room.connector.aggregate?.(source.mapping.query, cursor.query, signal);
      } catch (error) {
        // Whatever is in the way, polls and compares say so; a count that takes too long is not worth it.
        if (isAbort(error) || kindOf(error) !== "transient") throw error;
        return;
      }
      if (found === undefined) return;
      const durationMs = clock.monotonic() - started;
      due += durationMs / leastShare;
      const { look, silent: isSilent } = lookOn(before, { ...found, mark: standing(room, cursor, found.mark) });
      if (look.mark !== before?.mark) silent.delete(name);
      if (isSilent) tell(room, source, { silent, rows: look.rows - (before?.rows ?? 0) });
      before = look;
      await pace.rest({ rows: 1, durationMs }, signal);
    },
  };
}

/** A value that lies ahead of the time stays the highest whatever happens: it tells nothing. */
function standing(room: Room, cursor: CursorSignal, mark: string | undefined): string | undefined {
  return mark !== undefined && believable(cursor.query.kind, mark, timeOf(room)) === mark ? mark : undefined;
}

function tell(room: Room, source: CapturedSource, { silent, rows }: { silent: Silent; rows: number }): void {
  const name = source.mapping.source;
  room.store.transaction(() => oweCompare(room, name, "column-silent"), "column-silent");
  if (silent.has(name)) return;
  silent.add(name);
  room.log.warn(`Rows come, and ${source.cursor?.query.column} says nothing of them: the source is compared in full`, {
    source: name,
    code: "column-silent",
    rows,
  });
}
