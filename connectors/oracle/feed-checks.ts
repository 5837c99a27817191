import { FuserError } from "../../base/errors.ts";
import type { Finding } from "../../base/findings.ts";
import type { FeedTable } from "../feed.ts";
import { bind, concat, sql } from "../statement.ts";
import { undoRetention } from "./account-checks.ts";
import { placeOf } from "./config.ts";
import type { Access } from "./connect.ts";
import { describeTables } from "./describe.ts";
import { lostPast } from "./errors.ts";
import { versionsBetween } from "./feed-tables.ts";
import { ifAllowed, scnAndWay } from "./identity.ts";
import type { Link } from "./link.ts";
import { oracleSyntax } from "./sql.ts";

const operation = "check the feed of row versions";
/** Rests between two rounds are at most a third of it. */
const leastRetentionSeconds = 900;
/** More rows are hardly read within a statement's usual time limit, and rarely read. */
const manyRows = 1_000_000;

interface Asked {
  access: Access;
  tables: readonly FeedTable[];
  signal: AbortSignal;
}

/** What keeps the tables from being followed by the versions of their rows, each with the statement that a DBA would run, and what following them costs. */
export async function checkFeed(link: Link, { access, tables, signal }: Asked): Promise<Finding[]> {
  const place = placeOf(access.settings);
  const found: Finding[] = [];
  const wrong = wrongVersions(link.version);
  if (wrong !== undefined) found.push({ severity: "error", code: "erp-feed-settings", place, ...wrong });
  const scn = (await scnAndWay(link, signal))?.scn;
  if (scn === undefined) found.push(noScn(place));
  found.push(...(await identityFindings(link, place, signal)), ...(await undoFindings(link, place, signal)));
  const known = scn === undefined ? undefined : BigInt(String(scn));
  for (const table of tables) found.push(...(await tableFindings(link, table, { scn: known, signal })));
  return found;
}

/**
 * Releases that tell wrong versions: of rows that one transaction inserted and deleted, 19.3 gives others than 12.2 (jonathanlewis.wordpress.com, "Flashback Bug",
 * 24 August 2020: since 18, mended by 19.11).
 */
export function wrongVersions(version: string): Pick<Finding, "message" | "remedy"> | undefined {
  const [major = 0, update = 0] = version.split(".").map(Number);
  if (major !== 18 && !(major === 19 && update < 11)) return undefined;
  return {
    message: `Oracle ${version} may tell wrong versions of rows: releases from 18 up to 19.10 have that fault`,
    remedy:
      "Ask the DBA for Release Update 19.11 or later, or use `changes: { column: ORA_ROWSCN, kind: sequence }` and `compare`.",
  };
}

function noScn(place: string): Finding {
  return {
    severity: "error",
    code: "erp-rights",
    place,
    message: "The account may not ask for the system change number",
    remedy: "GRANT EXECUTE ON SYS.DBMS_FLASHBACK TO the account (or GRANT SELECT ON SYS.V_$DATABASE)",
  };
}

/** Without it a database that was put back and has gone on since is the same by all that can be seen. */
async function identityFindings(link: Link, place: string, signal: AbortSignal): Promise<Finding[]> {
  const seen = await ifAllowed(() => link.execute(sql("SELECT RESETLOGS_CHANGE# FROM V$DATABASE"), signal, { operation }));
  if (seen !== undefined) return [];
  return [
    {
      severity: "warning",
      code: "erp-rights",
      place,
      message:
        "The account may not read V$DATABASE: a database that was restored, and has gone further than before since, is not recognised",
      remedy: "GRANT SELECT ON SYS.V_$DATABASE TO the account, best before the first start",
    },
  ];
}

async function undoFindings(link: Link, place: string, signal: AbortSignal): Promise<Finding[]> {
  const seconds = await undoRetention(link, signal);
  const code = "erp-feed-settings";
  if (seconds === undefined) {
    return [
      {
        severity: "info",
        code,
        place,
        message:
          "How long the undo is kept can't be seen without SELECT on V_$PARAMETER: after a longer pause of the agent everything is compared in full",
        remedy: `Let the DBA look: SHOW PARAMETER undo_retention; ${leastRetentionSeconds} s are the least, a night is better.`,
      },
    ];
  }
  return [
    {
      severity: seconds < leastRetentionSeconds ? "warning" : "info",
      code,
      place,
      message: `The undo is kept for ${seconds} s (UNDO_RETENTION): after a longer pause of the agent everything is compared in full; rounds are at most five minutes apart`,
      remedy: `Ask the DBA for ALTER SYSTEM SET UNDO_RETENTION = ${Math.max(leastRetentionSeconds, seconds)} or more, and an undo tablespace with room for it.`,
    },
  ];
}

