/** What a row writer has written beside what the mapping makes of the same row: the law that both obey (docs/decisions/0025). */
import { isDeepStrictEqual } from "node:util";
import type { Mapped, Mapping, RowWriter, WrittenEntity } from "../../agent/map/mapped.ts";
import type { RowBatch, WrittenForm } from "../../connectors/connector.ts";

/** The writer of a mapping at work on the batches of one scan. */
export interface WriterAtWork {
  mapping: Mapping;
  writer: RowWriter;
  /** What the writer was made for. */
  forms: readonly WrittenForm[];
  into: WrittenEntity;
}

/** @throws Error where the batch has no bytes, or the mapping no writer for them */
export function writerAtWork(mapping: Mapping, batch: RowBatch): WriterAtWork {
  const { forms } = batch.written ?? {};
  const writer = forms && mapping.writerFor(forms);
  if (forms === undefined || writer === undefined) throw new Error(`The rows of ${mapping.source} are not written from bytes`);
  return { mapping, writer, forms, into: writer.entity() };
}

/** Whether the row was declined or written; in other words what is wrong with what was written. */
export function judgeWritten({ mapping, writer, into }: WriterAtWork, batch: RowBatch, index: number): string {
  const { written } = batch;
  const key = batch.key(index);
  if (written === undefined || key === undefined) return "declined";
  written.open(index);
  into.start = into.bytes.write("before");
  if (!writer.write(written, key.length, into)) return "declined";
  if (into.bytes.toString("latin1", 0, into.start) !== "before") return "what stood before the row was overwritten";
  return unlike(mapping.map(batch.row(index), key), into, writer.targets) ?? "written";
}

function unlike(mapped: Mapped, into: WrittenEntity, targets: RowWriter["targets"]): string | undefined {
  if (mapped.kind !== "entity") return `a row was written that is ${mapped.kind}`;
  if (mapped.notes.length > 0) return "a row was written that has notes";
  if (mapped.lookups !== undefined) return "a row was written that asked a lookup";
  if (mapped.cause !== undefined) return "a row was written that has a cause";
  const { bytes, start, end } = into;
  if (!Buffer.from(mapped.text.values).equals(bytes.subarray(start, end)))
    return `${bytes.toString("utf8", start, end)} was written for ${mapped.text.values}`;
  if (into.names !== mapped.text.names) return `${into.names.json} was written for ${mapped.text.names.json}`;
  if (into.filled !== mapped.filled) return `filled is ${into.filled} for ${mapped.filled}`;
  const parents = mapped.parents.map(({ source, missing, key }) => ({ source, missing, key }));
  const told = parentsOf(into, targets);
  return isDeepStrictEqual(told, parents) ? undefined : `parents ${JSON.stringify(told)} for ${JSON.stringify(parents)}`;
}

function parentsOf(
  { bytes, parentCount, parentTargets, parentStarts, parentEnds }: WrittenEntity,
  targets: RowWriter["targets"],
) {
  return Array.from({ length: parentCount }, (_, at) => ({
    ...(targets[parentTargets[at] as number] as RowWriter["targets"][number]),
    key: bytes.toString("latin1", parentStarts[at], parentEnds[at]),
  }));
}
