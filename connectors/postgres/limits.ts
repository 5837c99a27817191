/** How long statements may take, and how long they wait for locks. */
import type { ConnectorLimits } from "../connector.ts";

/** Our own limit is behind the server's, whose word says more; it is for servers that answer no more. */
export const behindServerMs = 2_000;

/**
 * The server's time limit for a statement, ms. It counts waits for locks too, so these come on top of the statement's own time: else a row that a clerk
 * keeps locked would be told as a slow statement wherever the two limits are close.
 */
export function statementLimitMs({ statementTimeoutMs, lockTimeoutMs }: ConnectorLimits): number {
  return Math.ceil(statementTimeoutMs + lockTimeoutMs + 1_000);
}

export function lockLimitMs({ lockTimeoutMs }: ConnectorLimits): number {
  return Math.max(1, Math.ceil(lockTimeoutMs));
}

/** When the server ends a session whose transaction lies idle, ms: ours are ended by us long before; it is for when we are gone, or stand still. */
export function idleLimitMs({ snapshotMs }: ConnectorLimits): number {
  return Math.ceil(snapshotMs) + 60_000;
}
