/** How the oracle reads the sample ERP's codes, dates and decimals. Written by hand and on its own: it shares nothing with agent, config or connectors. */
import type { ErpRow } from "./db.ts";

export type OracleJson = string | boolean | null | OracleJson[] | { [field: string]: OracleJson };
export type OracleFields = { [field: string]: OracleJson };

export function str(row: ErpRow, column: string): string {
  const value = row[column];
  return value === null || value === undefined ? "" : String(value);
}

/** Text, or null where the ERP holds nothing but blanks. */
export function filled(row: ErpRow, column: string): string | null {
  const value = str(row, column).trim();
  return value === "" ? null : value;
}

/** An entity's id: each key part percent-escaped, joined by dots. */
export function idOf(...parts: readonly string[]): string {
  return parts.map((part) => part.replace(/[^A-Za-z0-9_-]/gu, escaped)).join(".");
}

function escaped(character: string): string {
  return [...new TextEncoder().encode(character)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`).join("");
}

/** Days of the month, with leap years counted by hand. */
function daysOf(year: number, month: number): number {
  const leap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
  return [31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1] ?? 0;
}

/** `YYYY-MM-DD`; null for 0 and 99991231; undefined for a day that never was. */
export function day(row: ErpRow, column: string): string | null | undefined {
  const value = Number(row[column]);
  if (value === 0 || value === 99_991_231) return null;
  const [year, month, dayOfMonth] = [Math.floor(value / 10_000), Math.floor(value / 100) % 100, value % 100];
  if (month < 1 || month > 12 || dayOfMonth < 1 || dayOfMonth > daysOf(year, month)) return undefined;
  const text = String(value).padStart(8, "0");
  return `${text.slice(0, 4)}-${text.slice(4, 6)}-${text.slice(6)}`;
}

/** Day of the month of the last Sunday. */
function lastSunday(year: number, month: number): number {
  const last = daysOf(year, month);
  return last - new Date(Date.UTC(year, month - 1, last)).getUTCDay();
}

/** The instant of a Berlin day and time; null where the day is empty, undefined where it never was. Central European summer time by the EU's rule. */
export function instant(row: ErpRow, dayColumn: string, timeColumn: string): string | null | undefined {
  const date = day(row, dayColumn);
  if (!date) return date;
  const time = Number(row[timeColumn]);
  const [year = 0, month = 0, dayOfMonth = 0] = date.split("-").map(Number);
  const [hour, minute, second] = [Math.floor(time / 10_000), Math.floor(time / 100) % 100, time % 100];
  const winter = Date.UTC(year, month - 1, dayOfMonth, hour - 1, minute, second);
  const summerBegins = Date.UTC(year, 2, lastSunday(year, 3), 1);
  const summerEnds = Date.UTC(year, 9, lastSunday(year, 10), 1);
  const isSummer = winter >= summerBegins && winter < summerEnds;
  return new Date(winter - (isSummer ? 3_600_000 : 0)).toISOString();
}

/** The column as exact decimal text. SQLite holds such a column as a float; what it printed there is what the ERP shows. */
export function decimal(row: ErpRow, column: string): string {
  return str(row, column);
}

export function money(row: ErpRow, column: string): OracleJson {
  return { amount: decimal(row, column), currency: "EUR" };
}

/** The address of a messy column as a list: null where the column is blank, empty where it holds something that is no address. */
export function emails(row: ErpRow): OracleJson {
  const address = filled(row, "EMAIL")?.toLowerCase() ?? null;
  if (address === null) return null;
  return /^[^\s@()]+@[^\s@()]+\.[a-z]+$/.test(address) ? [{ address }] : [];
}

const decimalFields = new Set(["amount", "areaSquareMetres", "rooms", "value"]);
const instantFields = new Set(["createdAt", "closedAt"]);

/** A reference that is left out because its target is missing may be told as absent or as known to be empty. */
const emptyIsAbsent = new Set(["reporterId"]);

/** One spelling for equal entities: fields sorted, decimals without trailing zeros, instants in milliseconds. */
export function canonical(value: unknown, field = ""): string {
  if (Array.isArray(value)) return `[${value.map((item) => canonical(item)).join(",")}]`;
  if (value !== null && typeof value === "object") {
    const told = Object.entries(value).filter(([name, inner]) => inner !== null || !emptyIsAbsent.has(name));
    const entries = told.sort(([left], [right]) => (left < right ? -1 : 1));
    return `{${entries.map(([name, inner]) => `${JSON.stringify(name)}:${canonical(inner, name)}`).join(",")}}`;
  }
  if (typeof value === "string" && decimalFields.has(field) && /^-?\d+(\.\d+)?$/.test(value)) return plainDecimal(value);
  if (typeof value === "string" && instantFields.has(field) && value.endsWith("Z")) return `@${Date.parse(value)}`;
  return JSON.stringify(value) ?? "undefined";
}

/** `12.50` and `12.5` are one amount; a number in place of the text is not. */
function plainDecimal(text: string): string {
  const shortened = text.includes(".") ? text.replace(/0+$/, "").replace(/\.$/, "") : text;
  return `#${shortened === "-0" ? "0" : shortened}`;
}
