/**
 * Rows whose entities nobody knew before, as a first sync brings them by the million: put into the outbox and filed one by one, so that nothing of a row
 * lives on. Only what is plain goes this way, as bytes where that is certain (written-way.ts), else by its mapping; of whatever else must be thought of a row,
 * settling thinks (settle.ts).
 */
import type { RowBatch } from "../../connectors/connector.ts";
import { KeyDigests } from "./key-digests.ts";
import { createMappedWay, isAwaited } from "./mapped-way.ts";
import type { Room } from "./parts.ts";
import type { CapturedSource } from "./source.ts";
import { createWrittenWay } from "./written-way.ts";

export interface NewRows {
  batch: RowBatch;
  /** Of the rows for whose keys there is certainly no entity, and nothing pending. */
  indexes: readonly number[];
  /** Keys that were written since the scan began. */
  written: ReadonlySet<string>;
  /** The items' time, epoch ms. */
  readAt: number;
}

export interface NewTaken {
  sent: number;
  /** Rows that are not plain. */
  left: readonly number[];
  /** Keys that the batch brings more than once; of each the first row counts as above. */
  repeated: readonly string[];
}

export interface TakeNew {
  take(rows: NewRows): NewTaken;
  /** Whether the batch's rows go as bytes, or most of them: many then take as little time as few others. */
  takesBytes(batch: RowBatch): boolean;
}

/** Takes what is plain of a batch's new rows, in the transaction under way. For the batches of one scan. */
export function createTakeNew(room: Room, source: CapturedSource): TakeNew {
  const { store } = room;
  const name = source.mapping.source;
  const seen = new KeyDigests();
  const mappedWay = createMappedWay(room, source);
  const writtenWay = createWrittenWay(room, source);
  const take = ({ batch, indexes, written, readAt }: NewRows): NewTaken => {
    const left: number[] = [];
    const repeated: string[] = [];
    let sent = 0;
    seen.begin(batch.keyDigests);
    const frames = store.outbox.open({ bulk: true });
    const takeMapped = mappedWay.begin(batch, { indexes, written, readAt }, frames);
    const takeWritten = writtenWay.begin(batch, frames, readAt);
    const isOrdinary = ordinaryKeys(room, name);
    const isTaken = (index: number): boolean => {
      if (takeWritten !== undefined && (isOrdinary === "all" || isOrdinary(batch.key(index) as string))) {
        const taken = takeWritten(index);
        if (taken !== "declined") return taken === "sent";
      }
      return takeMapped(batch.key(index) as string, index);
    };
    for (let at = 0; at < indexes.length; at++) {
      const index = indexes[at] as number;
      const isFirst = seen.add(index);
      if (seen.isKeyless(index) || (written.size > 0 && written.has(batch.key(index) as string))) left.push(index);
      else if (!isFirst) repeated.push(batch.key(index) as string);
      else if (isTaken(index)) sent += 1;
      else left.push(index);
    }
    frames.end();
    room.judging?.flush();
    if (sent > 0) {
      const { sent: before } = store.sources.get(name);
      store.sources.update(name, { lastSuccessAt: room.clock.now(), sent: before + sent });
    }
    return { sent, left, repeated };
  };
  return { take, takesBytes: writtenWay.serves };
}

/** Of which keys neither quarantine nor a waiting child nor a command knows; mostly there is none of these at all, and no key need be asked for. */
function ordinaryKeys(room: Room, name: string): "all" | ((key: string) => boolean) {
  const { quarantine, entities, inbox } = room.store;
  if (!quarantine.mayConcern(name) && !entities.mayAwait(name) && !inbox.mayCause(name)) return "all";
  return (key) => !isAwaited(room, name, key) && inbox.causeOf(name, key) === undefined;
}
