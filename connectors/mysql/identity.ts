import type { HistoryIdentity } from "../connector.ts";
import { noPrimary, serversText } from "../servers.ts";
import { isWritable } from "./connect.ts";
import { askServer } from "./describe.ts";
import type { Link } from "./link.ts";

/**
 * Who a MySQL or MariaDB database is; every value can be read without rights.
 * - MySQL: `server_uuid` (auto.cnf, made anew for a new data directory) and the schema's name.
 * - MariaDB knows no such id that survives: host name, port and data directory, and the schema's name. They stay across restarts and upgrades; a
 *   copy on another machine, another instance or another schema differs. A clone that keeps its host name is told apart by the agent's own key.
 *
 * Position: the GTIDs of the binlog, highest sequence number by domain (MariaDB) or server (MySQL). They go back when the data directory or a
 * snapshot of the machine is restored, and after RESET MASTER. Without a binlog there is none. Of MariaDB's domains also the highest number of each server, where
 * the binlog holds it: a replica that has taken over counts on, past what it lacks of its primary.
 */
export async function identityOf(link: Link, signal: AbortSignal): Promise<HistoryIdentity> {
  const operation = "identify the ERP's database";
  const [row] = await askServer(
    link,
    "SELECT VERSION() AS version, @@hostname AS host, @@port AS port, @@datadir AS datadir, DATABASE() AS db, @@log_bin AS logged, CAST(@@GLOBAL.read_only AS CHAR) AS locked",
    signal,
    operation,
  );
  const version = row?.version ?? "";
  const database = row?.db ?? "";
  const { servers } = link;
  if (servers.several && !isWritable(row?.locked)) throw servers.doubtFor(noPrimary(serversText(servers.addresses)));
  const family = servers.several ? { family: `mysql:${serversText(servers.addresses, "sorted")}:${database}` } : {};
  if (/mariadb/i.test(version)) {
    const question = "SELECT @@gtid_current_pos AS position, @@gtid_binlog_state AS state, @@gtid_slave_pos AS carried";
    const [gtid] = row?.logged === "1" ? await askServer(link, question, signal, operation) : [];
    return {
      database: `mariadb:${row?.host}:${row?.port}:${row?.datadir}:${database}`,
      label: `MariaDB ${database} on ${row?.host}`,
      product: "MariaDB",
      version,
      position: mariadbPosition(gtid?.position ?? ""),
      parts: mariadbParts(gtid?.state ?? "", gtid?.carried ?? ""),
      ...family,
    };
  }
  const [server] = await askServer(link, "SELECT @@server_uuid AS uuid, @@gtid_executed AS position", signal, operation);
  return {
    database: `mysql:${server?.uuid}:${database}`,
    label: `MySQL ${database} on ${row?.host}`,
    product: "MySQL",
    version,
    position: row?.logged === "1" ? mysqlPosition(server?.position ?? "") : undefined,
    ...family,
  };
}

/** `0-1-100,2-5-7` -> { 0: 100, 2: 7 } (mariadb.com/kb, "Global Transaction ID"). */
export function mariadbPosition(text: string): Record<string, string> | undefined {
  const parts = text.split(",").flatMap((gtid): [string, string][] => {
    const match = /^\s*(\d+)-\d+-(\d+)\s*$/.exec(gtid);
    return match ? [[match[1] as string, match[2] as string]] : [];
  });
  return parts.length === 0 ? undefined : Object.fromEntries(parts);
}

/**
 * `0-1-100,0-2-120` -> { 0-1: 100, 0-2: 120 }
 * @param carriedOut as a replica: further than its binlog tells, where it no longer writes into that what it carries out
 */
export function mariadbParts(state: string, carriedOut = ""): Record<string, string> {
  const numbers = (text: string): [string, string][] =>
    Array.from(text.matchAll(/(\d+-\d+)-(\d+)/g), ([, name, number]) => [name as string, number as string]);
  const parts = Object.fromEntries(numbers(state));
  for (const [name, number] of numbers(carriedOut)) {
    const told = parts[name];
    if (told !== undefined && BigInt(number) > BigInt(told)) parts[name] = number;
  }
  return parts;
}

/** `uuid:1-5:8,uuid2:1-3` -> { uuid: 8, uuid2: 3 } (dev.mysql.com, "GTID Format and Storage"; tags of 8.3 are part of the name). */
export function mysqlPosition(text: string): Record<string, string> | undefined {
  const highest = new Map<string, bigint>();
  for (const set of text.split(",")) {
    const [uuid, ...intervals] = set.trim().split(":");
    let name = uuid ?? "";
    for (const interval of intervals) {
      const match = /^(\d+)(?:-(\d+))?$/.exec(interval);
      if (!match) {
        name = `${uuid}:${interval}`;
        continue;
      }
      const end = BigInt(match[2] ?? (match[1] as string));
      if (end > (highest.get(name) ?? 0n)) highest.set(name, end);
    }
  }
  return highest.size === 0 ? undefined : Object.fromEntries([...highest].map(([name, end]) => [name, String(end)]));
}
