import { expect, test } from "vitest";
import { certificateForecast, passwordForecast, supportForecast } from "../../../base/forecasts.ts";

const day = 86_400_000;
const now = Date.UTC(2026, 10, 23);
const codes = (found: readonly { code: string }[]): string[] => found.map(({ code }) => code);

test("A version is told half a year before its security updates end, and afterwards; one that nobody knows is not", () => {
  expect(supportForecast("PostgreSQL", "14.9 (Debian 14.9-1)", now)).toMatchObject([
    { code: "erp-version-unsupported", message: expect.stringContaining("has had no security updates since 2026-11-12") },
  ]);
  expect(supportForecast("MariaDB", "10.6.18-MariaDB", Date.UTC(2026, 1, 1))).toMatchObject([
    { message: expect.stringContaining("gets security updates until 2026-07-06") },
  ]);
  expect(supportForecast("MariaDB", "10.6.18-MariaDB", Date.UTC(2025, 11, 1))).toEqual([]);
  // Not that of 10.1, nor that of 1.0.
  expect(supportForecast("MariaDB", "10.11.6-MariaDB", now)).toEqual([]);
  expect(codes(supportForecast("SQL Server", "13.0.5026.0", now))).toEqual(["erp-version-unsupported"]);
  expect([...supportForecast("MySQL", "9.1.0", now), ...supportForecast("CSV files", "1", now)]).toEqual([]);
});

test("A password and a certificate are told three weeks before; what never ends, or is not known, is not", () => {
  expect(passwordForecast("fuser", now + 20 * day, now)).toMatchObject([
    { code: "erp-password-expires", message: expect.stringContaining("fuser expires on 2026-12-13") },
  ]);
  for (const until of [now + 22 * day, Number.POSITIVE_INFINITY, Number.NaN]) {
    expect(passwordForecast("fuser", until, now)).toEqual([]);
    expect(certificateForecast("erp", until, now)).toEqual([]);
  }
  expect(codes(certificateForecast("erp", now + day, now))).toEqual(["erp-certificate-expires"]);
  expect(certificateForecast("portal", now - day, now)).toMatchObject([
    { code: "portal-certificate-expires", message: expect.stringContaining("expired on 2026-11-22") },
  ]);
});
