import fc from "fast-check";
import { expect, test } from "vitest";
import {
  instantText,
  isCalendarDay,
  openZone,
  shiftDate,
  validDate,
  validLocal,
  validTime,
} from "../../../../agent/map/calendar.ts";
import { compileDatePattern, type DatePattern } from "../../../../agent/map/date-pattern.ts";
import type { Mapping } from "../../../../agent/map/mapped.ts";
import type { Value } from "../../../../connectors/connector.ts";
import type { Fields } from "../../../../protocol/model.ts";
import { at, cel, config, constant, faultsOf, type field, from, mapOne, mappingOf, outcome, source, types } from "./sample.ts";

const berlin = openZone("Europe/Berlin");
const utc = (local: string): string => instantText(berlin.toInstant(local));

test("Leap days exist in leap years only, centuries by the Gregorian rule", () => {
  expect([2024, 2000, 2028].map((year) => isCalendarDay(year, 2, 29))).toEqual([true, true, true]);
  expect([2023, 1900, 2100].map((year) => isCalendarDay(year, 2, 29))).toEqual([false, false, false]);
  expect([validDate("2023-02-30"), validDate("0000-00-00"), validDate("2026-13-01"), validDate("2026-1-1")]).toEqual([
    undefined,
    undefined,
    undefined,
    undefined,
  ]);
});

test("A local time is meant in the ERP's zone, in winter as in summer", () => {
  expect([utc("2026-01-15T12:00:00"), utc("2026-07-15T12:00:00"), utc("1975-07-15T12:00:00")]).toEqual([
    "2026-01-15T11:00:00Z",
    "2026-07-15T10:00:00Z",
    "1975-07-15T11:00:00Z",
  ]);
});

test("An hour that spring skips counts on from before the gap; one that autumn shows twice is the first", () => {
  expect([
    utc("2026-03-29T01:59:59"),
    utc("2026-03-29T02:00:00"),
    utc("2026-03-29T02:30:00"),
    utc("2026-03-29T03:30:00"),
  ]).toEqual(["2026-03-29T00:59:59Z", "2026-03-29T01:00:00Z", "2026-03-29T01:30:00Z", "2026-03-29T01:30:00Z"]);
  expect([utc("2026-10-25T01:59:59"), utc("2026-10-25T02:30:00"), utc("2026-10-25T03:00:00")]).toEqual([
    "2026-10-24T23:59:59Z",
    "2026-10-25T00:30:00Z",
    "2026-10-25T02:00:00Z",
  ]);
});

test("Every instant is read back from its local time, but for the hour that is shown twice", () => {
  const zones = ["Europe/Berlin", "UTC", "America/St_Johns", "Australia/Lord_Howe", "Asia/Kathmandu"].map(
    (name) => [name, openZone(name)] as const,
  );
  fc.assert(
    fc.property(fc.constantFrom(...zones), fc.integer({ min: Date.UTC(1970, 0), max: Date.UTC(2100, 0) }), ([name, zone], ms) => {
      const local = zone.toLocal(ms);
      const reference = Temporal.PlainDateTime.from(local).toZonedDateTime(name, { disambiguation: "compatible" });
      expect(zone.toInstant(local)).toBe(reference.epochMilliseconds);
      expect(zone.toInstantText(local)).toBe(instantText(reference.epochMilliseconds));
      if (reference.epochMilliseconds !== ms) expect(ms - reference.epochMilliseconds).toBeLessThanOrEqual(3_600_000);
    }),
  );
});

test("Times and local times are completed and their fractions shortened", () => {
  expect([
    validTime("7:00"),
    validTime("07:00"),
    validTime("24:00:00"),
    validTime("07:00:60"),
    validTime("07:00:01.500"),
  ]).toEqual([undefined, "07:00:00", undefined, undefined, "07:00:01.5"]);
  expect([validLocal("2026-01-02 03:04"), validLocal("2026-01-02T03:04:05.000"), validLocal("0000-00-00T00:00:00")]).toEqual([
    "2026-01-02T03:04:00",
    "2026-01-02T03:04:05",
    undefined,
  ]);
  expect([shiftDate("2026-03-01", -1), shiftDate("9999-12-31", 1)]).toEqual(["2026-02-28", undefined]);
});

