/** A new row's way by its mapping: decoded, mapped and appended before the next one, so that nothing of it lives on. */
import type { Row, RowBatch } from "../../connectors/connector.ts";
import type { Mapped, Parent } from "../map/mapped.ts";
import type { OutboxAppender, OutboxItem } from "../store/store.ts";
import type { Room } from "./parts.ts";
import type { CapturedSource } from "./source.ts";

type Entity = Extract<Mapped, { kind: "entity" }>;

/** Takes a row in the transaction under way; false: settling must think of it. */
export type TakeMapped = (key: string, index: number) => boolean;

/** For the batches of one scan. */
export type MappedWay = (batch: RowBatch, frames: OutboxAppender, readAt: number) => TakeMapped;

export function createMappedWay(room: Room, source: CapturedSource): MappedWay {
  const { store, digest } = room;
  const name = source.mapping.source;
  const judge = room.judging?.of(source);
  const parents = createParentNumbers(room);
  return (batch, frames, readAt) => {
    parents.begin();
    return (key, index) => {
      const mapped = mapRow(source, batch, { key, index });
      if (mapped?.kind !== "entity" || isAwaited(room, name, key)) return false;
      judge?.gather(key, mapped);
      const judged = judge?.judge(key, mapped);
      const numbers = parents.of(mapped);
      if (numbers === undefined || judged?.hold !== undefined) return false;
      const text = judged?.text ?? mapped.text;
      const entity = { key, mapped: { ...mapped, text }, readAt, withheld: judged?.withheld };
      if (frames.add(itemOf(room, source, entity)) === "too-large") return false;
      const digests = { rowDigest: batch.digests[index] as bigint, keyDigest: batch.keyDigests[index] as bigint };
      store.entities.add(name, key, { ...digests, entityDigest: digest(text), parents: numbers });
      return true;
    };
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
  { key, mapped, readAt, withheld }: { key: string; mapped: Entity; readAt: number; withheld: readonly string[] | undefined },
): OutboxItem {
  const { id, text } = mapped;
  const cause = mapped.cause ?? store.inbox.causeOf(mapping.source, key);
  const item = { op: "upsert", type: mapping.type, id, time: readAt, text } as const;
  const noted = withheld === undefined || withheld.length === 0 ? item : { ...item, withheld };
  return cause === undefined ? noted : { ...noted, cause };
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
