import type { HistoryIdentity } from "../connector.ts";
import { noPrimary, serversText } from "../servers.ts";
import type { Link } from "./link.ts";
import { ask } from "./session.ts";

const question =
  "SELECT @@SERVERNAME AS server, DB_NAME() AS db, CAST(SERVERPROPERTY('ProductVersion') AS nvarchar(128)) AS version, CAST(d.service_broker_guid AS nvarchar(36)) AS broker, CAST(d.group_database_id AS nvarchar(36)) AS grouped, CAST(@@DBTS AS bigint) AS stamp, CHANGE_TRACKING_CURRENT_VERSION() AS tracked, CAST(DATABASEPROPERTYEX(DB_NAME(), 'Updateability') AS nvarchar(128)) AS updateability FROM sys.databases AS d WHERE d.database_id = DB_ID()";

/**
 * Who a database is; every value can be read without rights of its own.
 * - In an availability group its id there, which is the same on every replica: which of them is the primary is told beside it. Else the server's name, the
 *   database's, and its broker id, which stays with it; the two of a mirror have a family.
 *
 * Position: `@@DBTS`, the last rowversion that was given out, and the version of change tracking where it is on. Both only ever grow, and go back when a
 * backup is restored.
 */
export async function identityOf(link: Link, signal: AbortSignal): Promise<HistoryIdentity> {
  const [row] = await ask(link, question, { signal, operation: "identify the ERP's database" });
  const { server, db, version, broker, grouped, stamp, tracked } = row ?? {};
  const replica = row?.updateability === "READ_ONLY";
  const { servers } = link;
  // It was the primary when the connection was opened.
  if (replica && servers.several) throw servers.doubtFor(noPrimary(serversText(servers.addresses)));
  const id = grouped ? `group:${grouped}` : `${server}:${db}:${broker}`;
  return {
    database: `mssql:${id}`,
    label: `SQL Server ${db} on ${server}`,
    product: "SQL Server",
    version: version ?? "",
    position: { rowversion: stamp ?? "0", ...(tracked ? { tracked } : {}) },
    ...(grouped ? (replica || !server ? {} : { server }) : familyOf(link, db)),
  };
}

function familyOf({ servers }: Link, db: string | null | undefined): Pick<HistoryIdentity, "family"> {
  return servers.several ? { family: `mssql:${serversText(servers.addresses, "sorted")}:${db}` } : {};
}
