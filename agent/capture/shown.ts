/** Rows that a poll brings along with its signal (docs/decisions/0026). */
import type { RowBatch } from "../../connectors/connector.ts";
import { type ReadRow, readRow } from "./reading.ts";
import type { CapturedSource } from "./source.ts";
import type { Watch } from "./watch.ts";

/** Rows that came with their signal: they are taken in place of a read by key, where nothing else was read of the key since. */
export interface Shown {
  /** Undefined: none of the keys has a row. */
  rows: RowBatch | undefined;
  /** When they were asked for, epoch ms, and how long the ERP took. */
  at: number;
  durationMs: number;
  /** Begun before they were asked for. */
  watch: Watch;
}

/** Those of these keys, mapped. */
export function rowsShown(source: CapturedSource, keys: readonly string[], batch: RowBatch | undefined): Map<string, ReadRow> {
  const wanted = new Set(keys);
  const rows = new Map<string, ReadRow>();
  for (let index = 0; index < (batch?.length ?? 0); index++) {
    const key = batch?.key(index);
    if (batch !== undefined && key !== undefined && wanted.has(key)) rows.set(key, readRow(source, batch, { index, key }));
  }
  return rows;
}
