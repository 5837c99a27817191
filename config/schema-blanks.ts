/** `blanks:` as written. */
import type * as z from "zod";
import { hasTimeAt, isCalendarDate } from "../protocol/moments.ts";
import { anyText, flag, keys, scalar } from "./schema-values.ts";

const timeOf = (text: string): string | undefined => {
  const full = /^\d\d:\d\d$/.test(text) ? `${text}:00` : text;
  return full.length === 8 && hasTimeAt(full, 0) ? full : undefined;
};

const datetimeOf = (text: string): string | undefined => {
  const time = text.length === 10 ? "00:00:00" : timeOf(text.slice(11));
  const date = text.slice(0, 10);
  return isCalendarDate(date) && /^[T ]?$/.test(text.slice(10, 11)) && time !== undefined ? `${date}T${time}` : undefined;
};

export const blanks = keys({
  text: anyText.optional().describe("For text columns"),
  integer: scalar((text) => (/^-?\d{1,18}$/.test(text) ? text : undefined), "a whole number", "Write `integer: 0`.")
    .optional()
    .describe("For columns of numbers"),
  date: scalar((text) => (isCalendarDate(text) ? text : undefined), "a date", "Write it as 1753-01-01.")
    .optional()
    .describe("For columns with a date; at midnight where they have a time too"),
  datetime: scalar(datetimeOf, "a date with a time", "Write it as 1753-01-01 00:00:00.")
    .optional()
    .describe("For columns with date and time, in place of `date`; UTC where they keep a zone"),
  time: scalar(timeOf, "a time of day", "Write it as 00:00:00.").optional().describe("For columns with a time of day"),
  boolean: flag.optional().describe("For columns that are true or false; `integer` where it is not given"),
});

export type BlanksNode = z.output<typeof blanks>;
