import { describeError, FuserError, isAbort } from "../../base/errors.ts";
import type { Finding, Severity } from "../../base/findings.ts";
import { certificateForecast, passwordForecast, supportForecast } from "../../base/forecasts.ts";
import type { CheckNeeds } from "../connector.ts";
import { bind, concat } from "../statement.ts";
import { callProblems } from "./call-checks.ts";
import { placeOf, tlsChoice } from "./config.ts";
import type { Access, Driver } from "./connect.ts";
import type { Link } from "./link.ts";
import { openLink } from "./open-link.ts";
import { ask, databaseState } from "./session.ts";
import { tableProblems } from "./table-checks.ts";

export interface Problem {
  severity: Severity;
  code: string;
  place?: string;
  message: string;
  remedy: string;
}

export interface Inspection {
  access: Access;
  link: Link;
  needs: CheckNeeds;
  signal: AbortSignal;
}

const operation = "check the ERP's database";
/** SQL Server 2012: the first that describes a statement's columns without running it. */
const oldestMajor = 11;

/** Every problem of server, rights and settings at once; only what can't be reached at all ends it early. */
export async function checkMssql({
  access,
  driver,
  needs,
  signal,
}: Omit<Inspection, "link"> & { driver: () => Promise<Driver> }): Promise<Finding[]> {
  const place = placeOf(access.settings);
  const account = accountProblems(access.settings).map((problem) => ({ place, ...problem }));
  let link: Link;
  try {
    link = await openLink(access, await driver(), "read", signal);
  } catch (error) {
    if (isAbort(error) || !(error instanceof FuserError)) throw error;
    const remedy = error.hint ?? "Correct the settings under `erp:`.";
    return [...account, { severity: "error", code: error.code, place, message: error.message, remedy }];
  }
  try {
    const problems: Problem[] = [];
    for (const inspect of [server, encryption, expiries, versions, rights, sharing, tableProblems, callProblems]) {
      try {
        problems.push(...(await inspect({ access, link, needs, signal })));
      } catch (error) {
        if (isAbort(error)) throw error;
        problems.push({
          severity: "error",
          code: "erp-check-failed",
          message: describeError(error),
          remedy: "Mend this and check again.",
        });
      }
    }
    return [...account, ...problems.map((problem) => ({ place, ...problem }))];
  } finally {
    await link.close();
  }
}

/** Accounts that the driver can't log in as, told before the server refuses them with words that help nobody. */
function accountProblems({ user, domain }: Inspection["access"]["settings"]): Problem[] {
  const managed = /\$$/.test(user);
  if (!managed && (domain !== undefined || !user.includes("\\"))) return [];
  return [
    {
      severity: "error",
      code: "erp-login-refused",
      message: managed
        ? `${user} looks like a managed service account (gMSA): it logs in by Kerberos alone, which the database driver does not have`
        : `${user} is a Windows account, which a SQL login can't be`,
      remedy: managed
        ? "Let the DBA make a SQL login, or name a Windows account with a password of its own and `erp: domain:` (NTLM)."
        : "Write its domain as `erp: domain:` and its name alone as `user` (NTLM), or let the DBA make a SQL login.",
    },
  ];
}

async function server({ access, link, needs, signal }: Inspection): Promise<Problem[]> {
  const [row] = await ask(
    link,
    "SELECT CAST(SERVERPROPERTY('ProductVersion') AS nvarchar(128)) AS version, CAST(SERVERPROPERTY('Edition') AS nvarchar(128)) AS edition",
    { signal, operation },
  );
  const version = row?.version ?? "0";
  const problems: Problem[] = [
    {
      severity: "info",
      code: "erp-not-verified",
      message: `SQL Server ${version}, ${row?.edition ?? "edition unknown"}: nobody has run the contract tests against a real SQL Server yet`,
      remedy: "Run `npm run contract -- --connector mssql --url …` against a test server.",
    },
  ];
  if (Number.parseInt(version, 10) < oldestMajor) {
    problems.push({
      severity: "error",
      code: "erp-version",
      message: `SQL Server ${version} is too old`,
      remedy: "Update to SQL Server 2012 (11.0) or later.",
    });
  }
  problems.push(...supportForecast("SQL Server", version, access.context.clock.now()));
  if (link.readOnly) problems.push(readOnly(needs));
  return problems;
}

function readOnly({ write }: CheckNeeds): Problem {
  const message = "The database can only be read here: a secondary replica, which may lag, or it was made read-only";
  return write.length > 0
    ? {
        severity: "error",
        code: "erp-read-only",
        message,
        remedy: "Name the primary server, or the listener of the availability group.",
      }
    : {
        severity: "info",
        code: "erp-standby",
        message,
        remedy: "Nothing to do. Feeds and rowversion columns need the primary server.",
      };
}

