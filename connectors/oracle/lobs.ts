/**
 * LOBs are read whole up to a bound. Of a longer one only the length is read: its row can't be decoded then, and goes to quarantine by itself, while the
 * agent's memory and all other rows are safe.
 */
import { FuserError } from "../../base/errors.ts";
import type { RawValue } from "../digest.ts";
import type { NativeType } from "./values.ts";

/** Characters or bytes; several times what a portal takes in one frame. */
export const longestLob = 4_194_304;

/** Rows with LOBs that are fetched, or read by key, at once. */
export const lobRows = 8;

export type Typed = readonly { native: NativeType }[];

export const isLob = ({ native }: { native: NativeType }): boolean => native === "clob" || native === "blob";

/** LONG and LONG RAW are as long, and no function takes them. */
export const hasLobs = (columns: Typed): boolean =>
  columns.some((column) => isLob(column) || column.native === "long" || column.native === "longRaw");

/** Puts the length in the place of each LOB that is too long. @param width columns of a row in front of the lengths; what stands behind is taken away */
export function takeLengths(rows: readonly RawValue[][], columns: Typed, width: number): void {
  const positions = columns.flatMap((column, index) => (isLob(column) ? [index] : []));
  if (positions.length === 0) return;
  for (const row of rows) {
    if (row.length === width) continue;
    for (const [at, position] of positions.entries()) {
      const length = row[width + at] ?? null;
      if (length !== null) row[position] = Number(length);
    }
    row.length = width;
  }
}

/** @throws FuserError rejected for the length of a LOB that was not read */
export function decodeLob(raw: RawValue): RawValue {
  if (typeof raw !== "number") return raw;
  throw new FuserError("rejected", `A LOB of ${raw} characters or bytes is longer than ${longestLob}`, {
    code: "erp-value-too-long",
    operation: "read rows of the ERP",
    hint: "Leave the column out, or read a part of it by `query:`.",
  });
}
