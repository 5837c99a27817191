import type { HistoryIdentity } from "../connector.ts";
import { askServer } from "./describe.ts";
import type { Link } from "./link.ts";
import type { TimelineEnds } from "./timelines.ts";

/**
 * Who a PostgreSQL database is: the cluster's `system_identifier`, made by initdb and shared by standbys and by copies of the files, and the database's own
 * id within it, which a dump that is read back in does not bring along.
 *
 * Position: what has been flushed (on a standby: replayed) of the write-ahead log, by timeline. It goes back when the files or a snapshot of the machine
 * are restored; a promoted standby and a recovery to a point in time begin a new timeline, on which the end of the old one may be missing. All of it can
 * be read without rights (PostgreSQL manual, "Control Data Functions"). Where the old timelines ended is told to an account that may replicate; to any other a
 * new timeline is another history.
 *
 * A primary's timeline is also what tells it from the one before it: a standby that was promoted may lack what nobody has looked at since.
 * @param endsOf where the timelines before one ended
 */
export async function identityOf(
  link: Link,
  endsOf: (timeline: string, signal: AbortSignal) => Promise<TimelineEnds>,
  signal: AbortSignal,
): Promise<HistoryIdentity> {
  const [row] = await askServer(link, identity, signal, "identify the ERP's database");
  const database = row?.name as string;
  const timeline = String(row?.timeline);
  const ends = row?.replicates === "t" ? await endsOf(timeline, signal) : [];
  const past = Object.fromEntries([...ends].map(([name, end]) => [name, String(end)]));
  return {
    database: `postgres:${row?.system}:${row?.id}:${database}`,
    label: `PostgreSQL ${database} on ${link.server}`,
    product: "PostgreSQL",
    version: row?.version as string,
    position: { [timeline]: String(row?.position) },
    past,
    ...(row?.standby === "t" ? {} : { server: `timeline ${timeline}` }),
  };
}

/** The timeline of a checkpoint is behind after a promotion; that of a primary stands in the name of the log's current file. */
const identity = `
  SELECT current_database() AS name, d.oid AS id, s.system_identifier AS system, current_setting('server_version') AS version,
    pg_is_in_recovery() AS standby, (SELECT (rolreplication OR rolsuper) AND current_setting('max_wal_senders') <> '0' FROM pg_roles WHERE rolname = current_user) AS replicates,
    CASE WHEN pg_is_in_recovery() THEN (SELECT timeline_id FROM pg_control_checkpoint())
      ELSE ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int END AS timeline,
    CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_flush_lsn() END - '0/0'::pg_lsn AS position
  FROM pg_database d, pg_control_system() s WHERE d.datname = current_database()`;
