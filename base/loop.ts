import { isAbort, kindOf } from "./errors.ts";
import type { Clock, Random } from "./time.ts";

export interface Backoff {
  /** First upper limit of the wait, milliseconds. */
  minMs: number;
  /** Largest upper limit of the wait, milliseconds. */
  maxMs: number;
}

/** Wait before try `attempt` (1 = first retry): exponential with full jitter (AWS Architecture Blog, "Exponential Backoff And Jitter"). */
export function backoffDelayMs(backoff: Backoff, attempt: number, random: Random): number {
  const ceiling = Math.min(backoff.maxMs, backoff.minMs * 2 ** Math.min(attempt - 1, 30));
  return Math.round(random() * ceiling);
}

export interface LoopOptions {
  clock: Clock;
  random: Random;
  signal: AbortSignal;
  backoff: Backoff;
  /** One repetition; resolves with the wait before the next in milliseconds, or `stop`. */
  step: (signal: AbortSignal) => Promise<number | "stop">;
  /** Told once per failed step, before the wait; `retryInMs` is undefined when the loop ends by this error. */
  onError: (error: unknown, retryInMs: number | undefined) => void;
}

/**
 * Repeats a step until it says stop or the signal aborts (then returns normally). A `transient` error is retried with backoff; every other
 * kind ends the loop by throwing it, for the owner decides what to do.
 */
export async function repeat(options: LoopOptions): Promise<void> {
  const { clock, random, signal, backoff, step, onError } = options;
  let failures = 0;
  while (!signal.aborted) {
    let waitMs: number;
    try {
      const next = await step(signal);
      if (next === "stop") return;
      failures = 0;
      waitMs = next;
    } catch (error) {
      if (signal.aborted || isAbort(error)) return;
      if (kindOf(error) !== "transient") {
        onError(error, undefined);
        throw error;
      }
      failures += 1;
      waitMs = backoffDelayMs(backoff, failures, random);
      onError(error, waitMs);
    }
    try {
      await clock.sleep(waitMs, signal);
    } catch {
      return;
    }
  }
}
