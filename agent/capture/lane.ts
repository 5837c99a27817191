/** A loop over tasks that come due again and again, one at a time in their order. A task that fails waits, and holds up no other. */
import { isAbort, kindOf } from "../../base/errors.ts";
import { type Backoff, backoffDelayMs } from "../../base/loop.ts";
import type { Clock, Random } from "../../base/time.ts";
import type { Doorbell } from "./doorbell.ts";

export interface Task {
  source: string;
  /** Epoch ms; Infinity: nothing to do. */
  dueAt(): number;
  /** An error that only a person can mend ends the whole lane. */
  fatal?: boolean;
  run(signal: AbortSignal): Promise<void>;
}

/** Tasks that failed and wait: how often in a row, and until when (epoch ms). */
export type Waits = Map<Task, { failures: number; until: number }>;

export interface LaneParts {
  tasks: readonly Task[];
  /** What is due runs at the same time, but for what may end the lane: that comes before. */
  together?: boolean;
  /** Emptied by whoever wants everything to be tried again now; the bell must be rung then. */
  waits: Waits;
  clock: Clock;
  random: Random;
  bell: Doorbell;
  /** False: nothing is run now; asked again every second and when the bell rings. */
  isOpen: () => boolean;
  /** Told of each failure before its wait. A throw ends the lane. */
  onError: (task: Task, error: unknown, retryInMs: number) => void;
  onSuccess: (task: Task) => void;
}

const backoff: Backoff = { minMs: 1_000, maxMs: 60_000 };
/** What only a person can mend is looked at again so often. */
const configRetryMs = 300_000;
const longestSleepMs = 1_000;
/** What comes due so soon after something else is done with it: each waking costs more than most of the work. */
const soonMs = 20;

/** Runs until the signal aborts, then returns normally. */
export async function runLane(parts: LaneParts, signal: AbortSignal): Promise<void> {
  const { tasks, waits, clock, bell } = parts;
  const waitOf = (task: Task): number => {
    const until = waits.get(task)?.until ?? 0;
    // No wait is so long: the clock was set back.
    return until > clock.now() + configRetryMs ? 0 : until;
  };
  const dueAt = (task: Task): number => Math.max(task.dueAt(), waitOf(task));
  const together = parts.together === true;
  while (!signal.aborted) {
    const soon = together && tasks.some((task) => dueAt(task) <= clock.now()) ? soonMs : 0;
    const begun: Promise<void>[] = [];
    let next = Number.POSITIVE_INFINITY;
    const look = (due: number): void => {
      next = Math.min(next, due);
    };
    for (const task of tasks) {
      if (signal.aborted || !parts.isOpen()) break;
      const due = dueAt(task);
      if (due > clock.now() + soon) {
        look(due);
        continue;
      }
      const run = runTask(parts, task, signal).then(() => look(dueAt(task)));
      if (together && task.fatal !== true) begun.push(run);
      else await run;
    }
    await Promise.all(begun);
    const waitMs = Math.min(longestSleepMs, Math.max(0, next - clock.now()));
    try {
      await bell.sleep(waitMs, signal);
    } catch {
      return;
    }
  }
}

async function runTask(parts: LaneParts, task: Task, signal: AbortSignal): Promise<void> {
  const { waits } = parts;
  try {
    await task.run(signal);
    waits.delete(task);
    parts.onSuccess(task);
  } catch (error) {
    if (signal.aborted || isAbort(error)) return;
    if (task.fatal === true && kindOf(error) === "config") throw error;
    const failures = (waits.get(task)?.failures ?? 0) + 1;
    const transient = kindOf(error) === "transient" || kindOf(error) === "history-lost";
    const waitMs = transient ? backoffDelayMs(backoff, failures, parts.random) : configRetryMs;
    waits.set(task, { failures, until: parts.clock.now() + waitMs });
    parts.onError(task, error, waitMs);
  }
}
