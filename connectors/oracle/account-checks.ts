import { bind, concat, sql } from "../statement.ts";
import { ifAllowed } from "./identity.ts";
import { ask, type Inspection, type Problem } from "./inspection.ts";
import type { Link } from "./link.ts";

/** Programs with which people work. */
const tools = /sql ?developer|sqlplus|sqlcl|toad|dbeaver|datagrip|navicat|pl\/?sql ?dev|excel|access|odbc/i;

/** Who else is logged in with our account: its password is then known to others, and its rights are theirs. */
export async function company(inspection: Inspection): Promise<Problem[]> {
  const asked = sql(
    "SELECT DISTINCT PROGRAM, MACHINE FROM V$SESSION WHERE USERNAME = SYS_CONTEXT('USERENV', 'SESSION_USER') AND (MODULE IS NULL OR MODULE <> 'erpfuser')",
  );
  const rows = await ifAllowed(() => ask(inspection, asked));
  if (rows === undefined) {
    return [
      {
        severity: "info",
        code: "erp-account-shared",
        message:
          "Whether others log in with the agent's account can't be seen without SELECT on V_$SESSION, which it does not need otherwise",
        remedy: "Let the DBA look: SELECT DISTINCT PROGRAM, MACHINE FROM V$SESSION WHERE USERNAME = the account.",
      },
    ];
  }
  if (rows.length === 0) return [];
  const programs = rows.map(
    ([program, machine]) => `${program ?? "a program without a name"}${machine === null ? "" : ` on ${machine}`}`,
  );
  const person = programs.some((program) => tools.test(program));
  return [
    {
      severity: "warning",
      code: "erp-account-shared",
      message: `Others are logged in with our account${person ? ", and a person among them" : ""}: ${programs.join(", ")}`,
      remedy: "Let the DBA make an account for the agent alone: the script of `erpfuser grants`.",
    },
  ];
}

/** How long the server means to keep its undo, seconds; undefined where the account may not see it. */
export async function undoRetention(link: Link, signal: AbortSignal): Promise<number | undefined> {
  const asked = sql("SELECT VALUE FROM V$PARAMETER WHERE NAME = 'undo_retention'");
  const rows = await ifAllowed(() => ask({ link, signal }, asked));
  const seconds = Number(rows?.[0]?.[0] ?? Number.NaN);
  return Number.isNaN(seconds) ? undefined : seconds;
}

/** A compare as of one moment, and every long read, stands on what the undo keeps. */
export async function undo({ link, signal }: Inspection): Promise<Problem[]> {
  const seconds = await undoRetention(link, signal);
  if (seconds === undefined || seconds >= usualUndoSeconds) return [];
  return [
    {
      severity: "info",
      code: "erp-snapshot-old",
      message: `UNDO_RETENTION is ${seconds} s: reads that take longer may fail and are made anew`,
      remedy: `Ask the DBA for ALTER SYSTEM SET UNDO_RETENTION = ${usualUndoSeconds} or more, and an undo tablespace with room for it.`,
    },
  ];
}

/** Oracle's own default. */
const usualUndoSeconds = 900;

/** Rights to write into a table, on the whole of it or on columns: held by the account, by its roles or by everybody. */
export async function writeRights(
  inspection: Inspection,
  { owner, name, wanted }: { owner: string; name: string; wanted: readonly string[] },
): Promise<Problem[]> {
  const grantees = "(SYS_CONTEXT('USERENV', 'SESSION_USER'), 'PUBLIC')";
  const of = (view: string): ReturnType<typeof concat> =>
    concat(
      `SELECT PRIVILEGE FROM ${view} WHERE TABLE_SCHEMA = `,
      bind(owner),
      " AND TABLE_NAME = ",
      bind(name),
      ` AND (GRANTEE IN ${grantees} OR GRANTEE IN (SELECT ROLE FROM SESSION_ROLES))`,
    );
  const statement = concat(
    of("ALL_TAB_PRIVS"),
    " UNION ",
    of("ALL_COL_PRIVS"),
    " UNION SELECT CASE PRIVILEGE WHEN 'INSERT ANY TABLE' THEN 'INSERT' ELSE 'UPDATE' END FROM SESSION_PRIVS WHERE PRIVILEGE IN ('INSERT ANY TABLE', 'UPDATE ANY TABLE') UNION SELECT 'OWNER' FROM DUAL WHERE SYS_CONTEXT('USERENV', 'SESSION_USER') = ",
    bind(owner),
  );
  const held = new Set((await ask(inspection, statement)).map(([privilege]) => String(privilege)));
  if (held.has("OWNER")) return [];
  const missing = wanted.filter((right) => !held.has(right));
  if (missing.length === 0) return [];
  const place = `${owner}.${name}`;
  return [
    {
      severity: "error",
      code: "erp-rights",
      place,
      message: `The account has no ${missing.join(" and no ")} on ${place}`,
      remedy: `GRANT ${missing.join(", ")} ON "${owner}"."${name}" TO the account: the script of \`erpfuser grants\` names the columns`,
    },
  ];
}
