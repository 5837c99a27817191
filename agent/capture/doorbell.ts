/** Lets a loop sleep until something happens or its time has come. */
import type { Clock } from "../../base/time.ts";

export interface Doorbell {
  /** Wakes the sleeper; rung while nobody sleeps, the next sleep ends at once. */
  ring(): void;
  /** Resolves when rung or after `ms`; rejects with the signal's reason when aborted. One sleeper at a time. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

export function createDoorbell(clock: Clock): Doorbell {
  let rung = false;
  let wake: (() => void) | undefined;
  return {
    ring() {
      rung = true;
      wake?.();
    },
    sleep(ms, signal) {
      return new Promise<void>((resolve, reject) => {
        const end = (finish: () => void): void => {
          cancel();
          signal.removeEventListener("abort", onAbort);
          wake = undefined;
          rung = false;
          finish();
        };
        const onAbort = (): void => end(() => reject(signal.reason));
        const cancel = clock.after(Math.max(0, ms), () => end(resolve));
        signal.addEventListener("abort", onAbort, { once: true });
        wake = () => end(resolve);
        if (signal.aborted) onAbort();
        else if (rung) wake();
      });
    },
  };
}
