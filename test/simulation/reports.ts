/** What main.ts asks of a worker, and what it answers. */
export interface Task {
  seed: number;
  /** Numbers of the entries to play; undefined: all. */
  only: readonly number[] | undefined;
  /** Whether a failing history is made short. */
  shorten: boolean;
  trace: boolean;
}

export interface Report {
  seed: number;
  violation: string | undefined;
  changes: number;
  orders: number;
  faults: number;
  /** Simulated time until all was at rest. */
  simulatedMs: number;
  /** CPU time that it took, ms. */
  cpuMs: number;
  trace: readonly string[];
  shortest: Shortest | undefined;
}

/** The shortest failing history that was found. */
export interface Shortest {
  violation: string;
  entries: readonly { number: number; at: number; what: string }[];
  runs: number;
}
