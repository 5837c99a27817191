/** From a value of the expression language to a value of an ERP column, without loss: what does not fit is refused, never cut or rounded. */
import type { Column, ColumnType, Value } from "../../connectors/connector.ts";
import { instantMs, validDate, validLocal, validTime, type Zone } from "./calendar.ts";
import { type CelType, type CelValue, celText, isDecimal } from "./cel-values.ts";
import { type Decimal, decimalOfInteger, formatDecimal, parseDecimal } from "./decimal.ts";
import type { RejectionCode } from "./reader-texts.ts";

/** Types that a column of this type takes; a text is taken everywhere when it reads as such a value. */
const taken: Readonly<Record<ColumnType, readonly CelType[]>> = {
  text: ["text", "integer", "decimal", "boolean", "date", "time", "datetime"],
  integer: ["text", "integer", "decimal", "boolean"],
  decimal: ["text", "integer", "decimal"],
  float: ["text", "integer", "decimal"],
  boolean: ["text", "integer", "boolean"],
  date: ["text", "date", "datetime", "instant"],
  time: ["text", "time", "datetime", "instant"],
  datetime: ["text", "date", "datetime", "instant"],
  instant: ["text", "date", "datetime", "instant"],
  bytes: [],
};

/** Whether a value of this type may go into the column at all. */
export function columnTakes(column: Column, type: CelType): boolean {
  return type === "null" || taken[column.type].includes(type);
}

/** Characters as databases count them: an emoji is one. */
export function characters(text: string): number {
  // Without surrogates, as nearly always, the length is the count.
  return /[\ud800-\udbff]/.test(text) ? [...text].length : text.length;
}

/** The column's value, or why it can't be written. Moments are written to the second, in the ERP's time zone where the column has none. */
export function columnValue(column: Column, value: CelValue, zone: Zone): { value: Value } | { code: RejectionCode } {
  if (value === null) return { value: null };
  if (column.type === "text") {
    const text = celText(value);
    return column.length !== undefined && characters(text) > column.length ? { code: "text-too-long" } : { value: text };
  }
  const converted = convert(column, value, zone);
  return converted === undefined ? { code: "value-unfit" } : { value: converted };
}

function convert(column: Column, value: Exclude<CelValue, null>, zone: Zone): Value | undefined {
  switch (column.type) {
    case "integer":
      return integerValue(value);
    case "decimal":
      return decimalValue(column, value);
    case "float": {
      const exact = decimalOf(value);
      return exact && Number(formatDecimal(exact));
    }
    case "boolean":
      return booleanValue(value);
    case "date":
      return localOf(value, zone)?.slice(0, 10);
    case "time":
      return typeof value === "string" && value[2] === ":" ? validTime(value)?.slice(0, 8) : localOf(value, zone)?.slice(11, 19);
    case "datetime":
      return localOf(value, zone)?.slice(0, 19);
    case "instant": {
      if (typeof value === "string" && value.endsWith("Z")) return instantMs(value) === undefined ? undefined : value;
      const local = localOf(value, zone);
      return local && zone.toInstantText(local);
    }
    default:
      return undefined;
  }
}

function decimalOf(value: Exclude<CelValue, null>): Decimal | undefined {
  if (typeof value === "bigint") return decimalOfInteger(value);
  if (typeof value === "string") return parseDecimal(value.trim());
  return typeof value === "object" && isDecimal(value) ? value : undefined;
}

function integerValue(value: Exclude<CelValue, null>): number | bigint | undefined {
  if (typeof value === "boolean") return value ? 1 : 0;
  const exact = decimalOf(value);
  const text = exact && formatDecimal(exact);
  if (text === undefined || text.includes(".")) return undefined;
  const number = Number(text);
  return Number.isSafeInteger(number) ? number : BigInt(text);
}

/** Digits beyond the column's scale would be rounded by the database: refused. */
function decimalValue(column: Column, value: Exclude<CelValue, null>): string | undefined {
  const exact = decimalOf(value);
  if (exact === undefined) return undefined;
  const text = formatDecimal(exact);
  const [whole = "", fraction = ""] = text.replace("-", "").split(".");
  if (column.scale !== undefined && fraction.length > column.scale) return undefined;
  const room = column.precision === undefined ? undefined : column.precision - (column.scale ?? 0);
  return room !== undefined && whole !== "0" && whole.length > room ? undefined : text;
}

function booleanValue(value: Exclude<CelValue, null>): boolean | undefined {
  if (typeof value === "boolean") return value;
  const text = celText(value).toLowerCase();
  return text === "1" || text === "true" ? true : text === "0" || text === "false" ? false : undefined;
}

/** Local date and time of a date, a local time, an instant, or a text that is one of them. */
function localOf(value: Exclude<CelValue, null>, zone: Zone): string | undefined {
  if (typeof value === "number") return zone.toLocal(value);
  if (typeof value !== "string") return undefined;
  if (validDate(value)) return `${value}T00:00:00`;
  const ms = instantMs(value);
  return ms === undefined ? validLocal(value) : zone.toLocal(ms);
}
