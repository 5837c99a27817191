/**
 * Folds the write-ahead log back into the file while nobody waits for a commit: in the midst of one it takes ten times as long as the commit itself.
 * SQLite does it by itself only where commits never rest (database.ts).
 */
import type { Clock } from "../../base/time.ts";
import type { Database } from "./database.ts";

/** So long after the last commit whoever waited for it has gone on, and the next poll is hardly there yet. */
const restMs = 10;
/** Each costs two fsyncs, and a page that was changed often is written once. */
const leastMs = 1_000;

/** Returns a function that ends it. */
export function createCheckpoints(database: Database, clock: Clock): () => void {
  let committedAt = 0;
  let doneAt = Number.NEGATIVE_INFINITY;
  let cancel: (() => void) | undefined;
  const look = (): void => {
    cancel = undefined;
    const now = clock.monotonic();
    const waitMs = Math.max(committedAt + restMs, doneAt + leastMs) - now;
    // A commit meanwhile begins the rest anew. A difference too small for any timer is none.
    if (waitMs >= 1) return plan(waitMs);
    doneAt = now;
    database.checkpoint();
  };
  const plan = (waitMs: number): void => {
    cancel = clock.after(waitMs, look);
  };
  database.on("committed", () => {
    committedAt = clock.monotonic();
    if (cancel === undefined) plan(restMs);
  });
  return () => cancel?.();
}
