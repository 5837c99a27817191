/** When the next poll or compare is due, and when reading must rest. Pure: the time comes in. */
import { parse } from "node-cron";
import type { Schedule } from "../../config/config.ts";

const minuteMs = 60_000;
/** 29 February falls on the same weekday every 28 years, or 40 around a year such as 2100; what fits no day by then never comes. */
const longestSearchDays = 41 * 366;

/**
 * Next time after `last` (epoch ms; undefined: never yet, so at once). A time missed while the agent did not run is made up for at once, and only once.
 * @param timezone IANA name: what the cron line's hours mean
 */
export function nextRun(schedule: Schedule, last: number | undefined, timezone: string): number {
  if (last === undefined) return 0;
  return schedule.kind === "every" ? last + schedule.ms : nextCron(schedule.cron, last, timezone);
}

/** First minute after `after` that a five-field cron line names; Infinity when there is none. */
export function nextCron(cron: string, after: number, timezone: string): number {
  const fields = parse(cron);
  const numbers = (field: readonly (number | string)[]): Set<number> => new Set(field.map(Number));
  const [minutes, hours, months] = [numbers(fields.minute), numbers(fields.hour), numbers(fields.month)];
  const [days, weekdays] = [numbers(fields.dayOfMonth), numbers(fields.dayOfWeek)];
  const start = Temporal.Instant.fromEpochMilliseconds(after).toZonedDateTimeISO(timezone);
  for (let ahead = 0; ahead <= longestSearchDays; ahead++) {
    const date = start.toPlainDate().add({ days: ahead });
    if (!months.has(date.month) || !days.has(date.day) || !weekdays.has(date.dayOfWeek % 7)) continue;
    for (const hour of [...hours].sort((a, b) => a - b)) {
      for (const minute of [...minutes].sort((a, b) => a - b)) {
        // An hour that the clocks skip comes as the one after it, one that they repeat comes once.
        const time = date.toZonedDateTime({ timeZone: timezone, plainTime: { hour, minute } }).epochMilliseconds;
        if (time > after) return time;
      }
    }
  }
  return Number.POSITIVE_INFINITY;
}

export interface Window {
  /** Minutes from local midnight. */
  fromMinute: number;
  /** Exclusive; below `fromMinute` where the window passes midnight. */
  untilMinute: number;
}

/** Whether `now` lies in a window of rest. */
export function inWindow(windows: readonly Window[], now: number, timezone: string): boolean {
  if (windows.length === 0) return false;
  const local = Temporal.Instant.fromEpochMilliseconds(now).toZonedDateTimeISO(timezone);
  const minute = local.hour * 60 + local.minute;
  return windows.some(({ fromMinute, untilMinute }) =>
    fromMinute <= untilMinute ? minute >= fromMinute && minute < untilMinute : minute >= fromMinute || minute < untilMinute,
  );
}

/** By how much local clocks went back around `now`: marks in local time repeat that long. */
export function setBackMs(now: number, timezone: string): number {
  const offset = (at: number): number =>
    Temporal.Instant.fromEpochMilliseconds(at).toZonedDateTimeISO(timezone).offsetNanoseconds / 1_000_000;
  return Math.max(0, offset(now - 180 * minuteMs) - offset(now));
}
