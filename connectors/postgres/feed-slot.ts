import type pg from "pg";
import { FuserError } from "../../base/errors.ts";
import { bind, concat } from "../statement.ts";
import { feedGap, otherHistory, replicationError, slotInUse, walLevel } from "./feed-errors.ts";
import { type FeedPosition, lsnOf, lsnText } from "./feed-position.ts";
import type { FeedServer } from "./feed-server.ts";
import { askSession } from "./feed-session.ts";
import { untilVisible } from "./feed-visible.ts";
import type { TimelineEnds } from "./timelines.ts";

/** A replication slot as the server describes it; what its version does not know is undefined. */
export interface Slot {
  ours: boolean;
  active: boolean;
  activePid: string | undefined;
  /** Everything before it was confirmed. */
  confirmed: bigint | undefined;
  /** `reserved`, `extended`, `unreserved`, `lost` (13). */
  walStatus: string | undefined;
  safeBytes: bigint | undefined;
  /** Why it can't be used any more (16, 17). */
  invalid: string | undefined;
  /** Log that the server keeps for it, bytes. */
  keptBytes: bigint;
  inactiveSince: string | undefined;
}

/** Ours are of this database and write `pgoutput`. */
export async function slotOf(server: FeedServer, slot: string, signal: AbortSignal): Promise<Slot | undefined> {
  const statement = concat(
    `SELECT (s.database = current_database() AND s.plugin = 'pgoutput')::text AS ours, s.active::text, s.active_pid::text, s.confirmed_flush_lsn::text AS confirmed,
      to_jsonb(s)->>'wal_status' AS wal_status, to_jsonb(s)->>'safe_wal_size' AS safe,
      coalesce(to_jsonb(s)->>'invalidation_reason', CASE to_jsonb(s)->>'conflicting' WHEN 'true' THEN 'conflict' END) AS invalid,
      coalesce(pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END, s.restart_lsn), 0)::int8::text AS kept,
      to_jsonb(s)->>'inactive_since' AS inactive
    FROM pg_catalog.pg_replication_slots s WHERE s.slot_name = `,
    bind(slot),
  );
  const [row] = await server.ask(statement, "look at the feed's replication slot", signal);
  if (row === undefined) return undefined;
  const { wal_status, safe, confirmed, active_pid, invalid, inactive } = row;
  return {
    ours: row.ours === "true",
    active: row.active === "true",
    activePid: active_pid ?? undefined,
    confirmed: confirmed ? lsnOf(confirmed) : undefined,
    walStatus: wal_status ?? undefined,
    safeBytes: safe ? BigInt(safe) : undefined,
    invalid: wal_status === "lost" ? (invalid ?? "lost") : (invalid ?? undefined),
    keptBytes: BigInt(row.kept ?? "0"),
    inactiveSince: inactive ?? undefined,
  };
}

/** Who the server is. */
export interface ServerIdentity {
  system: string;
  timeline: string;
  /** End of what is safely written. */
  lsn: bigint;
  /** The running server, and no other of the same data (`instanceText`). */
  instance: string;
}

/** When the server was started, to the microsecond: a standby has everything else in common with its primary. */
export const instanceText = "extract(epoch FROM pg_postmaster_start_time())::text";

/**
 * Asks a session of replication who its server is.
 * @throws FuserError config where the reads are answered by another server
 */
export async function identify(server: FeedServer, client: pg.Client, signal: AbortSignal): Promise<ServerIdentity> {
  const [{ systemid, timeline, xlogpos } = {}] = await askSession(server, { client, text: "IDENTIFY_SYSTEM" }, signal);
  const [own] = await askSession(server, { client, text: `SELECT ${instanceText} AS instance` }, signal);
  const instance = String(own?.instance ?? "");
  const [read] = await server.ask(`SELECT ${instanceText} AS instance`, "look at the server of the reads", signal);
  if (read?.instance !== instance) {
    throw new FuserError("config", "The feed and the reads are answered by different servers", {
      code: "erp-feed-other-server",
      operation: "read the feed of the ERP's database",
      place: server.place,
      hint: "Name one server under `erp: server:`, the primary; no balancer or pooler in front of several.",
    });
  }
  return { system: String(systemid), timeline: String(timeline), lsn: lsnOf(String(xlogpos)), instance };
}

/**
 * The server is on another timeline than the position.
 * @throws FuserError history-lost: a gap where the position lies within its past, for the slot stayed on the server before it
 */
export function requireLater(
  { timeline, lsn }: FeedPosition,
  { here, ends, place }: { here: ServerIdentity; ends: TimelineEnds; place: string },
): never {
  const end = ends.get(timeline);
  const what = `timeline ${here.timeline} after ${timeline}`;
  if (end === undefined || lsn > end) throw otherHistory(`The server was restored or taken over: ${what}`, place);
  throw feedGap(`Another server has taken over (${what}), without the replication slot`, place);
}

