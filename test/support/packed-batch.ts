/** Batches as the MySQL connector makes them, without a server. */
import mysql from "mysql2";
import type { ColumnType, RowBatch, Value } from "../../connectors/connector.ts";
import { packedBatch } from "../../connectors/mysql/batch.ts";
import { decoderOf } from "../../connectors/mysql/decode.ts";
import { KeyReader } from "../../connectors/mysql/keys.ts";
import { RowPacker, type SentValue } from "../../connectors/mysql/packed-rows.ts";
import { digested } from "../../connectors/mysql/stream.ts";
import type { Field } from "../../connectors/mysql/values.ts";
import { writtenColumns } from "../../connectors/mysql/written.ts";

const { Types } = mysql;
const columnTypes: Readonly<Record<ColumnType, number>> = {
  ...{ text: Types.VAR_STRING, integer: Types.LONGLONG, decimal: Types.NEWDECIMAL, float: Types.DOUBLE, boolean: Types.BIT },
  ...{ date: Types.DATE, time: Types.TIME, datetime: Types.DATETIME, instant: Types.TIMESTAMP, bytes: Types.BLOB },
};
const utf8 = 45;
const binary = 63;

/** A result's column of this type, as the server describes it. */
export function fieldOf(type: ColumnType, more: Partial<Field> = {}): Field {
  const width = type === "boolean" ? 1 : 40;
  const characterSet = type === "text" ? utf8 : binary;
  return { name: "c", columnType: columnTypes[type], characterSet, columnLength: width, decimals: 0, flags: 0, ...more };
}

/** A value as the server would send it in a column of this type. */
export function sentOf(value: Value, type: ColumnType): SentValue {
  if (value === null) return null;
  if (value instanceof Uint8Array) return Buffer.from(value);
  if (type === "boolean") return Buffer.from([value === true ? 1 : 0]);
  if (type === "datetime" || type === "instant") return Buffer.from(String(value).replace("T", " ").replace(/Z$/, ""));
  return Buffer.from(String(value));
}

/** @param rows the columns' values, then the flags' @param key positions of the key's columns */
export function batchOfSent(
  rows: readonly (readonly SentValue[])[],
  { fields, key, flags = 0 }: { fields: readonly Field[]; key: readonly number[]; flags?: number },
): RowBatch {
  const packer = new RowPacker();
  for (const row of rows) packer.addValues(row);
  const keys = new KeyReader(fields, key);
  const decoders = fields.map(decoderOf);
  const written = writtenColumns(fields, { decoders, flags, key });
  return packedBatch({ keys, columns: decoders, flags, children: [], written }, digested(packer.take(), keys));
}
