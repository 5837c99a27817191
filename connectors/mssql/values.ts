import { FuserError } from "../../base/errors.ts";
import type { ColumnType, Value } from "../connector.ts";
import type { RawValue } from "../digest.ts";
import type { Decode } from "../row-batch.ts";

/** What the driver says of a result's column. */
export interface DriverColumn {
  colName: string;
  type: { name: string };
  scale?: number | undefined;
  dataLength?: number | undefined;
}

export interface ResultColumn {
  name: string;
  type: ColumnType;
  /** Makes of what the driver gives what is digested and kept: text, whole numbers, floats and bytes. */
  raw: (value: unknown) => RawValue;
}

/** Numbers of so many digits are exact as the driver's floats. */
const exactDigits = 15;

/**
 * A column of a result. CHAR padding is undone, dates become text as they stand (the driver is told to take them for UTC, so that nothing shifts), a
 * DATETIMEOFFSET becomes its instant. Decimals come as floats: exact while they have no more than 15 digits, and refused beyond.
 */
export function resultColumn(metadata: DriverColumn): ResultColumn {
  const [type, raw] = reading(metadata);
  return { name: metadata.colName, type, raw: (value) => (value === null || value === undefined ? null : raw(value)) };
}

type Reading = [type: ColumnType, raw: (value: unknown) => RawValue];

function reading({ type, scale, dataLength, colName }: DriverColumn): Reading {
  switch (type.name) {
    case "IntN":
    case "TinyInt":
    case "SmallInt":
    case "Int":
    case "BigInt":
      return ["integer", (value) => BigInt(value as number | string)];
    case "Bit":
    case "BitN":
      return ["boolean", (value) => (value === true ? 1n : 0n)];
    case "DecimalN":
    case "NumericN":
    case "Decimal":
    case "Numeric":
      return ["decimal", (value) => exactDecimal(value as number, scale ?? 0, colName)];
    case "MoneyN":
    case "Money":
    case "SmallMoney":
      return ["decimal", (value) => exactDecimal(value as number, 4, colName)];
    case "Real":
      return ["float", (value) => shortestReal(value as number)];
    case "FloatN":
      return ["float", (value) => (dataLength === 4 ? shortestReal(value as number) : (value as number))];
    case "Float":
      return ["float", (value) => value as number];
    case "Date":
      return ["date", (value) => (value as Date).toISOString().slice(0, 10)];
    case "Time":
      return ["time", (value) => moment(value as Date).slice(11)];
    case "DateTime":
    case "SmallDateTime":
    case "DateTimeN":
    case "DateTime2":
      return ["datetime", (value) => moment(value as Date)];
    case "DateTimeOffset":
      return ["instant", (value) => `${moment(value as Date)}Z`];
    case "Binary":
    case "VarBinary":
    case "Image":
    case "UDT":
      // The driver's bytes are a view of the whole packet.
      return ["bytes", (value) => Buffer.from(value as Uint8Array)];
    case "Char":
    case "NChar":
      return ["text", (value) => (value as string).replace(/ +$/, "")];
    default:
      return ["text", (value) => String(value)];
  }
}

/** @throws FuserError rejected where the float may not be the decimal that the server holds */
function exactDecimal(value: number, scale: number, column: string): string {
  if (Math.abs(value) < 10 ** (exactDigits - scale)) return value.toFixed(scale);
  throw new FuserError("rejected", `The column ${column} holds a number of more than ${exactDigits} digits`, {
    code: "erp-value-inexact",
    operation: "read from the ERP",
    place: column,
    hint: "Write CONVERT(varchar(41), the column) in this SQL text: the database driver would round the number.",
  });
}

/** The shortest decimal that is the same REAL: 1.1 and not 1.100000023841858. */
function shortestReal(value: number): number {
  for (let digits = 1; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return short;
  }
  return value;
}

/** `YYYY-MM-DDTHH:mm:ss[.f]`; the driver keeps what is finer than a millisecond beside its Date. */
function moment(value: Date): string {
  const text = value.toISOString().slice(0, -1);
  const finer = Math.round(((value as { nanosecondsDelta?: number }).nanosecondsDelta ?? 0) * 1e7);
  return `${text}${String(finer).padStart(4, "0")}`.replace(/\.?0+$/, "");
}

/** How raw values of a column are decoded; what was converted to text in the SELECT is text already. */
export function decoderOf(type: ColumnType): Decode {
  if (type === "boolean") return (raw): Value => (typeof raw === "bigint" ? raw !== 0n : raw);
  return (raw): Value => (typeof raw === "bigint" ? integerOf(raw) : raw);
}

function integerOf(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}
