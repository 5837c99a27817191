/** The calendar and the ERP's time zone. Dates are `YYYY-MM-DD`, local times `YYYY-MM-DDTHH:mm:ss[.f]`, instants end in `Z`. */

import { hasTimeAt, isCalendarDate, isDigits, isUtcInstant, startsWithDate } from "../../protocol/moments.ts";

const daysOfMonth = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
const minuteMs = 60_000;

/** True for a day of the (proleptic) Gregorian calendar, years 1 to 9999. */
export function isCalendarDay(year: number, month: number, day: number): boolean {
  if (year < 1 || year > 9_999 || month < 1 || month > 12 || day < 1) return false;
  if (month === 2 && day === 29) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  return day <= (daysOfMonth[month - 1] as number);
}

/** True for a time of day up to 23:59:59; a leap second is none. */
export function isTimeOfDay(hour: number, minute: number, second: number): boolean {
  return hour >= 0 && hour < 24 && minute >= 0 && minute < 60 && second >= 0 && second < 60;
}

export function digits(value: number, width: number): string {
  return String(value).padStart(width, "0");
}

const localText = /^(\d{4}-\d{2}-\d{2})[T ](\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?$/;
const timeText = /^(\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?$/;

/** The date itself if it is one of the calendar, else undefined. */
export function validDate(text: string): string | undefined {
  return isCalendarDate(text) ? text : undefined;
}

/** `HH:mm:ss[.f]`, seconds filled in and zeros behind the fraction dropped; undefined when it is no time of day. */
export function validTime(text: string): string | undefined {
  if (text.length === 8 && hasTimeAt(text, 0)) return text;
  const match = timeText.exec(text);
  if (!match || !isTimeOfDay(Number(match[1]), Number(match[2]), Number(match[3] ?? 0))) return undefined;
  return `${match[1]}:${match[2]}:${match[3] ?? "00"}${fractionText(match[4])}`;
}

/** `YYYY-MM-DDTHH:mm:ss[.f]` of a local date and time; undefined when there is no such moment in a calendar. */
export function validLocal(text: string): string | undefined {
  if (text[10] === "T" && startsWithDate(text) && hasTimeAt(text, 11)) {
    if (text.length === 19) return text;
    // A fraction that ends in no zero is short already.
    if (text[19] === "." && text.length <= 29 && isDigits(text, 20) && !text.endsWith("0")) return text;
  }
  const match = localText.exec(text);
  if (!match || validDate(match[1] as string) === undefined) return undefined;
  const time = validTime(text.slice(11));
  return time && `${match[1]}T${time}`;
}

function fractionText(fraction: string | undefined): string {
  const kept = fraction?.replace(/0+$/, "") ?? "";
  return kept === "" ? "" : `.${kept}`;
}

/** Milliseconds since the epoch of an instant's text; undefined when it is none. */
export function instantMs(text: string): number | undefined {
  if (!text.endsWith("Z") || validLocal(text.slice(0, -1)) === undefined) return undefined;
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? undefined : ms;
}

/** An instant's text to the millisecond, without an empty fraction; undefined when it is none. */
export function validInstant(text: string): string | undefined {
  if (text.length === 20 && isUtcInstant(text)) return text;
  const ms = instantMs(text);
  return ms === undefined ? undefined : instantText(ms);
}

/** Instant in UTC to the millisecond, without an empty fraction: `2026-03-29T01:00:00Z`. */
export function instantText(ms: number): string {
  const text = new Date(ms).toISOString();
  return text.endsWith(".000Z") ? `${text.slice(0, -5)}Z` : text;
}

/** `date` plus a number of days; undefined past the calendar's ends. */
export function shiftDate(date: string, days: number): string | undefined {
  const ms = Date.parse(`${date}T00:00:00Z`) + days * 1_440 * minuteMs;
  if (Number.isNaN(ms) || Math.abs(ms) > 8.64e15) return undefined;
  return validDate(new Date(ms).toISOString().slice(0, 10));
}

/** A time zone's two ways. */
export interface Zone {
  /**
   * Milliseconds since the epoch of a valid local time. A time that the clocks skip in spring counts on from before the gap (02:30 -> 03:30); one
   * that they show twice in autumn is the first, still in summer time (RFC 5545, 3.3.5).
   */
  toInstant(local: string): number;
  /** The same as `instantText` writes it. */
  toInstantText(local: string): string;
  /** Local time to the millisecond. */
  toLocal(ms: number): string;
}

/** The moment of a local time by the calendar of the runtime, which is exact and slow. */
function reckoned(local: string, zone: string): number {
  return Temporal.PlainDateTime.from(local).toZonedDateTime(zone, { disambiguation: "compatible" }).epochMilliseconds;
}

/** A stretch of time in which a zone's offset stays the same; milliseconds. */
interface Span {
  from: number;
  until: number;
  offset: number;
}

/** What is needed to reckon a local day's instants by the hour. */
interface PlainDay {
  /** Hours ahead of UTC; undefined on a day on which the clocks are changed, and in a zone that is not whole hours from UTC. */
  hours: number | undefined;
  /** `YYYY-MM-DDT` of the day before, the day itself and the day after. */
  starts: readonly [string, string, string];
}

const hourTexts = Array.from({ length: 24 }, (_, hour) => digits(hour, 2));
const hourMs = 60 * minuteMs;
/** Days remembered; a company's history holds some ten thousand. */
const mostDays = 20_000;

/** The date of a text that begins with one, as a number of eight digits. */
function dayNumber(text: string): number {
  let number = 0;
  for (let at = 0; at < 10; at++) if (at !== 4 && at !== 7) number = number * 10 + text.charCodeAt(at) - 48;
  return number;
}

function plainDay(date: string, toInstant: (local: string) => number): PlainDay {
  const [before, after] = [shiftDate(date, -1), shiftDate(date, 1)];
  const ahead = (time: string): number => (Date.parse(`${date}T${time}Z`) - toInstant(`${date}T${time}`)) / hourMs;
  const hours = ahead("00:00:00");
  // Offsets are changed at most once a day: the same at both ends, it is the same between them.
  const plain = before && after && Number.isInteger(hours) && ahead("23:59:59") === hours;
  return { hours: plain ? hours : undefined, starts: [`${before}T`, `${date}T`, `${after}T`] };
}

/** No zone is further from UTC: a local time at least so far inside a span can only be meant in that span. */
const widestOffsetMs = 26 * 60 * minuteMs;

/** The zone of an IANA name. Throws a RangeError for an unknown one: the configuration has checked it. */
export function openZone(name: string): Zone {
  const spans: Span[] = [spanAround(0, name)];
  /** The span around a moment, looked up once: a company's history meets two a year. */
  const spanOf = (ms: number): Span => {
    const [latest] = spans as [Span];
    if (ms >= latest.from && ms < latest.until) return latest;
    const known = spans.findIndex((span) => ms >= span.from && ms < span.until);
    const [found] = known < 0 ? [spanAround(ms, name)] : spans.splice(known, 1);
    spans.unshift(found as Span);
    return found as Span;
  };
  const toInstant = (local: string): number => {
    const ms = Date.parse(`${local.slice(0, 23)}Z`);
    const span = spanOf(ms - widestOffsetMs);
    if (span.until > ms + widestOffsetMs) return ms - span.offset;
    const next = spanOf(span.until);
    if (next.until <= ms + widestOffsetMs) return reckoned(local, name);
    // What is before the change by the old offset is before it (also the first of an hour that is shown twice); the rest is after it, or skipped.
    const [before, after] = [ms - span.offset, ms - next.offset];
    return before < span.until || after < span.until ? before : after;
  };
  const days = new Map<number, PlainDay>();
  const dayOf = (local: string): PlainDay => {
    const number = dayNumber(local);
    let day = days.get(number);
    if (day === undefined) {
      day = plainDay(local.slice(0, 10), toInstant);
      if (days.size === mostDays) days.clear();
      days.set(number, day);
    }
    return day;
  };
  return {
    toInstant,
    toInstantText(local) {
      const { hours, starts } = dayOf(local);
      if (hours === undefined) return instantText(toInstant(local));
      const hour = (local.charCodeAt(11) - 48) * 10 + local.charCodeAt(12) - 48 - hours;
      const start = starts[hour < 0 ? 0 : hour < 24 ? 1 : 2] + (hourTexts[(hour + 24) % 24] as string);
      if (local.length === 19) return `${start}${local.slice(13)}Z`;
      const fraction = local.slice(19, 23).padEnd(4, "0");
      return `${start}${local.slice(13, 19)}${fraction === ".000" ? "" : fraction}Z`;
    },
    toLocal(ms) {
      const text = new Date(ms + spanOf(ms).offset).toISOString();
      return text.endsWith(".000Z") ? text.slice(0, -5) : text.slice(0, -1);
    },
  };
}

function spanAround(ms: number, name: string): Span {
  const zoned = Temporal.Instant.fromEpochMilliseconds(ms).toZonedDateTimeISO(name);
  // "previous" looks before the moment itself, which may be a transition.
  const before = zoned.add({ nanoseconds: 1 }).getTimeZoneTransition("previous")?.epochMilliseconds;
  const after = zoned.getTimeZoneTransition("next")?.epochMilliseconds;
  return {
    from: before ?? Number.NEGATIVE_INFINITY,
    until: after ?? Number.POSITIVE_INFINITY,
    offset: zoned.offsetNanoseconds / 1e6,
  };
}
