/** What a server says of its binlog, and whether it still has what follows a position. */
import { bind, concat } from "../statement.ts";
import { askServer } from "./describe.ts";
import { feedOff } from "./errors.ts";
import { type FeedPosition, feedGap, fileNumber, mariadbGtids, otherHistory } from "./feed-position.ts";
import { identityOf } from "./identity.ts";
import type { Link } from "./link.ts";

const operation = "look at the binlog";

export interface FeedServer {
  kind: "MariaDB" | "MySQL";
  /** `HistoryIdentity.database`. */
  database: string;
  /** The server's own number in GTIDs. */
  id: string;
  /** Everything that its binlog holds, as GTIDs; undefined where it keeps none. */
  gtids: string | undefined;
  /** MariaDB: the newest GTID of each server in each domain. */
  state: string;
  /** MariaDB: the last GTID of each domain that it carried out as a replica. */
  carriedOut: string;
  link: Link;
}

/** @throws FuserError config where there is no binlog, or no right to look at it */
export async function askFeedServer(link: Link, place: string, signal: AbortSignal): Promise<FeedServer> {
  const { product, database } = await identityOf(link, signal);
  const kind = product === "MariaDB" ? "MariaDB" : "MySQL";
  const columns =
    kind === "MariaDB"
      ? "'ON' AS mode, @@gtid_binlog_pos AS gtids, @@gtid_binlog_state AS state, @@gtid_slave_pos AS carried"
      : "@@GLOBAL.gtid_mode AS mode, @@GLOBAL.gtid_executed AS gtids, '' AS state, '' AS carried";
  const [row] = await askServer(link, `SELECT @@log_bin AS logged, @@server_id AS id, ${columns}`, signal, operation);
  if (row?.logged !== "1") throw feedOff("The server keeps no binlog", "log_bin in its configuration, and a restart", place);
  const gtids = row.mode === "ON" ? (row.gtids ?? "").replace(/\s/g, "") : undefined;
  return { kind, database, id: row.id ?? "", gtids, state: row.state ?? "", carriedOut: row.carried ?? "", link };
}

export interface BinlogFile {
  name: string;
  size: number;
}

/** The binlog's files, oldest first. @throws FuserError config without the right for it */
export async function binlogFiles(link: Link, signal: AbortSignal): Promise<BinlogFile[]> {
  const rows = await askServer(link, "SHOW BINARY LOGS", signal, operation);
  return rows.map((row) => ({ name: row.log_name ?? "", size: Number(row.file_size) }));
}

/**
 * Refuses a position that the server is known not to have; what can't be told here the stream itself will tell. Gives the files that there are.
 * @throws FuserError history-lost, or config without the right to look
 */
export async function requireKept(
  server: FeedServer,
  position: FeedPosition,
  { place, signal }: { place: string; signal: AbortSignal },
): Promise<readonly BinlogFile[]> {
  const files = await binlogFiles(server.link, signal);
  await requireSameHistory(server, position, { place, signal });
  if (position.database !== server.database) return files;
  const newest = files.at(-1);
  const file = files.find(({ name }) => name === position.file);
  if (newest === undefined || fileNumber(position.file) > fileNumber(newest.name))
    throw otherHistory(`The server has no binlog ${position.file} yet`, place);
  if (file !== undefined && file.size < position.offset)
    throw otherHistory(`The binlog ${file.name} is shorter than what was read of it`, place);
  if (file === undefined && (server.gtids === undefined || position.gtids === undefined))
    throw feedGap(`The server no longer has the binlog ${position.file}; the oldest is ${files[0]?.name}`, place);
  return files;
}

/**
 * A position that another server wrote means the same here after a failover, when this server has carried out the other's transactions. GTIDs that a MariaDB
 * server could have given itself prove nothing, for each counts from one: after a failback they are a gap. Whether the server is the ERP's at all, and went back,
 * its identity has told.
 */
async function requireSameHistory(
  server: FeedServer,
  { database, gtids = "" }: FeedPosition,
  { place, signal }: { place: string; signal: AbortSignal },
): Promise<void> {
  const elsewhere = database !== server.database;
  if (elsewhere && (gtids === "" || server.gtids === undefined || gtids.includes(":") === (server.kind === "MariaDB")))
    throw otherHistory(`The position is of another server: ${database}`, place);
  if (server.kind === "MariaDB") {
    requireState(server, gtids, place);
    if (elsewhere && mariadbGtids(gtids).some((gtid) => gtid.server === server.id))
      throw feedGap(`The position is of another server (${database}), and of transactions of this one`, place);
  } else if (gtids !== "" && server.gtids !== undefined) {
    const question = concat("SELECT GTID_SUBSET(", bind(gtids), ", @@GLOBAL.gtid_executed) AS known");
    const [row] = await askServer(server.link, question, signal, operation);
    if (row?.known !== "1") throw otherHistory("The server does not have all transactions that were read of it", place);
  }
}

/** MariaDB passes over a domain that it has never heard of without a word. */
function requireState({ state, carriedOut }: FeedServer, gtids: string, place: string): void {
  for (const { domain, server, sequence } of mariadbGtids(gtids)) {
    const isIn = (list: string): boolean =>
      mariadbGtids(list).some((gtid) => gtid.domain === domain && gtid.server === server && gtid.sequence >= sequence);
    if (isIn(state)) continue;
    const transaction = `${domain}-${server}-${sequence}`;
    if (isIn(carriedOut)) throw feedGap(`The server's binlog lacks the transaction ${transaction} (log_slave_updates)`, place);
    throw otherHistory(`The server does not have the transaction ${transaction}`, place);
  }
}

/** The end of the binlog as it is now. */
export async function binlogEnd(link: Link, signal: AbortSignal): Promise<{ file: string; offset: number }> {
  const last = (await binlogFiles(link, signal)).at(-1);
  return { file: last?.name ?? "", offset: last?.size ?? 4 };
}
