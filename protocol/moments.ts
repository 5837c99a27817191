/** Dates and instants as the model writes them, told by their characters: no pattern, no Date. */

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
  if (text[4] !== "-" || text[7] !== "-" || !(year >= 1) || !(month >= 1 && month <= 12) || !(day >= 1)) return false;
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
