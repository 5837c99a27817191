/**
 * A new row's way as bytes: from what the database wrote into the frame under way and into its page, without a string or an object of its own. It takes only
 * what is certain; any other row goes the way that all can go (take-new.ts), and both leave the same.
 */
import type { RowBatch, WrittenForm, WrittenRows } from "../../connectors/connector.ts";
import type { RowWriter, WrittenEntity } from "../map/mapped.ts";
import { type KeyBytes, viewOf } from "../store/entities/key-bytes.ts";
import type { EntityAdder, MadeEntity, OutboxAppender, OutboxRow } from "../store/store.ts";
import { formOf } from "./filled.ts";
import type { Room } from "./parts.ts";
import type { CapturedSource } from "./source.ts";
import { WrittenParents } from "./written-parents.ts";

/** `left`: settling must think of it. `declined`: nothing is said of it. */
export type WrittenTaken = "sent" | "left" | "declined";

/** Takes rows of one batch, in the transaction under way. */
export type TakeWritten = (index: number) => WrittenTaken;

/** For the batches of one scan. */
export interface WrittenWay {
  /** Whether the batch's rows can go this way at all. */
  serves(batch: RowBatch): boolean;
  /** Undefined: they can't. */
  begin(batch: RowBatch, frames: OutboxAppender, readAt: number): TakeWritten | undefined;
}

/** What the rows of a scan are written with. */
interface Writing {
  forms: readonly WrittenForm[];
  asOf: number | undefined;
  writer: RowWriter;
  parents: WrittenParents;
  memory: Memory;
}

/** The mapping takes more than the bytes of these forms. */
interface NotWritten {
  forms: readonly WrittenForm[];
  asOf: number | undefined;
  writer: undefined;
}

/** Room to begin with; a writer that needs more sees to it. A longer key is not written. */
const firstBytes = 64 * 1024;
/** A prefix of other characters would not be the same within JSON. */
const plainPrefix = /^[\w.:-]*$/;

export function createWrittenWay(room: Room, source: CapturedSource): WrittenWay {
  const { mapping } = source;
  const prefix = mapping.idOf("");
  const keyColumns = mapping.query.key.map((column) => mapping.query.columns.indexOf(column));
  let writing: Writing | NotWritten | undefined;
  const prepare = (forms: readonly WrittenForm[]): Writing | NotWritten => {
    const writer = plainPrefix.test(prefix) ? mapping.writerFor(forms) : undefined;
    const asOf = mapping.asOf?.();
    if (writer === undefined) return { forms, asOf, writer };
    const parents = new WrittenParents(room, writer);
    return { forms, asOf, writer, parents, memory: createMemory({ writer, parents, prefix, type: mapping.type }) };
  };
  // Rules look at fields, which rows do not become on this way.
  const isJudged = room.judging?.ofNew(source) !== undefined;
  const writingOf = ({ written }: RowBatch): Writing | undefined => {
    if (written === undefined || isJudged) return undefined;
    // A key that was reused meanwhile is no longer written by its bytes.
    if (writing?.forms !== written.forms || writing.asOf !== mapping.asOf?.()) writing = prepare(written.forms);
    return writing.writer === undefined ? undefined : writing;
  };
  return {
    serves: (batch) => writingOf(batch) !== undefined,
    begin(batch, frames, readAt) {
      const found = writingOf(batch);
      if (found === undefined) return undefined;
      const { writer, parents, memory } = found;
      const targets = writer.targets.map((target) => target.source);
      const adder = room.store.entities.adder(mapping.source, { targets, form: formOf(room.store, source) });
      parents.begin(adder);
      memory.row.time = readAt;
      const rows = batch.written as WrittenRows;
      return takeFrom({ room, rows, batch, writer, parents, adder, frames, memory, keyColumns });
    },
  };
}

/** Used again for each row. */
interface Memory {
  /** Its bytes begin with the id's prefix. */
  entity: WrittenEntity;
  keyAt: number;
  made: MadeEntity;
  /** Its key, and those of its parents. */
  own: KeyBytes;
  other: KeyBytes;
  row: OutboxRow;
}

interface MemoryParts {
  writer: RowWriter;
  parents: WrittenParents;
  prefix: string;
  type: OutboxRow["type"];
}

function createMemory({ writer, parents, prefix, type }: MemoryParts): Memory {
  const entity = writer.entity();
  const bytes = Buffer.allocUnsafeSlow(firstBytes);
  entity.bytes = bytes;
  const { names } = entity;
  const keyAt = bytes.write(prefix, 0, "latin1");
  const own = { bytes, view: viewOf(bytes), start: keyAt, end: keyAt };
  const words = { keyLow: 0, keyHigh: 0, rowLow: 0, rowHigh: 0 };
  return {
    entity,
    keyAt,
    own,
    other: { ...own },
    made: { key: own, ...words, entityDigest: 0n, parents: parents.numbers, targets: parents.targets, parentCount: 0, filled: 0 },
    row: { type, time: 0, names, bytes, idEnd: keyAt, values: bytes.subarray(0, 0) },
  };
}

interface Parts {
  room: Room;
  rows: WrittenRows;
  batch: RowBatch;
  writer: RowWriter;
  parents: WrittenParents;
  adder: EntityAdder;
  frames: OutboxAppender;
  memory: Memory;
  keyColumns: readonly number[];
}

function takeFrom({ room, rows, batch, writer, parents, adder, frames, memory, keyColumns }: Parts): TakeWritten {
  const { entity, keyAt, made, own, other, row } = memory;
  const keyWords = wordsOf(batch.keyDigests);
  const rowWords = wordsOf(batch.digests);
  const isWritten = (index: number): boolean => {
    rows.open(index);
    let keyRoom = 0;
    for (let part = 0; part < keyColumns.length; part++) {
      const column = keyColumns[part] as number;
      keyRoom += 3 * ((rows.ends[column] as number) - (rows.starts[column] as number)) + 1;
    }
    if (keyAt + keyRoom > entity.bytes.length) return false;
    const keyEnd = rows.writeKey(entity.bytes, keyAt);
    if (keyEnd < 0) return false;
    entity.start = keyEnd;
    own.end = keyEnd;
    row.idEnd = keyEnd;
    return writer.write(rows, keyEnd - keyAt, entity);
  };
  return (index) => {
    if (!isWritten(index)) return "declined";
    if (entity.bytes !== own.bytes) follow(memory);
    if (!parents.find(entity, other)) return "left";
    row.names = entity.names;
    const { buffer, byteOffset } = entity.bytes;
    // Half of what `subarray` costs.
    row.values = new Uint8Array(buffer, byteOffset + entity.start, entity.end - entity.start);
    if (frames.addRow(row) === "too-large") return "left";
    made.keyLow = keyWords[2 * index] as number;
    made.keyHigh = keyWords[2 * index + 1] as number;
    made.rowLow = rowWords[2 * index] as number;
    made.rowHigh = rowWords[2 * index + 1] as number;
    made.entityDigest = room.digestWritten(entity.names, row.values);
    made.parents = parents.numbers;
    made.targets = parents.targets;
    made.parentCount = parents.count;
    made.filled = entity.filled;
    adder.add(made);
    return "sent";
  };
}

/** The writer needed more memory. */
function follow({ entity: { bytes }, own, other, row }: Memory): void {
  own.bytes = other.bytes = row.bytes = bytes;
  own.view = other.view = viewOf(bytes);
}

function wordsOf(digests: BigUint64Array): Int32Array {
  return new Int32Array(digests.buffer, digests.byteOffset, 2 * digests.length);
}
