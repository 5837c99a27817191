import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { dateText } from "../../../../connectors/oracle/driver-date.ts";

describe("dates that Oracle's driver made", () => {
  const before = process.env.TZ;
  beforeAll(() => {
    process.env.TZ = "Europe/Berlin";
  });
  afterAll(() => {
    if (before === undefined) delete process.env.TZ;
    else process.env.TZ = before;
  });

  it("a local time comes out as it went in, also in the hour that is there twice", () => {
    expect(dateText(new Date(2026, 10, 23, 7, 5, 9), "DATE")).toBe("2026-11-23T07:05:09");
    expect(dateText(new Date(2026, 9, 25, 2, 30, 0, 250), "TIMESTAMP")).toBe("2026-10-25T02:30:00.25");
    expect(dateText(new Date(2026, 2, 29, 1, 59, 59), "DATE")).toBe("2026-03-29T01:59:59");
    expect(dateText(new Date(2026, 2, 29, 6, 0, 0), "DATE")).toBe("2026-03-29T06:00:00");
  });

  it("an instant is told in UTC", () => {
    expect(dateText(new Date("2026-03-29T01:30:00.5Z"), "TIMESTAMP WITH TIME ZONE")).toBe("2026-03-29T01:30:00.5Z");
    expect(dateText(new Date("2026-03-29T01:30:00Z"), "TIMESTAMP WITH LOCAL TZ")).toBe("2026-03-29T01:30:00Z");
  });

  it("an hour that the zone skips, which the driver has moved, is refused and not told wrongly", () => {
    expect(() => dateText(new Date(2026, 2, 29, 2, 30, 0), "DATE")).toThrow("put forward");
  });
});
