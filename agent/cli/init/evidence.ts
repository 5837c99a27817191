/**
 * What a look into the tables has shown: a few rows, counts of codes, and whether references lead anywhere. It lives in memory and is never written; of values
 * only codes and sentinels reach the draft (codes.ts and dates.ts say which).
 */
import type { Table, Value } from "../../../connectors/connector.ts";
import { codeText } from "../../map/code-maps.ts";

export interface CodeCount {
  code: string;
  rows: number;
}

export interface CountedCodes {
  codes: readonly CodeCount[];
  /** Of all rows of the table, or of those looked at. */
  of: "all" | "sample";
}

export interface Sample {
  table: Table;
  /** Columns that identify a row. */
  key: readonly string[];
  /** By column name; of the first rows by the key. */
  rows: readonly Readonly<Record<string, Value>>[];
}

/** A reference that was followed. */
export interface Proof {
  /** Different values that were looked for, and how many of them are there. */
  asked: number;
  found: number;
}

export interface Evidence {
  sample(table: string): Sample | undefined;
  /** Undefined where they are no codes: too many, too long. */
  codes(table: string, column: string): CountedCodes | undefined;
  /** Undefined before it was followed, and where nothing could be. */
  proof(reference: Reference): Proof | undefined;
}

/** Columns of one table that name a row of another one by its key. */
export interface Reference {
  from: string;
  columns: readonly string[];
  to: string;
  /** The key there. */
  key: readonly string[];
}

export const referenceName = ({ from, columns, to }: Reference): string => `${from}(${columns.join(",")})->${to}`;

/** What a column of the sample holds, without what is empty. */
export function filled(sample: Sample | undefined, column: string): Exclude<Value, null>[] {
  return (sample?.rows ?? []).flatMap((row) => {
    const value = row[column] ?? null;
    return value === null || (typeof value === "string" && value.trim() === "") ? [] : [value];
  });
}

/** The key of a table: the primary one, else the shortest unique index without a column that may be null. */
export function keyOf(table: Table): readonly string[] | undefined {
  if (table.primaryKey.length > 0) return table.primaryKey;
  const must = new Set(table.columns.filter(({ nullable }) => !nullable).map(({ name }) => name));
  const unique = table.uniqueIndexes.filter((columns) => columns.length > 0 && columns.every((column) => must.has(column)));
  return unique.toSorted((one, other) => one.length - other.length)[0];
}

/** Codes of the sample, where the database was not asked for them. */
export function sampledCodes(sample: Sample, column: string): CountedCodes {
  const counts = new Map<string, number>();
  for (const value of filled(sample, column)) {
    const code = codeText(value).trim();
    counts.set(code, (counts.get(code) ?? 0) + 1);
  }
  return { of: "sample", codes: [...counts].map(([code, rows]) => ({ code, rows })).sort((one, other) => other.rows - one.rows) };
}
