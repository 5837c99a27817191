import type { Column, Value } from "./connector.ts";

/**
 * Whether two values mean the same in a column: 12.5 and "12.50" in a decimal one, a `T` or a blank within a date-time. For the base values of
 * updates, which come from the portal, and the current ones, which come from the ERP.
 */
export function sameValue(a: Value, b: Value, column: Column): boolean {
  if (a === null || b === null) return a === b;
  return a === b || canonical(a, column) === canonical(b, column);
}

/** Whether a value is one of these codes. */
export function isCode(value: Value, codes: readonly string[], column: Column): boolean {
  return codes.some((code) => sameValue(value, code, column));
}

function canonical(value: Exclude<Value, null>, column: Column): string {
  if (value instanceof Uint8Array) return `bytes ${Buffer.from(value).toString("hex")}`;
  const text = String(value);
  switch (column.type) {
    case "integer":
    case "decimal":
      return plainNumber(text);
    case "float":
      return text.trim() === "" || Number.isNaN(Number(text)) ? text : String(Number(text));
    case "boolean":
      return /^(1|true)$/i.test(text) ? "1" : /^(0|false)$/i.test(text) ? "0" : text;
    case "date":
      return text.replace(/[ T]00:00(:00(\.0+)?)?$/, "");
    case "time":
      return withoutZeros(text);
    case "datetime":
    case "instant":
      return moment(text);
    default:
      return text;
  }
}

function moment(text: string): string {
  const whole = text.replace(" ", "T").replace(/Z$/, "");
  const full = /T/.test(whole) ? whole : `${whole}T00:00`;
  return withoutZeros(/T\d\d:\d\d$/.test(full) ? `${full}:00` : full);
}

function withoutZeros(text: string): string {
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}

function plainNumber(text: string): string {
  const match = /^([+-]?)0*(\d*)(?:\.(\d*?)0*)?$/.exec(text.trim());
  if (!match) return text;
  const [, sign, whole = "", fraction = ""] = match;
  const digits = `${whole === "" ? "0" : whole}${fraction === "" ? "" : `.${fraction}`}`;
  return sign === "-" && digits !== "0" ? `-${digits}` : digits;
}
