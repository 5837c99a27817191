/** What will stand still one day if nobody does anything, told weeks before: dates that servers tell, and dates that their makers have published. */
import type { Severity } from "./findings.ts";

/** Codes of findings that `erpfuser status` shows as well. */
export const forecastCodes: readonly string[] = [
  "erp-password-expires",
  "erp-certificate-expires",
  "erp-version-unsupported",
  "portal-certificate-expires",
  "state-disk-low",
  "state-disk-fills",
  "secret-old",
];

interface Forecast {
  severity: Severity;
  code: string;
  message: string;
  remedy: string;
}

const dayMs = 86_400_000;
/** How long before an expiry it is told. */
const warnMs = 21 * dayMs;
/** What was stored so long ago is told: whoever knew it then may have left. */
const oldMs = 365 * dayMs;
/** A new version of a database takes longer to come by. */
const supportWarnMs = 180 * dayMs;

/**
 * The last day of security updates for everybody, by what its maker has published: postgresql.org/support/versioning, mariadb.org/about/#maintenance-policy, Oracle's lifetime
 * support policy for MySQL, Microsoft's lifecycle pages (extended support). A version that is not listed has a newer one's, or is one for a few months.
 */
const supportEnds: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  PostgreSQL: {
    ...{ 12: "2024-11-21", 13: "2025-11-13", 14: "2026-11-12", 15: "2027-11-11", 16: "2028-11-09", 17: "2029-11-08" },
    18: "2030-11-14",
  },
  MariaDB: { "10.5": "2025-06-24", "10.6": "2026-07-06", "10.11": "2028-02-16", "11.4": "2029-05-29", "11.8": "2028-06-04" },
  MySQL: { "5.7": "2023-10-31", "8.0": "2026-04-30", "8.4": "2032-04-30" },
  "SQL Server": {
    ...{ 11: "2022-07-12", 12: "2024-07-09", 13: "2026-07-14", 14: "2027-10-12", 15: "2030-01-08", 16: "2033-01-11" },
  },
};

/**
 * @param version as the server tells it; the longest listed beginning of it counts
 * @param now epoch ms
 */
export function supportForecast(product: string, version: string, now: number): Forecast[] {
  const [major = "", minor = ""] = version.split(".");
  const ends = supportEnds[product];
  const until = ends?.[`${major}.${minor}`] ?? ends?.[major];
  if (until === undefined || Date.parse(until) - now > supportWarnMs) return [];
  const isOver = Date.parse(until) < now;
  return [
    {
      severity: "warning",
      code: "erp-version-unsupported",
      message: `${product} ${version} ${isOver ? "has had no security updates since" : "gets security updates until"} ${until}`,
      remedy: "Ask the ERP's vendor when it moves to a newer version; the agent goes on with either.",
    },
  ];
}

/** @param until epoch ms, NaN or Infinity where it never does */
export function passwordForecast(account: string, until: number, now: number): Forecast[] {
  if (!Number.isFinite(until) || until - now > warnMs) return [];
  return [
    {
      severity: "warning",
      code: "erp-password-expires",
      message: `The password of ${account} expires on ${dayOf(until)}: then the agent stands still`,
      remedy:
        "Ask the DBA for an account whose password does not expire, or change it in time and store it by `erpfuser secret set`.",
    },
  ];
}

/** @param until epoch ms, NaN where nobody knows */
export function certificateForecast(whose: "erp" | "portal", until: number, now: number): Forecast[] {
  if (!Number.isFinite(until) || until - now > warnMs) return [];
  const owner = whose === "erp" ? "The database server" : "The portal";
  return [
    {
      severity: "warning",
      code: whose === "erp" ? "erp-certificate-expires" : "portal-certificate-expires",
      message: `${owner} shows a certificate that ${until < now ? "expired" : "expires"} on ${dayOf(until)}`,
      remedy: `Ask ${whose === "erp" ? "the DBA" : "the portal's operator"} to renew it; where it is verified, nothing connects any more after that day.`,
    },
  ];
}

/** @param storedAt epoch ms */
export function secretForecast(name: string, storedAt: number, now: number): Forecast[] {
  if (now - storedAt < oldMs) return [];
  return [
    {
      severity: "info",
      code: "secret-old",
      message: `The secret ${name} has been the same since ${dayOf(storedAt)}`,
      remedy:
        "Change it where it counts, then store it by `erpfuser secret set`; the agent's own key by `erpfuser secret rotate`.",
    },
  ];
}

const dayOf = (time: number): string => new Date(time).toISOString().slice(0, 10);
