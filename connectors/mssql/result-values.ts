import type { Value } from "../connector.ts";
import type { StatementResult } from "../write-session.ts";
import type { ResultSet } from "./link.ts";
import { decoderOf } from "./values.ts";

/** The rows of a result as values of the contract. */
export function valuesOf({ columns, rows }: ResultSet): Pick<StatementResult, "columns" | "rows"> {
  const decoders = columns.map(({ type }) => decoderOf(type));
  return {
    columns: columns.map(({ name }) => name),
    rows: rows.map((row) => row.map((raw, index): Value => (decoders[index] as (typeof decoders)[number])(raw))),
  };
}
