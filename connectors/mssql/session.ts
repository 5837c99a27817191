import type { RawValue } from "../digest.ts";
import { type Statement, sql } from "../statement.ts";
import type { Access } from "./connect.ts";
import type { Asked, Link, LinkKind } from "./link.ts";

/** A result's rows as text by column name. */
export type Told = Record<string, string | null>;

/** Asks the server in words; for the few rows of its own views. */
export async function ask(link: Link, statement: Statement | string, asked: Asked): Promise<Told[]> {
  const [result] = await link.query(typeof statement === "string" ? sql(statement) : statement, asked);
  const names = result?.columns.map(({ name }) => name) ?? [];
  return (result?.rows ?? []).map((row) => Object.fromEntries(names.map((name, index) => [name, textOf(row[index] ?? null)])));
}

function textOf(raw: RawValue): string | null {
  if (raw === null) return null;
  return raw instanceof Uint8Array ? Buffer.from(raw).toString("hex") : String(raw);
}

/** How the database keeps row versions, which a reader sees without locks, and whether it can be written. */
export interface DatabaseState {
  /** READ_COMMITTED_SNAPSHOT is on: every statement reads versions. */
  readCommitted: boolean;
  /** ALLOW_SNAPSHOT_ISOLATION is on. */
  snapshot: boolean;
  /** A secondary replica, or a database that was made read-only. */
  readOnly: boolean;
}

export async function databaseState(link: Link, signal: AbortSignal): Promise<DatabaseState> {
  const [row] = await ask(
    link,
    "SELECT is_read_committed_snapshot_on AS committed, snapshot_isolation_state AS snapshot, CAST(DATABASEPROPERTYEX(DB_NAME(), 'Updateability') AS nvarchar(128)) AS updateability FROM sys.databases WHERE database_id = DB_ID()",
    { signal, operation: "prepare the session" },
  );
  return {
    readCommitted: row?.committed === "1",
    snapshot: row?.snapshot === "1",
    readOnly: row?.updateability === "READ_ONLY",
  };
}

const withoutSnapshots = new WeakSet<Access>();

/** Sessions are prepared without snapshots from now on: a database that is read has none. */
export function refuseSnapshots(access: Access): void {
  withoutSnapshots.add(access);
}

/**
 * Waits for locks are short, and of two sessions that lock each other out ours is the one that gives way. Reads use row versions where the database
 * has them, else READ COMMITTED, whose locks last no longer than a row is read; never NOLOCK, which reads what is never committed, and reads rows twice or
 * not at all. XACT_ABORT: an error ends the whole transaction in the server, too, so that none is ever left open.
 */
export async function prepareSession(
  link: Link,
  access: Access,
  { kind, signal }: { kind: LinkKind; signal: AbortSignal },
): Promise<DatabaseState> {
  const { lockTimeoutMs } = access.context.limits;
  const state = await databaseState(link, signal);
  const { readCommitted, snapshot } = state;
  const snapshots = kind === "read" && !readCommitted && snapshot && !withoutSnapshots.has(access);
  const level = snapshots ? "SNAPSHOT" : "READ COMMITTED";
  const settings = [
    `SET LOCK_TIMEOUT ${Math.max(1, Math.round(lockTimeoutMs))}`,
    "SET DEADLOCK_PRIORITY LOW",
    "SET XACT_ABORT ON",
    `SET TRANSACTION ISOLATION LEVEL ${level}`,
  ];
  await link.batch(settings.join("; "), { signal, operation: "prepare the session" });
  return state;
}
