/**
 * Simulated time. Timers run one after the other in the order of their moments, each as an immediate of its own: between two of those Node carries every promise
 * that was settled to its end, and no time passes. So a run depends on nothing but its seed.
 */
import type { Clock } from "../../../base/time.ts";

interface Timer {
  at: number;
  order: number;
  action: (() => void) | undefined;
}

/** More timers than this within one moment: something waits for itself. */
const mostAtOnce = 100_000;
/** Immediates asked for together: Node looks for events of the real world, of which there are none, once for all of them. */
const turnsAtOnce = 64;

export class SimulatedTime {
  #now = 0;
  #order = 0;
  /** Timers run within this moment. */
  #atOnce = 0;
  /** What the next immediate does; undefined while nobody runs. */
  #turn: (() => void) | undefined;
  #turnsToCome = 0;
  readonly #heap: Timer[] = [];
  readonly #onStray: (error: unknown) => void;

  /** `onStray`: told of what a timer throws, which would end a real process. */
  constructor(onStray: (error: unknown) => void) {
    this.#onStray = onStray;
  }

  /** Milliseconds since the beginning. */
  get now(): number {
    return this.#now;
  }

  /** Calls `action` in `ms` milliseconds; returns a function that cancels it. */
  after(ms: number, action: () => void): () => void {
    const timer: Timer = { at: this.#now + Math.max(0, ms), order: this.#order++, action };
    this.#push(timer);
    return () => {
      timer.action = undefined;
    };
  }

  /** Runs timers until `isOver` says so, `untilMs` is reached or none is left. What was begun since the last run goes as far as it can before any time passes. */
  run(untilMs: number, isOver: () => boolean): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#turn = () => {
      try {
        if (this.#step(untilMs, isOver)) return;
        if (!isOver()) this.#now = Math.max(this.#now, untilMs);
        resolve();
      } catch (error) {
        reject(error);
      }
      this.#turn = undefined;
    };
    this.#askForTurns();
    return promise;
  }

  #askForTurns(): void {
    if (this.#turnsToCome > 0) return;
    for (; this.#turnsToCome < turnsAtOnce; this.#turnsToCome++) setImmediate(this.#onTurn);
  }

  readonly #onTurn = (): void => {
    this.#turnsToCome -= 1;
    this.#turn?.();
    if (this.#turn !== undefined) this.#askForTurns();
  };

  /** Runs the next timer; false when there is none to run. */
  #step(untilMs: number, isOver: () => boolean): boolean {
    let next = this.#heap[0];
    while (next !== undefined && next.action === undefined && next.at <= untilMs) {
      this.#pop();
      next = this.#heap[0];
    }
    if (next?.action === undefined || next.at > untilMs || isOver()) return false;
    this.#pop();
    this.#atOnce = next.at > this.#now ? 0 : this.#atOnce + 1;
    if (this.#atOnce > mostAtOnce) throw new Error("The simulation stands still: timers of one moment without end");
    this.#now = next.at;
    try {
      next.action();
    } catch (error) {
      this.#onStray(error);
    }
    return true;
  }

  #push(timer: Timer): void {
    const heap = this.#heap;
    let index = heap.length;
    heap.push(timer);
    while (index > 0) {
      const above = (index - 1) >> 1;
      if (!isBefore(timer, heap[above] as Timer)) break;
      heap[index] = heap[above] as Timer;
      index = above;
    }
    heap[index] = timer;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop() as Timer;
    if (heap.length === 0) return;
    let index = 0;
    for (;;) {
      let below = index * 2 + 1;
      if (below >= heap.length) break;
      if (below + 1 < heap.length && isBefore(heap[below + 1] as Timer, heap[below] as Timer)) below += 1;
      if (!isBefore(heap[below] as Timer, last)) break;
      heap[index] = heap[below] as Timer;
      index = below;
    }
    heap[index] = last;
  }
}

function isBefore(one: Timer, other: Timer): boolean {
  return one.at < other.at || (one.at === other.at && one.order < other.order);
}

/** A process of the simulated world: its clock, until it is killed. After that nothing of it ever runs again. */
export interface Process {
  readonly name: string;
  readonly clock: Clock;
  readonly alive: boolean;
  kill(): void;
  /** It stands still, as a process whose machine is paused: what comes meanwhile waits for `thaw`. */
  freeze(): void;
  thaw(): void;
  /** Runs `action` in this process: now, or once it is thawed; never once it is dead. */
  perform(action: () => void): void;
  /** Called when it is killed. */
  onKill(action: () => void): void;
}

/** The simulated hour begins at noon of a winter's day: no change of the clocks, no compare of the night. */
export const epoch = Date.UTC(2026, 0, 14, 11);

/** `offsetMs`: by how much the machine's wall clock is off, now. */
export function createProcess(time: SimulatedTime, name: string, offsetMs: () => number): Process {
  let alive = true;
  const started = time.now;
  const onKill: (() => void)[] = [];
  let waiting: (() => void)[] | undefined;
  const perform = (action: () => void): void => {
    if (!alive) return;
    if (waiting === undefined) action();
    else waiting.push(action);
  };
  const after = (ms: number, action: () => void): (() => void) => {
    if (!alive) return () => undefined;
    let cancelled = false;
    const cancel = time.after(ms, () => perform(() => cancelled || action()));
    return () => {
      cancelled = true;
      cancel();
    };
  };
  const clock: Clock = {
    now: () => Math.floor(epoch + time.now + offsetMs()),
    monotonic: () => time.now - started,
    after,
    sleep(ms, signal) {
      return new Promise<void>((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason);
        const onAbort = (): void => {
          cancel();
          reject(signal?.reason);
        };
        const cancel = after(ms, () => {
          signal?.removeEventListener("abort", onAbort);
          resolve();
        });
        signal?.addEventListener("abort", onAbort, { once: true });
      });
    },
  };
  return {
    ...{ name, clock },
    get alive() {
      return alive;
    },
    kill() {
      if (!alive) return;
      alive = false;
      for (const action of onKill) action();
    },
    perform,
    freeze() {
      waiting ??= [];
    },
    thaw() {
      const due = waiting ?? [];
      waiting = undefined;
      for (const action of due) after(0, action);
    },
    onKill: (action) => void onKill.push(action),
  };
}
