import { describeError, FuserError, isAbort } from "../../base/errors.ts";
import type { Finding } from "../../base/findings.ts";
import { certificateForecast, passwordForecast, supportForecast } from "../../base/forecasts.ts";
import type { CheckNeeds } from "../connector.ts";
import { callProblems } from "./call-checks.ts";
import { placeOf, tlsChoice } from "./config.ts";
import type { Access } from "./connect.ts";
import { askServer } from "./describe.ts";
import { type Inspection, operation, type Problem } from "./inspection.ts";
import { type Link, openLink } from "./link.ts";
import { rightsProblems } from "./rights.ts";
import { tableProblems } from "./table-checks.ts";

/** Oldest version whose behaviour the connector relies on (shortest exact floats, generated columns). */
const oldest = 12;
/** Versions that the contract suite runs on. */
const verified = [15, 18];

/** Every problem of server, rights and settings at once; only what can't be reached at all ends it early. */
export async function checkPostgres(access: Access, needs: CheckNeeds, signal: AbortSignal): Promise<Finding[]> {
  const place = placeOf(access.settings);
  let link: Link;
  try {
    link = await openLink(access, "read", signal);
  } catch (error) {
    if (isAbort(error) || !(error instanceof FuserError)) throw error;
    const remedy = error.hint ?? "Correct the settings under `erp:`.";
    return [{ severity: "error", code: error.code, place, message: error.message, remedy }];
  }
  try {
    const problems: Problem[] = [];
    for (const inspect of [server, encryption, certificate, password, company, rightsProblems, tableProblems, callProblems]) {
      try {
        problems.push(...(await inspect({ access, link, needs, signal })));
      } catch (error) {
        if (isAbort(error)) throw error;
        const message = describeError(error);
        problems.push({ severity: "error", code: "erp-check-failed", message, remedy: "Mend this and check again." });
      }
    }
    return problems.map((problem) => ({ place, ...problem }));
  } finally {
    await link.close();
  }
}

async function server({ access, link, needs, signal }: Inspection): Promise<Problem[]> {
  const [row] = await askServer(
    link,
    "SELECT current_setting('server_version') AS version, pg_is_in_recovery() AS standby, current_setting('hot_standby_feedback') AS feedback, current_setting('server_encoding') AS encoding",
    signal,
    operation,
  );
  const major = Math.floor(link.facts.version / 10_000);
  const problems: Problem[] = supportForecast("PostgreSQL", String(row?.version), access.context.clock.now());
  if (major < oldest) {
    problems.push({
      severity: "error",
      code: "erp-version",
      message: `PostgreSQL ${row?.version} is too old`,
      remedy: `Update to PostgreSQL ${oldest} or later.`,
    });
  } else if (!verified.includes(major)) {
    problems.push({
      severity: "info",
      code: "erp-not-verified",
      message: `Nobody has run the contract tests against PostgreSQL ${major} yet; ${verified.join(" and ")} are verified`,
      remedy: "Run `npm run contract` against a test server.",
    });
  }
  if (row?.standby === "t") problems.push(...standby(needs, row.feedback === "on"));
  if (row?.encoding === "SQL_ASCII") {
    problems.push({
      severity: "warning",
      code: "erp-encoding",
      message: "The database keeps bytes without an encoding (SQL_ASCII): what is not UTF-8 arrives damaged",
      remedy: "Ask the ERP's vendor for a database with encoding UTF8.",
    });
  }
  return problems;
}

function standby(needs: CheckNeeds, feedback: boolean): Problem[] {
  const message = "The server is a standby: it is read as it has replayed, which may be later than the primary";
  const problems: Problem[] = [
    needs.write.length > 0
      ? {
          severity: "error",
          code: "erp-read-only",
          message,
          remedy: "Commands can't be written there: connect to the primary server.",
        }
      : { severity: "info", code: "erp-standby", message, remedy: "Nothing to do. Feeds need the primary server." },
  ];
  if (!feedback) {
    problems.push({
      severity: "info",
      code: "erp-standby",
      message: "The standby may end our reads where they stand in the way of what it replays; they are tried again",
      remedy: "On the standby: ALTER SYSTEM SET hot_standby_feedback = on; SELECT pg_reload_conf();",
    });
  }
  return problems;
}

async function encryption({ access, link, signal }: Inspection): Promise<Problem[]> {
  const [row] = await askServer(link, "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()", signal, operation);
  const encrypted = row?.ssl === "t";
  const choice = tlsChoice(access.settings, link.server);
  const code = encrypted ? "erp-not-verified-tls" : "erp-not-encrypted";
  if (choice.mode !== "off" && !encrypted) {
    const message = "The server offers no encryption: passwords and tenant data pass the network in the clear";
    return [{ severity: "warning", code, message, remedy: "Let the DBA set `ssl = on`, then `tls: { mode: required, ca: … }`." }];
  }
  if (access.settings.tls?.mode === "off" && !link.server.startsWith("/")) {
    const message = "Encryption is switched off in the configuration";
    return [{ severity: "info", code, message, remedy: "Take `tls: { mode: off }` out unless the server is on this machine." }];
  }
  if (encrypted && !choice.verify) {
    const message = "The connection is encrypted, but the server's certificate is not verified";
    return [{ severity: "warning", code, message, remedy: "Set `tls: { ca: FILE }` to the authority that signed it." }];
  }
  return [];
}

async function certificate({ access, link }: Inspection): Promise<Problem[]> {
  return certificateForecast("erp", link.certificateUntil, access.context.clock.now());
}

/** Of a role with VALID UNTIL. */
async function password({ access, link, signal }: Inspection): Promise<Problem[]> {
  const [row] = await askServer(
    link,
    "SELECT rolname, extract(epoch FROM rolvaliduntil)::text AS until FROM pg_roles WHERE rolname = current_user AND isfinite(rolvaliduntil)",
    signal,
    operation,
  );
  return row === undefined ? [] : passwordForecast(row.rolname ?? "", Number(row.until) * 1_000, access.context.clock.now());
}

/** Programs with which people work. */
const tools = /psql|pgadmin|dbeaver|datagrip|navicat|toad|excel|access|odbc/i;

/** Who else is logged in with our account: its password is then known to others, and its rights are theirs. */
async function company({ link, signal }: Inspection): Promise<Problem[]> {
  const rows = await askServer(
    link,
    // Our own name as the server keeps it: cut off, and without letters beyond ASCII.
    "SELECT DISTINCT coalesce(nullif(application_name, ''), 'a program without a name') || coalesce(' from ' || host(client_addr), '') AS program FROM pg_stat_activity WHERE usename = current_user AND backend_type = 'client backend' AND application_name <> (SELECT application_name FROM pg_stat_activity WHERE pid = pg_backend_pid()) ORDER BY 1",
    signal,
    operation,
  );
  if (rows.length === 0) return [];
  const programs = rows.map(({ program }) => program ?? "");
  const person = programs.some((program) => tools.test(program));
  return [
    {
      severity: "warning",
      code: "erp-account-shared",
      message: `Others are logged in with our account${person ? ", and a person among them" : ""}: ${programs.join(", ")}`,
      remedy: "Give the agent an account of its own: CREATE ROLE erpfuser LOGIN PASSWORD '…' and the rights that it needs.",
    },
  ];
}
