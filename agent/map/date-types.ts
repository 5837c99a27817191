/** `types:` compiled: from a column's value to a date, a time or both. */
import type { DateType, Place } from "../../config/config.ts";
import type { Column, ColumnType, Value } from "../../connectors/connector.ts";
import {
  digits,
  isCalendarDay,
  isTimeOfDay,
  openZone,
  validDate,
  validInstant,
  validLocal,
  validTime,
  type Zone,
} from "./calendar.ts";
import { compileDatePattern, type DatePattern } from "./date-pattern.ts";
import type { Faults } from "./faults.ts";

export interface CompiledDate {
  made: "date" | "time" | "datetime" | "instant";
  /** Null: known to be empty, or no end. Undefined: there is no such day or time. */
  read(value: Exclude<Value, null>): string | null | undefined;
  nullInvalid: boolean;
  /** Where whole numbers yyyyMMdd are read: those that stand for no day. */
  dayNumbers?: ReadonlySet<number>;
}

/** Compiles a date type for a column; a column that can't hold it is a fault. A local time in a zone of the type's own is made an instant. */
export function compileDateType(type: DateType, column: Column, use: { at: Place; faults: Faults }): CompiledDate | undefined {
  const local = compileLocal(type, column, use);
  if (local === undefined || type.zone === undefined) return local;
  if (local.made !== "datetime") {
    use.faults.add(
      use.at,
      `Type ${type.name} has a zone, but column ${column.name} gives a ${local.made}`,
      "Only a date with a time, as local time, can be meant in a zone: take a type without one.",
    );
    return undefined;
  }
  const zone = openZone(type.zone);
  return { ...local, made: "instant", read: (value) => inZone(local.read(value), zone) };
}

const inZone = (local: string | null | undefined, zone: Zone): string | null | undefined =>
  typeof local === "string" ? zone.toInstantText(local) : local;

function compileLocal(type: DateType, column: Column, use: { at: Place; faults: Faults }): CompiledDate | undefined {
  const nulls = new Set([...type.empty, ...type.openEnd]);
  const nullInvalid = type.invalid === "null-and-report";
  if (type.form.kind === "native") {
    if (!isMoment(column.type)) return wrongColumn(type, column, use);
    const read = nativeReader(column.type);
    return { made: column.type, nullInvalid, read: (value) => (isNative(nulls, value as string) ? null : read(value as string)) };
  }
  const pattern = compileDatePattern(type.form.pattern);
  if (typeof pattern === "string") {
    use.faults.add(type.at, `The pattern ${type.form.pattern} of type ${type.name} ${pattern}`, "Correct the pattern.");
    return undefined;
  }
  if (type.form.kind === "integer") {
    if (pattern.digitWidth === undefined) {
      use.faults.add(
        type.at,
        `The pattern ${type.form.pattern} of type ${type.name} is not digits alone`,
        "Use text: instead of integer:.",
      );
      return undefined;
    }
    // Dates such as 20260131 are found in text columns as well; a decimal column must hold whole numbers.
    if (!["integer", "decimal", "text", "float"].includes(column.type)) return wrongColumn(type, column, use);
    const numbers = new Set([...nulls].map(Number));
    const read = integerReader(pattern, { written: type.form.pattern, nulls, numbers });
    return { made: pattern.has, nullInvalid, read, ...(type.form.pattern === "yyyyMMdd" && { dayNumbers: numbers }) };
  }
  if (column.type !== "text") return wrongColumn(type, column, use);
  return {
    made: pattern.has,
    nullInvalid,
    read: (value) => {
      const text = (value as string).trim();
      return text === "" || nulls.has(text) ? null : pattern.parse(text);
    },
  };
}

function wrongColumn(type: DateType, column: Column, { at, faults }: { at: Place; faults: Faults }): undefined {
  const wanted =
    type.form.kind === "native" ? "a date column" : type.form.kind === "integer" ? "an integer or text column" : "a text column";
  faults.add(
    at,
    `Column ${column.name} is ${column.type}, but type ${type.name} reads ${wanted}`,
    "Take another type, or correct its form.",
  );
  return undefined;
}

export function isMoment(type: ColumnType): type is "date" | "time" | "datetime" | "instant" {
  return type === "date" || type === "time" || type === "datetime" || type === "instant";
}

/** Reads a native date or time; undefined for what is in no calendar, such as 0000-00-00. */
export function nativeReader(type: "date" | "time" | "datetime" | "instant"): (text: string) => string | undefined {
  if (type === "date") return validDate;
  if (type === "time") return validTime;
  if (type === "datetime") return validLocal;
  return validInstant;
}

/** A sentinel may be written as the whole value, with a blank for the T, or as its date alone. */
function isNative(nulls: ReadonlySet<string>, text: string): boolean {
  return nulls.size > 0 && (nulls.has(text) || nulls.has(text.slice(0, 10)) || nulls.has(text.replace("T", " ")));
}

const twoDigits = Array.from({ length: 60 }, (_, number) => digits(number, 2));

function integerReader(
  pattern: DatePattern,
  { written, nulls, numbers }: { written: string; nulls: ReadonlySet<string>; numbers: ReadonlySet<number> },
): CompiledDate["read"] {
  const width = pattern.digitWidth as number;
  const general: CompiledDate["read"] = (value) => {
    const text = String(value).trim().replace(/\.0*$/, "");
    if (text === "" || nulls.has(text) || nulls.has(String(value))) return null;
    return /^\d+$/.test(text) ? pattern.parse(text.padStart(width, "0")) : undefined;
  };
  if (written === "HHmmss")
    return (value) => {
      if (typeof value !== "number" || nulls.size > 0) return general(value);
      const hour = Math.floor(value / 10_000);
      const minute = Math.floor(value / 100) % 100;
      const second = value % 100;
      if (!Number.isInteger(value) || !isTimeOfDay(hour, minute, second)) return undefined;
      return `${twoDigits[hour]}:${twoDigits[minute]}:${twoDigits[second]}`;
    };
  if (written !== "yyyyMMdd") return general;
  return (value) => {
    if (typeof value !== "number") return general(value);
    if (numbers.has(value)) return null;
    const year = Math.floor(value / 10_000);
    const month = Math.floor(value / 100) % 100;
    const day = value % 100;
    if (!Number.isInteger(value) || !isCalendarDay(year, month, day)) return undefined;
    return `${year < 1_000 ? String(year).padStart(4, "0") : year}-${month < 10 ? "0" : ""}${month}-${day < 10 ? "0" : ""}${day}`;
  };
}