const pattern = (text: string): DatePattern => compileDatePattern(text) as DatePattern;

test("Patterns read and write what they say", () => {
  expect([
    pattern("yyyyMMdd").parse("20240229"),
    pattern("yyyyMMdd").parse("20230229"),
    pattern("yyyyMMdd").parse("2024022"),
  ]).toEqual(["2024-02-29", undefined, undefined]);
  expect([
    pattern("d.M.yyyy").parse("1.2.2026"),
    pattern("dd.MM.yyyy").parse("1.2.2026"),
    pattern("dd.MM.yy").parse("01.02.68"),
    pattern("dd.MM.yy").parse("01.02.69"),
  ]).toEqual(["2026-02-01", undefined, "2068-02-01", "1969-02-01"]);
  expect([pattern("yyyy-MM-dd'T'HH:mm:ss.SSS").parse("2026-02-01T03:04:05.120"), pattern("HHmm").parse("2460")]).toEqual([
    "2026-02-01T03:04:05.12",
    undefined,
  ]);
  expect([
    pattern("dd.MM.yyyy 'um' H:mm 'Uhr'").format("2026-02-01T03:04:05"),
    pattern("yyMMddHHmmssSS").format("2026-02-01T03:04:05.7"),
  ]).toEqual(["01.02.2026 um 3:04 Uhr", "26020103040570"]);
});

test("A pattern that can't work says why", () => {
  expect([
    compileDatePattern("yyyyMM"),
    compileDatePattern("mmss"),
    compileDatePattern("yyyyMMddMM"),
    compileDatePattern("YYYYMMDD"),
    compileDatePattern("yyyy'x"),
    compileDatePattern("--"),
  ]).toEqual([
    "needs year, month and day",
    "needs the hour",
    "names a part twice",
    "does not know YYYYMMDD; known are yyyy, yy, MM, dd, HH, mm, ss and S",
    "has an open quote",
    "holds neither a date nor a time",
  ]);
});

test("Parse and format of a pattern are each other's inverse for every day and time", () => {
  const moment = fc.date({ min: new Date("1970-01-01T00:00:00Z"), max: new Date("2068-12-31T00:00:00Z"), noInvalidDate: true });
  fc.assert(
    fc.property(
      moment,
      fc.constantFrom("yyyyMMddHHmmss", "d.M.yyyy H:m:s", "yy/MM/dd HH-mm-ss", "HHmmss yyyyMMdd"),
      (date, text) => {
        const local = date.toISOString().slice(0, 19);
        expect(pattern(text).parse(pattern(text).format(local))).toBe(local);
      },
    ),
  );
});

const period = (read: ReturnType<typeof from>) =>
  source("periods", "utilisationPeriod", {
    key: ["F"],
    fields: {
      unitId: { kind: "ref", source: "units", key: [{ kind: "constant", value: "1" }], missing: "hold", at: at() },
      kind: constant("tenant"),
      startDate: read,
      endDate: constant(null),
      participants: { kind: "list", items: [], at: at() },
    },
  });
const units = source("units", "unit", { key: ["U"], fields: {} });

function startOf(
  read: ReturnType<typeof from>,
  type: Parameters<typeof faultsOf>[1][string],
  value: string | number | bigint | null,
): unknown {
  const one = period(read);
  const mapped = mapOne(mappingOf(one, { F: "text", D: type }, { all: config([units, one]) }), { F: "1", D: value });
  if (mapped.kind === "entity") return [mapped.fields.startDate, ...mapped.notes.map((note) => note.code)];
  return outcome(mapped);
}

