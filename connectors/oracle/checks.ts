import { describeError, FuserError, isAbort } from "../../base/errors.ts";
import type { Finding } from "../../base/findings.ts";
import { certificateForecast } from "../../base/forecasts.ts";
import type { CheckNeeds } from "../connector.ts";
import { certificateUntilAt } from "../shown-certificate.ts";
import { bind, concat, sql } from "../statement.ts";
import { company, undo, writeRights } from "./account-checks.ts";
import { callProblems } from "./call-checks.ts";
import { placeOf, usesTls } from "./config.ts";
import type { Access } from "./connect.ts";
import { describeTables, type OracleTable } from "./describe.ts";
import { ifAllowed } from "./identity.ts";
import { ask, type Inspection, type Problem } from "./inspection.ts";
import { type Link, openLink } from "./link.ts";
import { pollCosts } from "./poll-checks.ts";
import { oracleSyntax } from "./sql.ts";

/** Every problem of server, rights and settings at once; only what can't be reached at all ends it early. */
export async function checkOracle(access: Access, needs: CheckNeeds, signal: AbortSignal): Promise<Finding[]> {
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
    for (const inspect of [product, account, certificate, company, undo, excess, lock, tables, pollCosts, callProblems]) {
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

async function product({ link }: Inspection): Promise<Problem[]> {
  return [
    {
      severity: "info",
      code: "erp-not-verified",
      message: `Nobody has run the contract tests against Oracle ${link.version} itself yet, only against a double of its protocol`,
      remedy: "Run `npm run contract -- --connector oracle --url oracle://user@host:1521/service` against a test database.",
    },
  ];
}

/** How long before an expiry it is told. */
const warnMs = 21 * 24 * 60 * 60 * 1_000;

async function account({ access, link, signal }: Inspection): Promise<Problem[]> {
  const asked = sql("SELECT USERNAME, ACCOUNT_STATUS, TO_CHAR(EXPIRY_DATE, 'YYYY-MM-DD') AS EXPIRES FROM USER_USERS");
  const [user, state, expires] = (await ask({ link, signal }, asked))[0] ?? [];
  const left = Date.parse(String(expires)) - access.context.clock.now();
  const isNear = left <= warnMs;
  if (!isNear && link.warning === undefined) return [];
  const when = isNear ? `The password of ${user} (${state}) expires on ${expires}` : `The server warns: ${link.warning}`;
  return [
    {
      severity: "warning",
      code: "erp-password-expires",
      message: `${when}: then the agent stands still`,
      remedy:
        "Ask the DBA for a profile with PASSWORD_LIFE_TIME UNLIMITED for this account, or change the password in time and store it by `erpfuser secret set`.",
    },
  ];
}

/** Of TCPS; an address within a descriptor of the admin's own is not looked for. */
async function certificate({ access, signal }: Inspection): Promise<Problem[]> {
  const { settings, context } = access;
  const { server, port = 2484, connect } = settings;
  if (connect !== undefined || server === undefined || !usesTls(settings)) return [];
  return certificateForecast("erp", await certificateUntilAt({ host: server, port }, signal), context.clock.now());
}

/** Rights that the agent never needs; each is a way to do harm with a stolen password. */
const tooMuch =
  /^(DBA|IMP_FULL_DATABASE|EXP_FULL_DATABASE|SYSDBA|.* ANY .*|ALTER SYSTEM|ALTER DATABASE|DROP USER|CREATE USER|BECOME USER|GRANT .*)$/;

async function excess({ link, signal, needs }: Inspection): Promise<Problem[]> {
  const privileges = await ask({ link, signal }, sql("SELECT PRIVILEGE FROM SESSION_PRIVS UNION SELECT ROLE FROM SESSION_ROLES"));
  const found = privileges.map(([name]) => String(name)).filter((name) => tooMuch.test(name));
  if (found.length === 0) return [];
  const shown = found.length > 6 ? `${found.slice(0, 6).join(", ")} and ${found.length - 6} more` : found.join(", ");
  const wanted =
    needs.write.length > 0 ? "SELECT on what is read, INSERT and UPDATE on what is written" : "SELECT on what is read";
  return [
    {
      severity: "warning",
      code: "erp-rights-too-many",
      message: `The account may do more than it needs: ${shown}`,
      remedy: `Give it only CREATE SESSION and ${wanted}: the script of \`erpfuser grants\`.`,
    },
  ];
}

/** The agent's lock keeps an earlier attempt of ours apart from a look-up. */
async function lock({ link, needs, signal }: Inspection): Promise<Problem[]> {
  if (needs.write.length === 0) return [];
  const found = await ask(
    { link, signal },
    sql("SELECT 1 AS FOUND FROM ALL_PROCEDURES WHERE OWNER = 'SYS' AND OBJECT_NAME = 'DBMS_LOCK' AND PROCEDURE_NAME = 'REQUEST'"),
  );
  if (found.length > 0) return [];
  return [
    {
      severity: "warning",
      code: "erp-rights",
      place: "DBMS_LOCK",
      message:
        "The account may not use DBMS_LOCK: commands with `probe` are refused, and two agents of one name are not kept apart",
      remedy: "GRANT EXECUTE ON SYS.DBMS_LOCK TO the account",
    },
  ];
}

async function tables(inspection: Inspection): Promise<Problem[]> {
  const { link, needs, signal } = inspection;
  const wanted = [...new Set([...needs.read, ...needs.write])];
  const problems: Problem[] = [];
  for (const name of wanted) {
    const [table] = await describeTables(link, [name], signal);
    if (table === undefined) {
      problems.push({
        severity: "error",
        code: "erp-object-missing",
        place: name,
        message: `There is no table or view ${name}, or the account has no right on it`,
        remedy: `Correct its name, or GRANT SELECT ON ${oracleSyntax.quote(name)} TO the account.`,
      });
      continue;
    }
    if (needs.read.includes(name)) problems.push(...(await unreadable(inspection, name)));
    if (needs.write.includes(name)) problems.push(...(await writing(inspection, name, table)));
  }
  return problems;
}

async function unreadable({ link, signal }: Inspection, name: string): Promise<Problem[]> {
  const probe = sql(`SELECT 1 AS FOUND FROM ${oracleSyntax.quote(name)} WHERE ROWNUM <= 0`);
  if ((await ifAllowed(() => ask({ link, signal }, probe))) !== undefined) return [];
  const remedy = `GRANT SELECT ON ${oracleSyntax.quote(name)} TO the account`;
  return [{ severity: "error", code: "erp-rights", place: name, message: `The account may not read ${name}`, remedy }];
}

async function writing(inspection: Inspection, name: string, table: OracleTable): Promise<Problem[]> {
  const { link, needs, signal } = inspection;
  if (table.kind === "view") {
    return [
      { severity: "warning", code: "erp-view-written", place: name, message: `${name} is a view`, remedy: "Write to its table." },
    ];
  }
  const { owner, object } = table;
  const asked = concat(
    "SELECT TRIGGER_NAME FROM ALL_TRIGGERS WHERE TABLE_OWNER = ",
    bind(owner),
    " AND TABLE_NAME = ",
    bind(object),
  );
  const found = await ask({ link, signal }, asked);
  const wanted = (needs.rights?.[name] ?? []).map((right) => right.toUpperCase());
  const rights = await writeRights(inspection, { owner, name: object, wanted });
  if (found.length === 0) return rights;
  return [
    ...rights,
    {
      severity: "info",
      code: "erp-triggers",
      place: name,
      message: `${name} has triggers, which act on what is written`,
      remedy: "Rehearse the commands that write to it: `erpfuser preview --command`.",
    },
  ];
}
