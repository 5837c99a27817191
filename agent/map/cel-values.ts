/** Types and values of the expression language. */
import type { ColumnType, Value } from "../../connectors/connector.ts";
import { instantMs, instantText, validDate, validLocal, validTime } from "./calendar.ts";
import { type Decimal, decimalOfFloat, formatDecimal, parseDecimal } from "./decimal.ts";

export type CelType = "text" | "integer" | "decimal" | "boolean" | "date" | "time" | "datetime" | "instant" | "texts" | "null";

/** Integers are bigint, instants are milliseconds since the epoch, dates and local times are text in their ISO form; floats come as decimals. */
export type CelValue = string | bigint | number | boolean | Decimal | readonly string[] | null;

/** Names of the types in CEL's own checker. */
export const checkerNames: Readonly<Record<CelType, string>> = {
  text: "string",
  integer: "int",
  decimal: "Decimal",
  boolean: "bool",
  date: "Date",
  time: "Time",
  datetime: "DateTime",
  instant: "Instant",
  texts: "list<string>",
  null: "null",
};

/** The type behind a checker's name; a literal such as 1.5 (`double` there) is an exact decimal here. */
export function celTypeOf(checkerName: string): CelType | undefined {
  if (checkerName === "double") return "decimal";
  return (Object.keys(checkerNames) as CelType[]).find((type) => checkerNames[type] === checkerName);
}

/** Type of a column in an expression; bytes have none. */
export function celTypeOfColumn(type: ColumnType): CelType | undefined {
  if (type === "float") return "decimal";
  return type === "bytes" ? undefined : type;
}

/** An expression, or a value for one, that fails for this row. The message holds no value of the row. */
export class ExpressionFailure extends Error {}

/** A database value as expressions see it; throws ExpressionFailure for junk such as 0000-00-00. */
export function celOfValue(value: Value, type: CelType): CelValue {
  if (value === null) return null;
  const known = converted(value, type);
  if (known === undefined) throw new ExpressionFailure(`a column holds what is no ${type}`);
  return known;
}

function converted(value: Exclude<Value, null>, type: CelType): CelValue | undefined {
  switch (type) {
    case "text":
      return typeof value === "string" ? value : typeof value === "object" ? undefined : String(value);
    case "integer":
      if (typeof value === "bigint") return value;
      return typeof value === "number" && Number.isInteger(value) ? BigInt(value) : undefined;
    case "decimal":
      if (typeof value === "number") return decimalOfFloat(value);
      return typeof value === "string" || typeof value === "bigint" ? parseDecimal(String(value)) : undefined;
    case "boolean":
      return typeof value === "boolean" ? value : undefined;
    case "date":
      return typeof value === "string" ? validDate(value) : undefined;
    case "time":
      return typeof value === "string" ? validTime(value) : undefined;
    case "datetime":
      return typeof value === "string" ? validLocal(value) : undefined;
    case "instant":
      return typeof value === "string" ? instantMs(value) : undefined;
    case "texts":
    case "null":
      return undefined;
  }
}

export function isDecimal(value: CelValue): value is Decimal {
  return typeof value === "object" && value !== null && "unscaled" in value;
}

/** The text of a value, as `string()` gives it. */
export function celText(value: Exclude<CelValue, null>): string {
  if (typeof value === "string") return value;
  if (typeof value === "number") return instantText(value);
  if (typeof value === "object") return isDecimal(value) ? formatDecimal(value) : value.join("");
  return String(value);
}
