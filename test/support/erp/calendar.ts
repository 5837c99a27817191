/** Calendar as such ERPs write it: days as YYYYMMDD integers, times as HHmmss integers, local time of the office (Europe/Berlin). */

const berlin = new Intl.DateTimeFormat("en-CA", {
  timeZone: "Europe/Berlin",
  year: "numeric",
  month: "2-digit",
  day: "2-digit",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
});

/** `YYYY-MM-DD HH:MM:SS` in Berlin at an instant in milliseconds since the epoch. */
export function localStamp(nowMs: number): string {
  return berlin.format(nowMs).replace(", ", " ");
}

/** Day as YYYYMMDD and time as HHmmss of a local stamp. */
export function splitStamp(stamp: string): { day: number; time: number } {
  return { day: Number(stamp.slice(0, 10).replaceAll("-", "")), time: Number(stamp.slice(11).replaceAll(":", "")) };
}

/** The day `days` later (or earlier) than a YYYYMMDD day. */
export function addDays(day: number, days: number): number {
  const date = new Date(Date.UTC(Math.floor(day / 10_000), (Math.floor(day / 100) % 100) - 1, (day % 100) + days));
  return Number(date.toISOString().slice(0, 10).replaceAll("-", ""));
}

/** The first of the month that is `months` later (or earlier) than the month of `day`. */
export function firstOfMonth(day: number, months: number): number {
  const date = new Date(Date.UTC(Math.floor(day / 10_000), (Math.floor(day / 100) % 100) - 1 + months, 1));
  return Number(date.toISOString().slice(0, 10).replaceAll("-", ""));
}

export const openEnd = 99_991_231;