async function tableFindings(
  link: Link,
  { table, key, own }: FeedTable,
  { scn, signal }: { scn: bigint | undefined; signal: AbortSignal },
): Promise<Finding[]> {
  const name = oracleSyntax.quote(table);
  const finding = (severity: Finding["severity"], code: string, message: string, remedy: string): Finding[] => [
    { severity, code, place: table, message, remedy },
  ];
  const [described] = await describeTables(link, [table], signal);
  if (described === undefined) {
    const remedy = `Correct its name, or GRANT SELECT, FLASHBACK ON ${name} TO the account.`;
    return finding("error", "erp-feed-table", `There is no table ${table}`, remedy);
  }
  const known = new Set(described.columns.map((column) => column.name.toLowerCase()));
  const missing = [...key, ...own].find((column) => !known.has(column.toLowerCase()));
  if (missing !== undefined) {
    return finding(
      "error",
      "erp-feed-table",
      `${table} has no column ${missing}`,
      "Correct `key:`, or `own:`, in the configuration.",
    );
  }
  const kind = described.kind === "view" ? "a view" : await kindOf(link, described, signal);
  if (kind !== undefined) {
    const message = `Of ${table} Oracle tells no versions: it is ${kind}`;
    return finding(
      "error",
      "erp-feed-table",
      message,
      "Use `changes: { compare: … }`, or a table of the cluster's or view's own.",
    );
  }
  if (scn !== undefined) {
    const refused = await refusal(link, { name, scn, signal });
    if (refused?.code === "erp-rights") {
      const message = `The account may not look back at ${table}`;
      return finding("error", "erp-rights", message, `GRANT FLASHBACK ON ${name} TO the account, beside SELECT`);
    }
    if (refused !== undefined) {
      return finding(
        "error",
        "erp-feed-table",
        `Of ${table} Oracle tells no versions: ${refused.message}`,
        "Use `changes: { compare: … }`.",
      );
    }
  }
  const { rows } = described;
  const many = rows === undefined ? "how many rows it has the server's statistics don't tell" : `about ${rows} rows`;
  return finding(
    rows !== undefined && rows > manyRows ? "warning" : "info",
    "erp-poll-reads-all",
    `Each round of the feed reads the whole table, and the undo of what changed: ${many}. The next one begins nine times as long later as it took, after 1 s to 5 min`,
    "Choose it where deletes must be seen at once. Without them `changes: { column: ORA_ROWSCN, kind: sequence }` costs the same and needs no right; a large table is better followed by an indexed column and `compare`.",
  );
}

/** What kind of table it is where Oracle keeps no versions of it ("SQL Language Reference", "Restrictions on Flashback Queries"). */
async function kindOf(
  link: Link,
  { owner, object }: { owner: string; object: string },
  signal: AbortSignal,
): Promise<string | undefined> {
  const of = concat(" WHERE OWNER = ", bind(owner), " AND TABLE_NAME = ", bind(object));
  const [row] = (await link.execute(concat("SELECT TEMPORARY, CLUSTER_NAME FROM ALL_TABLES", of), signal, { operation })).rows;
  if (row?.[0] === "Y") return "a temporary table";
  if (row !== undefined && row[1] !== null) return "part of a cluster";
  const external = await link.execute(concat("SELECT TABLE_NAME FROM ALL_EXTERNAL_TABLES", of), signal, { operation });
  return external.rows.length > 0 ? "an external table" : undefined;
}

/** What the server has against telling versions of the table. That its definition is young passes by itself. */
async function refusal(
  link: Link,
  { name, scn, signal }: { name: string; scn: bigint; signal: AbortSignal },
): Promise<FuserError | undefined> {
  const probe = concat(`SELECT 1 AS FOUND FROM ${name}`, versionsBetween({ from: scn, to: scn }), " WHERE ROWNUM <= 0");
  try {
    await link.execute(probe, signal, { operation });
    return undefined;
  } catch (error) {
    if (!(error instanceof FuserError) || !link.usable) throw error;
    return lostPast(error) === undefined ? error : undefined;
  }
}
