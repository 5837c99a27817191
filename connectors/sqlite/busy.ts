import { FuserError } from "../../base/errors.ts";
import type { ConnectorContext } from "../connector.ts";
import { sqliteError } from "./errors.ts";

/**
 * Repeats synchronous work while another program holds the file's lock, up to `lockTimeoutMs`. The waiting is done here and not by SQLite's own
 * busy time-out, which would stop the event loop.
 * @throws FuserError transient `erp-locked` when the lock is not given in time
 */
export async function retryBusy<T>(
  context: ConnectorContext,
  signal: AbortSignal,
  work: () => T,
  operation = "read the ERP's database",
): Promise<T> {
  const { clock, limits } = context;
  const deadline = clock.monotonic() + limits.lockTimeoutMs;
  let waitMs = 1;
  for (;;) {
    try {
      return work();
    } catch (cause) {
      const error = sqliteError(cause, operation);
      if (!(error instanceof FuserError) || error.code !== "erp-locked" || clock.monotonic() >= deadline) throw error;
    }
    await clock.sleep(waitMs, signal);
    waitMs = Math.min(waitMs * 2, 50);
  }
}
