/** What the bytes of a batch say, put into words by the definition of their forms. */
import { isDeepStrictEqual } from "node:util";
import type { RowBatch, Value, WrittenRows } from "../../connectors/connector.ts";

const plain = /^[\x20-\x7e]*$/;

/** A value from its bytes, as connectors/connector.ts defines `WrittenForm`. */
function spelled(rows: WrittenRows, column: number): Value {
  const start = rows.starts[column] as number;
  if (start === -1 && rows.ends[column] === -1) return null;
  const form = rows.forms[column];
  const bytes = rows.bytes.subarray(start, rows.ends[column]);
  if (form === "text") return bytes.toString("utf8");
  if (form === "other") return rows.value(column);
  if (!plain.test(bytes.toString("latin1"))) throw new Error(`Bytes of form ${form} are not plain ASCII`);
  if (form === "plain") return bytes.toString("latin1");
  if (!/^-?\d+$/.test(bytes.toString("latin1"))) throw new Error("Bytes of an integer are not its digits");
  const number = Number(bytes.toString("latin1"));
  return Number.isSafeInteger(number) ? number : BigInt(bytes.toString("latin1"));
}

/** What is wrong with the bytes of a batch's row; undefined where they say the same as the row itself. */
export function wrongInWritten(batch: RowBatch, index: number): string | undefined {
  const { written } = batch;
  if (written === undefined) return undefined;
  const row = batch.row(index);
  const key = batch.key(index);
  written.open(index);
  const values = written.forms.map((_, column) => spelled(written, column));
  if (!isDeepStrictEqual(values, row.values)) return "the values spelled out of the bytes are not those of the row";
  if (row.values.some((value, column) => !isDeepStrictEqual(written.value(column), value))) return "a value asked for is another";
  if (row.flags.some((flag, at) => written.flag(at) !== flag)) return "a flag is another";
  const room = Buffer.alloc(8 + 4 * (key?.length ?? 0), "#");
  const end = written.writeKey(room, 4);
  if (key === undefined) return end === -1 ? undefined : "a key is written where there is none";
  if (end === -1) return isPlain(written, row.values) ? "a key of plain texts is not written" : undefined;
  return room.toString("latin1", 0, end + 1) === `####${key}#` ? undefined : "the key is another";
}

/** Then a key made of some of the values is made of their bytes. */
function isPlain({ forms }: WrittenRows, values: readonly Value[]): boolean {
  return values.every((value, column) => forms[column] === "text" && typeof value === "string" && plain.test(value));
}
