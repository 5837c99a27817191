import type { Finding } from "../../base/findings.ts";
import type { FeedTable } from "../feed.ts";
import { bind, concat } from "../statement.ts";
import { type MssqlSettings, placeOf } from "./config.ts";
import { type FedTable, fedTables, tellsOwnKey } from "./feed-tables.ts";
import type { Asked, Link } from "./link.ts";
import { ask } from "./session.ts";
import { mssqlSyntax } from "./sql.ts";

/** Below it a weekend without the agent is a gap. */
const leastRetentionMinutes = 3 * 24 * 60;

/** What keeps the tables from being followed by change tracking, each with the statement that a DBA would run. */
export async function checkFeed(
  link: Link,
  { settings, tables, signal }: { settings: MssqlSettings; tables: readonly FeedTable[]; signal: AbortSignal },
): Promise<Finding[]> {
  const asked = { signal, operation: "check change tracking" };
  const found = [...replicaFindings(link, settings), ...(await databaseFindings(link, settings, asked))];
  for (const fed of await fedTables(link, tables, signal)) found.push(...(await tableFindings(link, fed, asked)));
  return found;
}

function replicaFindings({ readOnly }: Link, settings: MssqlSettings): Finding[] {
  if (!readOnly) return [];
  return [
    {
      severity: "error",
      code: "erp-feed-replica",
      place: placeOf(settings),
      message: "The server is a replica: what it tells comes later than on the primary",
      remedy: "Name the primary server under `erp: server:`, or the listener of the availability group.",
    },
  ];
}

async function databaseFindings(link: Link, settings: MssqlSettings, asked: Asked): Promise<Finding[]> {
  const database = `[${settings.database.replaceAll("]", "]]")}]`;
  const place = placeOf(settings);
  const [row] = await ask(
    link,
    "SELECT retention_period AS period, retention_period_units AS units, is_auto_cleanup_on AS cleaned FROM sys.change_tracking_databases WHERE database_id = DB_ID()",
    asked,
  );
  if (row === undefined) {
    return [
      {
        severity: "error",
        code: "erp-feed-settings",
        place,
        message: "Change tracking is off in the database",
        remedy: `ALTER DATABASE ${database} SET CHANGE_TRACKING = ON (CHANGE_RETENTION = 7 DAYS, AUTO_CLEANUP = ON)`,
      },
    ];
  }
  const minutes = Number(row.period) * ({ "1": 1, "2": 60, "3": 1_440 }[row.units ?? ""] ?? 1);
  if (row.cleaned !== "1" || minutes >= leastRetentionMinutes) return [];
  return [
    {
      severity: "warning",
      code: "erp-feed-settings",
      place,
      message: `Changes are kept for ${Math.round(minutes / 60)} hours: after a longer pause of the agent everything is compared in full`,
      remedy: `ALTER DATABASE ${database} SET CHANGE_TRACKING (CHANGE_RETENTION = 7 DAYS)`,
    },
  ];
}

async function tableFindings(link: Link, fed: FedTable, asked: Asked): Promise<Finding[]> {
  const { table, described } = fed;
  const name = mssqlSyntax.quote(table.table);
  const error = (code: string, message: string, remedy: string): Finding => ({
    severity: "error",
    code,
    place: table.table,
    message,
    remedy,
  });
  if (described === undefined) {
    return [
      error("erp-feed-table", `There is no table ${table.table}`, `Correct its name, or GRANT SELECT ON ${name} TO the account.`),
    ];
  }
  if (described.primaryKey.length === 0) {
    return [
      error(
        "erp-feed-table",
        `${table.table} has no primary key, without which SQL Server tracks no changes`,
        "Use `changes: { compare: … }`.",
      ),
    ];
  }
  if (!tellsOwnKey(fed)) {
    const key = described.primaryKey.join(", ");
    return [
      error(
        "erp-feed-table",
        `Change tracking tells the primary key of ${table.table} alone: ${key}`,
        `Write \`own: [${key}]\`.`,
      ),
    ];
  }
  const [row] = await ask(
    link,
    concat(
      "SELECT CHANGE_TRACKING_MIN_VALID_VERSION(OBJECT_ID(",
      bind(name),
      ")) AS least, HAS_PERMS_BY_NAME(",
      bind(name),
      ", 'OBJECT', 'VIEW CHANGE TRACKING') AS may",
    ),
    asked,
  );
  if (row?.may !== "1") {
    return [
      error(
        "erp-rights",
        `The account may not see the changes of ${table.table}`,
        `GRANT VIEW CHANGE TRACKING ON ${name} TO the account`,
      ),
    ];
  }
  if (row.least !== null) return [];
  return [error("erp-feed-settings", `${table.table} is not tracked`, `ALTER TABLE ${name} ENABLE CHANGE_TRACKING`)];
}
