import { expect, test } from "vitest";
import { inWindow, nextCron, nextRun, setBackMs } from "../../../../agent/capture/schedule.ts";

const berlin = "Europe/Berlin";
const at = (text: string): number => Temporal.PlainDateTime.from(text).toZonedDateTime(berlin).epochMilliseconds;
const local = (ms: number): string =>
  Temporal.Instant.fromEpochMilliseconds(ms).toZonedDateTimeISO(berlin).toPlainDateTime().toString({ smallestUnit: "minute" });

test.each([
  ["0 3 * * *", "2026-11-22T02:59", "2026-11-22T03:00"],
  ["0 3 * * *", "2026-11-22T03:00", "2026-11-23T03:00"],
  ["*/15 6-7 * * *", "2026-11-22T07:45", "2026-11-23T06:00"],
  ["0 4 * * 0", "2026-11-22T05:00", "2026-11-29T04:00"],
  ["30 1 1 1 *", "2026-11-22T05:00", "2027-01-01T01:30"],
  ["0 0 29 2 *", "2026-11-22T05:00", "2028-02-29T00:00"],
  ["0 0 29 2 1", "2026-11-22T05:00", "2044-02-29T00:00"],
])("The line %s after %s comes at %s", (cron, after, expected) => {
  expect(local(nextCron(cron, at(after), berlin))).toBe(expected);
});

test("A line that names an hour which the clocks skip comes an hour later that day, and one that they repeat comes once", () => {
  expect(local(nextCron("30 2 * * *", at("2026-03-28T12:00"), berlin))).toBe("2026-03-29T03:30");
  const first = nextCron("30 2 * * *", at("2026-10-24T12:00"), berlin);
  expect(local(first)).toBe("2026-10-25T02:30");
  expect(local(nextCron("30 2 * * *", first, berlin))).toBe("2026-10-26T02:30");
});

test("What never ran is due at once, what was missed while nobody ran is due once", () => {
  expect(nextRun({ kind: "every", ms: 5_000 }, undefined, berlin)).toBe(0);
  expect(nextRun({ kind: "every", ms: 5_000 }, 1_000, berlin)).toBe(6_000);
  const last = at("2026-11-01T03:00");
  expect(local(nextRun({ kind: "cron", cron: "0 3 * * *" }, last, berlin))).toBe("2026-11-02T03:00");
});

test("A window of rest holds from its first minute to before its last, also over midnight", () => {
  const day = [{ fromMinute: 450, untilMinute: 480 }];
  const night = [{ fromMinute: 1_380, untilMinute: 60 }];
  const times = ["07:29", "07:30", "07:59", "08:00"].map((time) => inWindow(day, at(`2026-11-22T${time}`), berlin));
  expect(times).toEqual([false, true, true, false]);
  const nights = ["22:59", "23:00", "00:59", "01:00"].map((time) => inWindow(night, at(`2026-11-22T${time}`), berlin));
  expect(nights).toEqual([false, true, true, false]);
});

test("Around the hour that local clocks repeat, marks in local time are looked for an hour further back", () => {
  const change = Temporal.Instant.from("2026-10-25T01:00:00Z").epochMilliseconds;
  expect(setBackMs(change - 60_000, berlin)).toBe(0);
  expect(setBackMs(change + 60_000, berlin)).toBe(3_600_000);
  expect(setBackMs(change + 2 * 3_600_000, berlin)).toBe(3_600_000);
  expect(setBackMs(change + 4 * 3_600_000, berlin)).toBe(0);
  expect(setBackMs(Temporal.Instant.from("2026-03-29T01:30:00Z").epochMilliseconds, berlin)).toBe(0);
});