test("An ERP's dates are read in whatever form it holds them; sentinels are null and junk is not", () => {
  const ymd = from("D", { as: "ymd" });
  expect(startOf(ymd, "integer", 20240229)).toEqual(["2024-02-29"]);
  expect(startOf(ymd, "integer", 20240229n)).toEqual(["2024-02-29"]);
  expect(startOf(ymd, "text", "20240229")).toEqual(["2024-02-29"]);
  expect(startOf(ymd, "decimal", "20240229.00")).toEqual(["2024-02-29"]);
  for (const empty of [0, null, 99991231, 0n]) expect(startOf(ymd, "integer", empty)).toEqual([null]);
  for (const junk of [20230230, 11010100, 1, -20240101, 20240101.5, 202401010])
    expect(startOf(ymd, "integer", junk)).toEqual(["date-invalid startDate"]);
  expect(startOf(from("D", { as: "german" }), "text", "01.02.2026")).toEqual(["2026-02-01"]);
  expect(startOf(from("D", { as: "german" }), "text", "31.12.9999")).toEqual([null]);
  expect(startOf(from("D", { as: "german" }), "text", "31.02.2026")).toEqual(["date-invalid startDate"]);
  expect(startOf(from("D", { as: "nav" }), "datetime", "1753-01-01T00:00:00")).toEqual([null]);
  expect(startOf(from("D", { as: "nav" }), "date", "2026-02-01")).toEqual(["2026-02-01"]);
});

test("A type that says so turns junk into null and reports it", () => {
  expect(startOf(from("D", { as: "lenient" }), "integer", 20230230)).toEqual([null, "date-nulled"]);
});

test("An exclusive end is shifted by its days, a sentinel is not", () => {
  expect(startOf(from("D", { as: "ymd", shiftDays: -1 }), "integer", 20240301)).toEqual(["2024-02-29"]);
  expect(startOf(from("D", { as: "ymd", shiftDays: -1 }), "integer", 99991231)).toEqual([null]);
  expect(startOf(from("D", { as: "ymd", shiftDays: -1 }), "integer", 10101)).toEqual(["date-invalid startDate"]);
});

test("Native columns need no type: dates as they are, local times by the ERP's zone, an impossible date is a fault", () => {
  expect(startOf(from("D"), "date", "2026-02-01")).toEqual(["2026-02-01"]);
  expect(startOf(from("D"), "datetime", "2026-02-01T00:00:00")).toEqual(["2026-02-01"]);
  expect(startOf(from("D"), "instant", "2026-01-31T23:30:00Z")).toEqual(["2026-02-01"]);
  expect(startOf(from("D"), "date", "0000-00-00")).toEqual(["date-invalid startDate"]);
});

const ticket = (createdAt: Parameters<typeof field>[0]) =>
  source("tickets", "ticket", {
    key: ["NR"],
    fields: { kind: constant("damage"), title: constant("x"), status: constant("open"), createdAt },
  });
const merged = { kind: "dateTime", date: "D", time: "T", as: ["ymd", "hms"], at: at() } as const;

test("A date and a time column merge into an instant; no date is null, no time is the day's start", () => {
  const mapping = mappingOf(ticket(merged), { NR: "text", D: "integer", T: "integer" });
  const created = (D: number | null, T: number | null): unknown => {
    const mapped = mapOne(mapping, { D, T });
    return mapped.kind === "entity" ? mapped.fields.createdAt : outcome(mapped);
  };
  expect([
    created(20260715, 93005),
    created(20260115, 0),
    created(20260115, null),
    created(0, 93005),
    created(20260329, 23000),
  ]).toEqual(["2026-07-15T07:30:05Z", "2026-01-14T23:00:00Z", "2026-01-14T23:00:00Z", null, "2026-03-29T01:30:00Z"]);
  expect([created(20260230, 0), created(20260115, 246000)]).toEqual([["date-invalid createdAt"], ["date-invalid createdAt"]]);
});

test("A local time in a zone of its type's own is that moment, and a day is the one at the ERP", () => {
  const created = (D: string): unknown =>
    (mapOne(mappingOf(ticket(from("D", { as: "utc" })), { NR: "text", D: "datetime" }), { D }) as { fields: Fields }).fields
      .createdAt;
  // Both hours of the autumn night, and one that the ERP's own clocks skip.
  expect(["2026-10-25T00:30:00", "2026-10-25T01:30:00", "2026-03-29T02:30:00"].map(created)).toEqual([
    "2026-10-25T00:30:00Z",
    "2026-10-25T01:30:00Z",
    "2026-03-29T02:30:00Z",
  ]);
  expect(startOf(from("D", { as: "utc" }), "datetime", "2026-06-30T22:30:00")).toEqual(["2026-07-01"]);
  expect(faultsOf(ticket(from("D", { as: "utc" })), { NR: "text", D: "date" })[0]).toContain(
    "has a zone, but column D gives a date",
  );
  const apart = { ...merged, as: ["utc", "hms"] } as const;
  expect(faultsOf(ticket(apart), { NR: "text", D: "datetime", T: "integer" })[0]).toContain("Type utc has a zone");
});