async function encryption({ access: { settings } }: Inspection): Promise<Problem[]> {
  const { mode, verify, legacy } = tlsChoice(settings);
  if (mode === "off") {
    return [
      {
        severity: "warning",
        code: "erp-not-encrypted",
        message: "Encryption is switched off in the configuration: password and tenant data pass the network in the clear",
        remedy: "Take `tls: { mode: off }` out.",
      },
    ];
  }
  const problems: Problem[] = [];
  if (!verify) {
    problems.push({
      severity: "warning",
      code: "erp-not-verified-tls",
      message: "The connection is encrypted, but the server's certificate is not verified",
      remedy: "Set `tls: { ca: FILE }` to the authority that signed it, or to the server's own certificate.",
    });
  }
  if (legacy) {
    problems.push({
      severity: "warning",
      code: "erp-tls-legacy",
      message: "`tls: { legacy: true }` allows TLS 1.0, which can be broken",
      remedy: "Install the TLS 1.2 update of the server's version, then take the setting out.",
    });
  }
  return problems;
}

/**
 * Of the server's certificate, and of a SQL login under `CHECK_EXPIRATION` (LOGINPROPERTY: NULL without it, -1 where Windows' policy lets passwords live for ever, 0 on the last
 * day and afterwards).
 */
async function expiries({ access, link, signal }: Inspection): Promise<Problem[]> {
  const now = access.context.clock.now();
  const [row] = await ask(
    link,
    "SELECT SUSER_SNAME() AS account, CAST(LOGINPROPERTY(SUSER_SNAME(), 'DaysUntilExpiration') AS nvarchar(20)) AS days",
    { signal, operation },
  );
  const days = row?.days === null || row?.days === undefined ? -1 : Number(row.days);
  return [
    ...certificateForecast("erp", link.certificateUntil, now),
    ...passwordForecast(row?.account ?? "", days < 0 ? Number.NaN : now + days * dayMs, now),
  ];
}

const dayMs = 86_400_000;

async function versions({ access, link, signal }: Inspection): Promise<Problem[]> {
  const { readCommitted, snapshot } = await databaseState(link, signal);
  if (readCommitted || snapshot) return [];
  const database = `[${access.settings.database.replaceAll("]", "]]")}]`;
  return [
    {
      severity: "warning",
      code: "erp-no-row-versions",
      message:
        "The database keeps no row versions: each read of ours may wait for a writer and a writer for it, for up to the lock time-out",
      remedy: `If the ERP's vendor agrees: ALTER DATABASE ${database} SET ALLOW_SNAPSHOT_ISOLATION ON`,
    },
  ];
}

/** Roles that the agent never needs; each is a way to do harm with a stolen password. */
async function rights({ link, needs, signal }: Inspection): Promise<Problem[]> {
  const [row] = await ask(
    link,
    "SELECT IS_SRVROLEMEMBER('sysadmin') AS sysadmin, IS_ROLEMEMBER('db_owner') AS db_owner, IS_ROLEMEMBER('db_ddladmin') AS db_ddladmin, IS_ROLEMEMBER('db_securityadmin') AS db_securityadmin, IS_ROLEMEMBER('db_datawriter') AS db_datawriter",
    { signal, operation },
  );
  const excess = Object.entries(row ?? {}).flatMap(([role, member]) => (member === "1" ? [role] : []));
  if (excess.length === 0) return [];
  const wanted =
    needs.write.length > 0 ? "SELECT on what is read, INSERT and UPDATE on what is written" : "SELECT on what is read";
  return [
    {
      severity: "warning",
      code: "erp-rights-too-many",
      message: `The account may do more than it needs: it is in ${excess.join(", ")}`,
      remedy: `Take it out of them and give it only ${wanted}: the script of \`erpfuser grants\`.`,
    },
  ];
}

/** The agent needs no right of the server's for it: the DBA can look. */
const unseen: Problem = {
  severity: "info",
  code: "erp-account-shared",
  message:
    "Whether others log in with the agent's account can't be seen without VIEW SERVER STATE, which it does not need otherwise",
  remedy: "Let the DBA look: SELECT DISTINCT program_name, host_name FROM sys.dm_exec_sessions WHERE login_name = the account.",
};

/** Other programs that log in with our account: a shared password changes without us, and nobody can tell who wrote what. */
async function sharing({ access, link, signal }: Inspection): Promise<Problem[]> {
  const asked = { signal, operation };
  const [may] = await ask(link, "SELECT HAS_PERMS_BY_NAME(NULL, NULL, 'VIEW SERVER STATE') AS may", asked);
  if (may?.may !== "1") return [unseen];
  const rows = await ask(
    link,
    concat(
      "SELECT DISTINCT s.program_name AS program FROM sys.dm_exec_sessions AS s WHERE s.login_name = SUSER_SNAME() AND s.session_id <> @@SPID AND s.program_name <> ",
      bind(access.context.sessionName.slice(0, 128)),
    ),
    asked,
  );
  const programs = rows.map(({ program }) => program || "a program without a name");
  if (programs.length === 0) return [];
  const person = programs.find((program) => /Management Studio|Azure Data Studio|Microsoft Office|SQLCMD|Access/i.test(program));
  return [
    {
      severity: "warning",
      code: "erp-account-shared",
      message: `${person === undefined ? "Other programs log in" : "A person works"} with the agent's account: ${programs.join(", ")}`,
      remedy: "Let the DBA make a login for the agent alone.",
    },
  ];
}
