/** How long a statement may run, and how long it may wait for locks. */
import type { ConnectorLimits } from "../connector.ts";

/** Servers that look only once a second which waits for row locks have lasted too long end them so much later. */
const lockGraceMs = 1_000;
/** At the end of a snapshot's life we end its statement; the server's limit is for when we are gone. */
const snapshotGraceMs = 5_000;
/** Our own limit is behind the server's, whose word says more; it is for servers that know none, or answer no more. */
export const behindServerMs = 2_000;

/** Longest wait for a lock, in the whole seconds that the server counts. */
export function lockSeconds({ lockTimeoutMs }: ConnectorLimits): number {
  return Math.max(1, Math.ceil(lockTimeoutMs / 1_000));
}

/**
 * The server's time limit for a statement, ms. Servers count from its start, waits for locks included, so these come on top of the statement's own
 * time: else a row that a clerk keeps locked would be told as a slow statement wherever the two limits are close.
 */
export function statementLimitMs(limits: ConnectorLimits): number {
  return limits.statementTimeoutMs + lockSeconds(limits) * 1_000 + lockGraceMs;
}

/** The same for a scan's statement, ms: it sends for as long as the snapshot may live. */
export function snapshotLimitMs(limits: ConnectorLimits): number {
  const statementTimeoutMs = Math.max(limits.statementTimeoutMs, limits.snapshotMs) + snapshotGraceMs;
  return statementLimitMs({ ...limits, statementTimeoutMs });
}