test("The time may stand behind a day without meaning, as in Dynamics NAV", () => {
  const read = { ...merged, as: ["nav", "nav"] } as const;
  const mapping = mappingOf(ticket(read), { NR: "text", D: "datetime", T: "datetime" });
  const created = (D: string, T: string): unknown => (mapOne(mapping, { D, T }) as { fields: Fields }).fields.createdAt;
  expect([
    created("2026-07-15T00:00:00", "1754-01-01T09:30:05"),
    created("2026-07-15T00:00:00", "1753-01-01T00:00:00"),
    created("1753-01-01T00:00:00", "1754-01-01T09:30:05"),
  ]).toEqual(["2026-07-15T07:30:05Z", "2026-07-14T22:00:00Z", null]);
});

test("An instant field takes a local time, an instant, or the start of a date's day", () => {
  const created = (type: "datetime" | "instant" | "date", value: string): unknown => {
    const mapped = mapOne(mappingOf(ticket(from("D")), { NR: "text", D: type }), { D: value });
    return mapped.kind === "entity" ? mapped.fields.createdAt : outcome(mapped);
  };
  expect([
    created("datetime", "2026-10-25T02:30:00.25"),
    created("instant", "2026-10-25T02:30:00.000Z"),
    created("date", "2026-07-01"),
  ]).toEqual(["2026-10-25T00:30:00.250Z", "2026-10-25T02:30:00Z", "2026-06-30T22:00:00Z"]);
});

test("An instant is told to the millisecond, what is finer is cut off, and a fraction of nothing is left out", () => {
  const mapping = mappingOf(ticket(from("D")), { NR: "text", D: "datetime" });
  const created = (D: string): unknown => (mapOne(mapping, { D }) as { fields: Fields }).fields.createdAt;
  const days = ["2026-07-15T00:30:00", "2026-10-25T00:30:00", "2026-12-31T23:59:59"];
  for (const local of days) {
    const [second, ...finer] = [".0", ".000", ".0004", ".12", ".123456", ".999999999"].map((fraction) =>
      created(local + fraction),
    );
    expect(second).toBe(created(local));
    expect(finer.slice(0, 2)).toEqual([second, second]);
    expect(finer.slice(2)).toEqual([".120Z", ".123Z", ".999Z"].map((end) => String(second).replace("Z", end)));
  }
});

test("A time of day as an integer reads as its digits do, whatever column holds it", () => {
  const times = [0, 7, 59, 60, 5_959, 5_960, 93_005, 235_959, 236_000, 240_000, 1_000_000, -1, 1.5];
  const [integer, decimal] = (["integer", "decimal"] as const).map((T) =>
    mappingOf(ticket(merged), { NR: "text", D: "integer", T }),
  );
  for (const time of times) {
    const row = (T: Value) => ({ D: 20_260_115, T });
    const [one, other] = [mapOne(integer as Mapping, row(time)), mapOne(decimal as Mapping, row(String(time)))];
    expect(outcome(one), String(time)).toEqual(outcome(other));
  }
});

test("A date read without its form, or by a type of another form, is a fault at load", () => {
  const columns = { NR: "text", D: "text", T: "integer" } as const;
  expect(faultsOf(ticket(from("D")), columns)[0]).toContain("Say how the column holds the date");
  expect(faultsOf(ticket({ ...merged, as: ["hms", "ymd"] }), { ...columns, D: "integer" })).toHaveLength(2);
  expect(faultsOf(ticket(from("D", { as: "nav" })), columns)[0]).toContain("type nav reads a date column");
  expect(faultsOf(ticket(from("D", { as: "ymdd" })), columns)[0]).toContain(
    "There is no type ymdd. Did you mean `ymd`? Known: ymd, hms, german, lenient, utc, nav.",
  );
  expect(faultsOf(ticket(cel("'2026-01-01'")), columns)[0]).toContain(
    "createdAt takes an instant, but the expression gives text",
  );
  expect(types.ymd?.form.kind).toBe("integer");
});
