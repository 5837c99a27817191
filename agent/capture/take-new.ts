/**
 * Rows whose entities nobody knew before, as a first sync brings them by the million: mapped, put into the outbox and filed one by one, so that nothing of a row
 * lives on. Only what is plain goes this way; of whatever else must be thought of a row, settling thinks (settle.ts).
 */
import type { Row, RowBatch } from "../../connectors/connector.ts";
import type { Mapped, Parent } from "../map/mapped.ts";
import type { OutboxAppender, OutboxItem } from "../store/store.ts";
import { KeyDigests } from "./key-digests.ts";
import type { Room } from "./parts.ts";
import type { CapturedSource } from "./source.ts";

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

export type TakeNew = (rows: NewRows) => NewTaken;

type Entity = Extract<Mapped, { kind: "entity" }>;

/** Takes what is plain of a batch's new rows, in the transaction under way. For the batches of one scan. */
export function createTakeNew(room: Room, source: CapturedSource): TakeNew {
  const { store, digest } = room;
  const { mapping } = source;
  const name = mapping.source;
  const seen = new KeyDigests();
  const parents = createParentNumbers(room);

  const take = (key: string, index: number, { batch, readAt }: NewRows, frames: OutboxAppender): boolean => {
    const mapped = mapRow(source, batch, { key, index });
    if (mapped?.kind !== "entity" || isAwaited(room, name, key)) return false;
    const numbers = parents.of(mapped);
    if (numbers === undefined) return false;
    if (frames.add(itemOf(room, source, { key, mapped, readAt })) === "too-large") return false;
    const digests = { rowDigest: batch.digests[index] as bigint, keyDigest: batch.keyDigests[index] as bigint };
    store.entities.add(name, key, { ...digests, entityDigest: digest(mapped.text), parents: numbers });
    return true;
  };

  return (rows) => {
    const { batch, indexes, written } = rows;
    const left: number[] = [];
    const repeated: string[] = [];
    let sent = 0;
    seen.begin(batch.keyDigests);
    parents.begin();
    const frames = store.outbox.open({ bulk: true });
    for (const index of indexes) {
      const key = batch.key(index);
      const isFirst = seen.add(index);
      if (key === undefined || written.has(key)) left.push(index);
      else if (!isFirst) repeated.push(key);
      else if (take(key, index, rows, frames)) sent += 1;
      else left.push(index);
    }
    frames.end();
    if (sent > 0) {
      const { sent: before } = store.sources.get(name);
      store.sources.update(name, { lastSuccessAt: room.clock.now(), sent: before + sent });
    }
    return { sent, left, repeated };
  };
}

/** Undefined: the row can't be decoded. */
function mapRow(
  { mapping }: CapturedSource,
  batch: RowBatch,
  { key, index }: { key: string; index: number },
): Mapped | undefined {
  let row: Row;
  try {
    row = batch.row(index);
  } catch {
    return undefined;
  }
  return mapping.map(row, key);
}

/** Quarantine holds it, or somebody waits for it. */
function isAwaited({ store }: Room, name: string, key: string): boolean {
  const { quarantine, entities } = store;
  return (
    quarantine.get(name, key) !== undefined ||
    quarantine.dependents(name, key).length > 0 ||
    entities.awaiting(name, key).length > 0
  );
}

function itemOf(
  { store }: Room,
  { mapping }: CapturedSource,
  { key, mapped, readAt }: { key: string; mapped: Entity; readAt: number },
): OutboxItem {
  const { id, text } = mapped;
  const cause = mapped.cause ?? store.inbox.causeOf(mapping.source, key);
  const item = { op: "upsert", type: mapping.type, id, time: readAt, text } as const;
  return cause === undefined ? item : { ...item, cause };
}

interface ParentNumbers {
  /** What was looked up before may have changed. */
  begin(): void;
  /** Numbers of an entity's parents, each once; undefined where one is not at the portal, or not for sure. */
  of(mapped: Entity): readonly number[] | undefined;
}

const noNumbers: readonly number[] = [];

function createParentNumbers({ store }: Room): ParentNumbers {
  /** Rows that stand side by side often share a parent, and the mapping then names the same object: by the parent's place in the row. */
  let last: { parent: Parent; no: number }[] = [];
  const numberOf = (parent: Parent, at: number): number | undefined => {
    const before = last[at];
    if (before?.parent === parent) return before.no;
    const no = store.entities.knownNo(parent.source, parent.key);
    // One that is about to be deleted counts as absent (settle.ts).
    const mayBeLeftOut = parent.missing === "omit" && store.quarantine.get(parent.source, parent.key) !== undefined;
    if (no === undefined || mayBeLeftOut) return undefined;
    last[at] = { parent, no };
    return no;
  };
  return {
    begin() {
      last = [];
    },
    of({ parents }) {
      if (parents.length === 0) return noNumbers;
      const numbers: number[] = [];
      for (let at = 0; at < parents.length; at++) {
        const no = numberOf(parents[at] as Parent, at);
        if (no === undefined) return undefined;
        if (!numbers.includes(no)) numbers.push(no);
      }
      return numbers;
    },
  };
}
