/**
 * A transaction is decoded as soon as its commit is in the log, and seen by others a moment later; where it waits for a synchronous standby, much later. A
 * row that is read in between is the old one. Once a snapshot shows a transaction, every later one does.
 */
import type { FeedServer } from "./feed-server.ts";

/** Waits between looks: short at first, for nearly always it is a matter of microseconds. */
const firstWaitMs = 1;
const longestWaitMs = 200;

/** What a snapshot shows: everything below `next` that is not running. */
export interface Snapshot {
  next: bigint;
  running: ReadonlySet<bigint>;
}

/** `10:20:10,14` (postgresql.org, "pg_snapshot Components"). */
export function snapshotOf(text: string): Snapshot {
  const [, next = "0", running = ""] = text.split(":");
  return { next: BigInt(next), running: new Set(running === "" ? [] : running.split(",").map(BigInt)) };
}

/** @param xid as the protocol has it: without the epoch, which is that of the number closest to the snapshot's */
export function shows({ next, running }: Snapshot, xid: number): boolean {
  const near = BigInt.asIntN(32, BigInt(xid) - BigInt.asUintN(32, next));
  return near < 0n && !running.has(next + near);
}

/** The old name of pg_current_snapshot(), which every version has. */
export async function snapshotNow(server: FeedServer, signal: AbortSignal): Promise<Snapshot> {
  const [row] = await server.ask("SELECT txid_current_snapshot()::text AS now", "look at the ERP's open transactions", signal);
  return snapshotOf(row?.now ?? "");
}

/**
 * Waits until a new snapshot shows all of these transactions, for as long as it may.
 * @returns those that it does not show after `mostMs`
 */
export async function untilVisible(
  server: FeedServer,
  { xids, mostMs }: { xids: Iterable<number>; mostMs: number },
  signal: AbortSignal,
): Promise<readonly number[]> {
  const { clock } = server.context;
  const end = clock.monotonic() + mostMs;
  let left = [...xids];
  for (let waitMs = firstWaitMs; ; waitMs = Math.min(2 * waitMs, longestWaitMs)) {
    if (left.length === 0) return left;
    const snapshot = await snapshotNow(server, signal);
    left = left.filter((xid) => !shows(snapshot, xid));
    if (left.length === 0 || clock.monotonic() >= end) return left;
    await clock.sleep(waitMs, signal);
  }
}
