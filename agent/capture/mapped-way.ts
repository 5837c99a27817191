/** A new row's way by its mapping: decoded, mapped and appended before the next one, so that nothing of it lives on. */
import type { Row, RowBatch } from "../../connectors/connector.ts";
import type { Mapped, Parent } from "../map/mapped.ts";
import type { OutboxAppender, OutboxItem } from "../store/store.ts";
import { formOf } from "./filled.ts";
import type { SourceJudge } from "./judging.ts";
import { noteLookups } from "./lookup-uses.ts";
import type { Room } from "./parts.ts";
import { noteBearer } from "./reuses.ts";
import type { CapturedSource } from "./source.ts";
import type { NewRows } from "./take-new.ts";

type Entity = Extract<Mapped, { kind: "entity" }>;

/** Takes a row in the transaction under way; false: settling must think of it. */
export type TakeMapped = (key: string, index: number) => boolean;

/** For the batches of one scan. */
export interface MappedWay {
  /** Of these of the batch facts are kept before the first of them is judged. */
  begin(batch: RowBatch, rows: Pick<NewRows, "indexes" | "written" | "readAt">, frames: OutboxAppender): TakeMapped;
}

export function createMappedWay(room: Room, source: CapturedSource): MappedWay {
  const { store, digest } = room;
  const name = source.mapping.source;
  const parents = createParentNumbers(room);
  return {
    begin(batch, rows, frames) {
      parents.begin();
      const form = formOf(store, source);
      const judge = room.judging?.ofNew(source);
      const note = room.judging?.noted(source);
      const known = judge && gatherAll(judge, source, { batch, ...rows });
      return (key, index) => {
        const mapped = known?.get(index) ?? mapRow(source, batch, { key, index });
        if (mapped?.kind !== "entity" || isAwaited(room, name, key)) return false;
        const numbers = parents.of(mapped);
        if (numbers === undefined) return false;
        // Its key may have been somebody else's.
        if (source.mapping.isReused === true && store.reuses.bearer(name, key) !== undefined) return false;
        const judged = judge?.judge(key, mapped);
        if (judged?.hold !== undefined) return false;
        const text = judged?.text ?? mapped.text;
        const item = itemOf(room, source, { key, mapped: { ...mapped, text }, readAt: rows.readAt });
        if (judged !== undefined && judged.withheld.length > 0) item.withheld = judged.withheld;
        if (frames.add(item) === "too-large") return false;
        const digests = { rowDigest: batch.digests[index] as bigint, keyDigest: batch.keyDigests[index] as bigint };
        const filled = { form, bits: mapped.filled };
        store.entities.add(name, key, { ...digests, entityDigest: digest(text), parents: numbers, filled });
        noteLookups(room, source, key, mapped);
        noteBearer(room, source, key, { ...mapped, text, withheld: item.withheld });
        note?.(key, mapped);
        return true;
      };
    },
  };
}

/** Maps rows, and keeps the facts of all before the first is judged: two of them may share an address. */
function gatherAll(
  judge: SourceJudge,
  source: CapturedSource,
  { batch, indexes, written }: Pick<NewRows, "batch" | "indexes" | "written">,
): ReadonlyMap<number, Mapped> {
  const known = new Map<number, Mapped>();
  for (const index of indexes) {
    const key = batch.key(index);
    // What was written since the scan began is newer than this row.
    if (key === undefined || written.has(key)) continue;
    const mapped = mapRow(source, batch, { key, index });
    if (mapped === undefined) continue;
    known.set(index, mapped);
    if (mapped.kind === "entity") judge.gather(key, mapped);
  }
  return known;
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
export function isAwaited({ store }: Room, name: string, key: string): boolean {
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
): Extract<OutboxItem, { op: "upsert" }> {
  const { id, text } = mapped;
  const cause = mapped.cause ?? store.inbox.causeOf(mapping.source, key);
  const item: Extract<OutboxItem, { op: "upsert" }> = { op: "upsert", type: mapping.type, id, time: readAt, text };
  if (cause !== undefined) item.cause = cause;
  return item;
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
