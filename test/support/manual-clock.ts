/** A clock that stands still until a test moves it; timers due at once run in the next turn of the event loop, so real sockets go on. */
import type { Clock } from "../../base/time.ts";

export interface ManualClock extends Clock {
  /** Moves time on and runs what is due, in order. */
  advance(ms: number): void;
  /** Sets the wall clock alone, as an administrator does. */
  setWall(now: number): void;
}

export function manualClock(start: number = Date.now()): ManualClock {
  let wall = start;
  let elapsed = 0;
  const timers = new Set<{ at: number; action: () => void }>();
  const runDue = (): void => {
    for (;;) {
      const due = [...timers].filter((timer) => timer.at <= elapsed).sort((a, b) => a.at - b.at)[0];
      if (due === undefined) return;
      timers.delete(due);
      due.action();
    }
  };
  const after = (ms: number, action: () => void): (() => void) => {
    const timer = { at: elapsed + ms, action };
    timers.add(timer);
    if (ms <= 0) setImmediate(runDue);
    return () => void timers.delete(timer);
  };
  return {
    // Whole milliseconds, as a computer tells them, also after timers of a fraction.
    now: () => Math.floor(wall),
    monotonic: () => elapsed,
    after,
    sleep(ms, signal) {
      return new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason);
        const cancel = after(ms, resolve);
        signal?.addEventListener("abort", () => {
          cancel();
          reject(signal.reason);
        });
      });
    },
    advance(ms) {
      const target = elapsed + ms;
      for (;;) {
        const next = [...timers].map((timer) => timer.at).filter((at) => at <= target);
        if (next.length === 0) break;
        const at = Math.max(elapsed, Math.min(...next));
        wall += at - elapsed;
        elapsed = at;
        runDue();
      }
      wall += target - elapsed;
      elapsed = target;
    },
    setWall(now) {
      wall = now;
    },
  };
}
