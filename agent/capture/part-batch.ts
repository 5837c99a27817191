import type { RowBatch, WrittenRows } from "../../connectors/connector.ts";

/** A batch as several of at most so many rows, which live as long as it does. */
export function* partsOf(batch: RowBatch, rows: number): Generator<RowBatch> {
  for (let from = 0; from < batch.length; from += rows) yield partOf(batch, from, Math.min(from + rows, batch.length));
}

function partOf(batch: RowBatch, from: number, to: number): RowBatch {
  return {
    length: to - from,
    key: (index) => batch.key(from + index),
    row: (index) => batch.row(from + index),
    keyDigests: batch.keyDigests.subarray(from, to),
    digests: batch.digests.subarray(from, to),
    written: batch.written && shifted(batch.written, from),
  };
}

function shifted(rows: WrittenRows, from: number): WrittenRows {
  const { bytes, forms, starts, ends } = rows;
  return {
    ...{ bytes, forms, starts, ends },
    open: (index) => rows.open(from + index),
    flag: (index) => rows.flag(index),
    value: (column) => rows.value(column),
    writeKey: (into, at) => rows.writeKey(into, at),
  };
}
