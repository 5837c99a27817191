/**
 * Moments after the link the portal sends the tables that the mapping uses. At the first start nothing is read before: all that is mapped through them would be held, and
 * read a second time by key. A portal that does not send them is waited for that long and no longer.
 */
import type { Clock } from "../base/time.ts";
import type { Lookups } from "./lookups.ts";

export interface FirstTables {
  /** To be asked while the portal is there. */
  areThere(): boolean;
  /** Calls `wake` once reads need not wait any more. */
  run(wake: () => void, signal: AbortSignal): Promise<void>;
}

const patienceMs = 3_000;
const lookEveryMs = 250;

export function createFirstTables(lookups: Pick<Lookups, "used">, clock: Clock): FirstTables {
  let since: number | undefined;
  let isOver = false;
  const areThere = (): boolean => {
    since ??= clock.monotonic();
    isOver ||= clock.monotonic() - since >= patienceMs || lookups.used().every(({ version }) => version !== null);
    return isOver;
  };
  return {
    areThere,
    async run(wake, signal) {
      if (lookups.used().every(({ version }) => version !== null)) return;
      // Without a link nobody asks, and the time does not count.
      while (!signal.aborted && (since === undefined || !areThere())) {
        try {
          await clock.sleep(lookEveryMs, signal);
        } catch {
          return;
        }
      }
      wake();
    },
  };
}
