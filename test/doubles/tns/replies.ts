// What the server answers, written as its bytes.
import { ByteWriter } from "./bytes.ts";
import type { ResultColumn } from "./database.ts";
import { type Cell, type TypeName, typeCodes, writeValue } from "./values.ts";

const utf8 = 873;
const messages = { error: 4, rowHeader: 6, row: 7, parameter: 8, status: 9, ioVector: 11, warning: 15, describe: 16 } as const;
/** Field version of a 19c server: what follows it is left out everywhere. */
const fieldVersion = 12;
const noData = 1403;

export function protocolReply(): Buffer {
  const fields = Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 0, 0x07, 0xd0]);
  const compiled = Buffer.alloc(53);
  compiled[7] = fieldVersion;
  const runtime = Buffer.alloc(7);
  runtime[6] = 4;
  const writer = new ByteWriter().u8(1, 6, 0).raw(Buffer.from("double/Linux\0")).u16le(utf8).u8(1).u16le(0);
  return writer.u16be(fields.length).raw(fields).bytes(compiled).bytes(runtime).whole;
}

export function typesReply(): Buffer {
  return new ByteWriter().u8(2).u16be(0).whole;
}

export function parametersReply(pairs: readonly (readonly [string, string, number?])[]): Buffer {
  const writer = new ByteWriter().u8(messages.parameter).ub(pairs.length);
  for (const [name, value, flag] of pairs)
    writer
      .text(name)
      .text(value)
      .ub(flag ?? 0);
  return writer.raw(status(false)).whole;
}

/** Stands before an answer that is none the worse for it. */
export function warningReply({ number, message }: { number: number; message: string }): Buffer {
  const text = `${message}\n`;
  return new ByteWriter().u8(messages.warning).ub(number, Buffer.byteLength(text), 0).bytes(text).whole;
}

export function status(inTransaction: boolean): Buffer {
  return new ByteWriter().u8(messages.status).ub(inTransaction ? 2 : 0, 0).whole;
}

export interface Ending {
  inTransaction: boolean;
  cursor?: number;
  rows?: number;
  error?: { number: number; message: string };
  /** A query has no more rows. */
  ended?: boolean;
}

/** The end of an answer: what became of the call, with or without an error. */
export function ending(writer: ByteWriter, { inTransaction, cursor = 0, rows = 0, error, ended = false }: Ending): Buffer {
  const told = error ?? (ended ? { number: noData, message: "ORA-01403: no data found" } : { number: 0, message: "" });
  writer.u8(messages.error).ub(inTransaction ? 2 : 0, 0, 0, told.number > 65_535 ? 0 : told.number, 0, 0, cursor, 0);
  writer.u8(0, 0, 0, 0, 0, 0);
  const rowid = rows > 0 ? 1 : 0;
  writer.ub(rowid, rowid).u8(0).ub(rowid, 0);
  writer.ub(0).u8(0, 0).ub(0, 0, 0, 0, 0, 0, told.number, rows);
  if (told.number !== 0) writer.bytes(`${told.message}\n`);
  return writer.whole;
}

const sizes: Partial<Record<TypeName, number>> = {
  VARCHAR2: 4000,
  CHAR: 2000,
  NUMBER: 22,
  DATE: 7,
  TIMESTAMP: 11,
  TIMESTAMP_LTZ: 11,
  TIMESTAMP_TZ: 13,
  BINARY_DOUBLE: 8,
  RAW: 2000,
  CLOB: 4000,
  BLOB: 4000,
};
const characters: ReadonlySet<TypeName> = new Set(["VARCHAR2", "CHAR", "CLOB", "LONG"]);
/** The scale of a NUMBER whose column names none. */
const floating = -127;

export function describeColumns(writer: ByteWriter, columns: readonly ResultColumn[]): void {
  writer.u8(messages.describe, 0);
  columnList(writer, columns);
}

function columnList(writer: ByteWriter, columns: readonly ResultColumn[]): void {
  writer.ub(100, columns.length);
  if (columns.length > 0) writer.u8(0);
  for (const [index, column] of columns.entries()) {
    const { name, type, nullable = true } = column;
    const size = column.size ?? sizes[type] ?? 0;
    const scale = column.scale ?? (type === "NUMBER" && column.precision === undefined ? floating : 0);
    const text = characters.has(type);
    writer.u8(typeCodes[type], 0, column.precision ?? 0, scale);
    writer.ub(size, 0, 0, 0, 0, text ? utf8 : 0).u8(text ? 1 : 0);
    writer.ub(type === "VARCHAR2" || type === "CHAR" ? size : 0, 0).u8(nullable ? 1 : 0, 0);
    writer.text(name).ub(0, 0, index + 1, 0);
  }
  writer.ub(0, 0, 0, 0, 0, 0);
}

export function rowHeader(writer: ByteWriter): void {
  writer.u8(messages.rowHeader, 0).ub(0, 0, 0, 0, 0, 0);
}

export function rowOf(writer: ByteWriter, values: readonly Cell[], types: readonly TypeName[]): void {
  writer.u8(messages.row);
  for (const [index, type] of types.entries()) {
    if (type === "CLOB" || type === "BLOB")
      throw new Error("The double gives LOBs as text and bytes only, as a define asks for them");
    writeValue(writer, type, values[index] ?? null);
    if (type === "LONG" || type === "LONG_RAW") writer.ub(0, 0);
  }
}

export interface OutBind {
  type: TypeName;
  value: Cell | { columns: readonly ResultColumn[]; cursor: number };
}

/** Values of OUT parameters; undefined for a bind that is not one. */
export function outBinds(writer: ByteWriter, binds: readonly (OutBind | undefined)[]): void {
  writer.u8(messages.ioVector, 0).ub(binds.length & 255, binds.length >> 8, 0, 0, 0, 0);
  for (const bind of binds) writer.u8(bind === undefined ? 32 : 48);
  if (binds.every((bind) => bind === undefined)) return;
  writer.u8(messages.row);
  for (const bind of binds) {
    if (bind === undefined) continue;
    const { value, type } = bind;
    if (value !== null && typeof value === "object" && "columns" in value) {
      writer.u8(1);
      columnList(writer, value.columns);
      writer.ub(value.cursor);
    } else writeValue(writer, type, value as Cell);
    writer.ub(0);
  }
}

export function returnedRows(writer: ByteWriter, types: readonly TypeName[], rows: readonly (readonly Cell[])[]): void {
  writer.u8(messages.row);
  for (const [index, type] of types.entries()) {
    writer.ub(rows.length);
    for (const row of rows) {
      writeValue(writer, type, row[index] ?? null);
      writer.ub(0);
    }
  }
}