/** @throws FuserError history-lost where the slot or the server does not lead on from the position */
export function requireContinuation(
  position: FeedPosition,
  { here, slot, name, server }: { here: ServerIdentity; slot: Slot | undefined; name: string; server: FeedServer },
): void {
  const { place } = server;
  if (here.system !== position.system || server.database !== position.database) {
    throw otherHistory("The position is that of another server or database", place);
  }
  if (position.lsn > here.lsn) {
    throw otherHistory(`The position ${lsnText(position.lsn)} is ahead of the server's ${lsnText(here.lsn)}`, place);
  }
  if (slot === undefined) throw feedGap(`The replication slot ${name} is not there any more`, place);
  if (!slot.ours) throw slotOfOthers(name, place);
  if (slot.invalid !== undefined) throw feedGap(`The server has given up the replication slot ${name} (${slot.invalid})`, place);
  // The server would go on behind what was confirmed, without a word.
  if (slot.confirmed === undefined || slot.confirmed > position.lsn) {
    throw feedGap(
      `The slot ${name} has gone on to ${lsnText(slot.confirmed ?? 0n)}, past the position ${lsnText(position.lsn)}`,
      place,
    );
  }
}

/** How long `createSlot` waits for transactions that were just about to end. */
const settleMs = 2_000;

/**
 * Makes the slot anew. The server waits for every transaction that is open now, and is let wait for as long as a statement may take.
 * @throws FuserError transient while transactions of the ERP stay open
 * @returns position from which on everything is told, and the transactions that may have ended before it without being seen yet
 */
export async function createSlot(
  server: FeedServer,
  slot: string,
  signal: AbortSignal,
): Promise<Pick<FeedPosition, "lsn" | "unseen">> {
  await dropSlot(server, slot, signal);
  const operation = "make the feed's replication slot";
  let lsn: bigint;
  try {
    const statement = concat(
      `SELECT made.lsn::text FROM (SELECT set_config('lock_timeout', '0', true) AS patience OFFSET 0) w,
        LATERAL pg_create_logical_replication_slot(substr(w.patience || `,
      bind(slot),
      ", 2), 'pgoutput') made",
    );
    const [row] = await server.ask(statement, operation, signal);
    lsn = lsnOf(row?.lsn ?? "0/0");
  } catch (error) {
    if (!(error instanceof FuserError)) throw error;
    if (error.code === "erp-statement-timeout") throw openTransactions(error, server.place);
    throw replicationError(error.cause, { slot, place: server.place, user: server.user }) ?? error;
  }
  // What was committed just before and is not seen yet is told by nobody: whoever reads next must see it. A snapshot lacks the newest ones.
  const open =
    "SELECT transactionid::text AS xid FROM pg_catalog.pg_locks WHERE locktype = 'transactionid' AND mode = 'ExclusiveLock' AND granted";
  const xids = (await server.ask(open, operation, signal)).map(({ xid }) => Number(xid));
  return { lsn, unseen: await untilVisible(server, { xids, mostMs: settleMs }, signal) };
}

/** @throws FuserError `erp-session-locked` while somebody reads from it */
export async function dropSlot(server: FeedServer, name: string, signal: AbortSignal): Promise<void> {
  const slot = await slotOf(server, name, signal);
  if (slot === undefined) return;
  if (!slot.ours) throw slotOfOthers(name, server.place);
  if (slot.active) throw slotInUse(name, ` (process ${slot.activePid})`, server.place);
  await server.ask(concat("SELECT pg_drop_replication_slot(", bind(name), ")::text"), "drop the feed's replication slot", signal);
}

export async function requireLogical(server: FeedServer, signal: AbortSignal): Promise<void> {
  const [row] = await server.ask("SELECT current_setting('wal_level') AS level", "look at the ERP's log", signal);
  if (row?.level !== "logical") throw walLevel(server.place);
}

function slotOfOthers(slot: string, place: string): FuserError {
  return new FuserError("config", `The replication slot ${slot} belongs to something else`, {
    code: "erp-feed-slots",
    operation: "look at the feed's replication slot",
    place,
    hint: "Give the agent another name (`agent: name:`).",
  });
}

function openTransactions(cause: FuserError, place: string): FuserError {
  return new FuserError("transient", "The replication slot can't be made while a transaction of the ERP stays open", {
    code: "erp-statement-timeout",
    operation: "make the feed's replication slot",
    place,
    hint: "It is tried again by itself. If it stays: SELECT pid, xact_start, query FROM pg_stat_activity ORDER BY xact_start shows who keeps one open.",
    cause,
  });
}
