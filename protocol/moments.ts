/** Dates and instants as the model writes them, told by their characters or bytes: no pattern, no Date. */

const daysOfMonth = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
const zero = 48;

/** Two digits as a number; NaN where one is none. */
function two(text: string, at: number): number {
  const tens = text.charCodeAt(at) - zero;
  const ones = text.charCodeAt(at + 1) - zero;
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : Number.NaN;
}

/** Whether a text begins with `YYYY-MM-DD`. */
export function startsWithDate(text: string): boolean {
  const year = two(text, 0) * 100 + two(text, 2);
  const month = two(text, 5);
  const day = two(text, 8);
  return text[4] === "-" && text[7] === "-" && isDay(year, month, day);
}

/** False for NaN in any place. */
function isDay(year: number, month: number, day: number): boolean {
  if (!(year >= 1) || !(month >= 1 && month <= 12) || !(day >= 1)) return false;
  if (month === 2 && day === 29) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  return day <= (daysOfMonth[month - 1] as number);
}

/** Whether `HH:mm:ss` stands in a text at this place; a leap second is none. */
export function hasTimeAt(text: string, at: number): boolean {
  return text[at + 2] === ":" && text[at + 5] === ":" && two(text, at) < 24 && two(text, at + 3) < 60 && two(text, at + 6) < 60;
}

/** Whether there are digits alone from one place to another, and at least one. */
export function isDigits(text: string, from: number, until: number = text.length): boolean {
  for (let at = from; at < until; at++) {
    const digit = text.charCodeAt(at) - zero;
    if (!(digit >= 0 && digit <= 9)) return false;
  }
  return until > from;
}

/** `YYYY-MM-DD`, a day of the (proleptic) Gregorian calendar, years 1 to 9999. */
export function isCalendarDate(value: unknown): value is string {
  return typeof value === "string" && value.length === 10 && startsWithDate(value);
}

/** `YYYY-MM-DDTHH:mm:ss[.f]Z`, the fraction of any length. */
export function isUtcInstant(value: unknown): value is string {
  if (typeof value !== "string" || value.length < 20 || !value.endsWith("Z") || !startsWithDate(value)) return false;
  if (value[10] !== "T" || !hasTimeAt(value, 11)) return false;
  if (value.length === 20) return true;
  return value[19] === "." && value.length > 21 && isDigits(value, 20, value.length - 1);
}

/** The same two digits among bytes. */
function twoBytes(bytes: Uint8Array, at: number): number {
  const tens = (bytes[at] as number) - zero;
  const ones = (bytes[at + 1] as number) - zero;
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : Number.NaN;
}

const dash = 0x2d;
const colon = 0x3a;

/** Behind the calendar date that stands at a place among bytes; -1 where there is none. */
export function endOfDate(bytes: Uint8Array, at: number): number {
  if (bytes[at + 4] !== dash || bytes[at + 7] !== dash) return -1;
  const year = twoBytes(bytes, at) * 100 + twoBytes(bytes, at + 2);
  return isDay(year, twoBytes(bytes, at + 5), twoBytes(bytes, at + 8)) ? at + 10 : -1;
}

/** Behind the instant in UTC that stands at a place among bytes; -1 where there is none. */
export function endOfInstant(bytes: Uint8Array, at: number): number {
  if (endOfDate(bytes, at) < 0 || bytes[at + 10] !== 0x54 || bytes[at + 13] !== colon || bytes[at + 16] !== colon) return -1;
  if (!(twoBytes(bytes, at + 11) < 24 && twoBytes(bytes, at + 14) < 60 && twoBytes(bytes, at + 17) < 60)) return -1;
  let end = at + 19;
  if (bytes[end] === 0x2e) {
    end += 1;
    while ((bytes[end] as number) - zero >= 0 && (bytes[end] as number) - zero <= 9) end += 1;
    if (end === at + 20) return -1;
  }
  return bytes[end] === 0x5a ? end + 1 : -1;
}
