import { spawn } from "node:child_process";
import { constants, getPriority, setPriority } from "node:os";
import { dirname } from "node:path";

export const root = dirname(dirname(dirname(import.meta.dirname)));

export interface Ended {
  /** Exit code; 1 when a signal ended it. */
  code: number;
  /** What it wrote to stdout and stderr, in order; empty when it went straight to our own. */
  output: string;
  ms: number;
  timedOut: boolean;
}

interface Call {
  /** Arguments of this Node: a script, then its own arguments. */
  args: string[];
  env?: Record<string, string>;
  /** Passes the output on to our own instead of gathering it. */
  inherit?: boolean;
  /** Ends the child after so many milliseconds. */
  limitMs?: number;
  /** It and its children give way to others: half of the processor time of one that does not, where there is too little. */
  givesWay?: boolean;
}

/** Each step is a fifth less (sched(7)). */
const niceness = 3;

/** Runs a script on this Node in the project's root and waits for its end; never throws. Children end with us on SIGINT and SIGTERM. */
export function runNode({ args, env, inherit = false, limitMs, givesWay = false }: Call): Promise<Ended> {
  const started = performance.now();
  const child = spawn(process.execPath, args, {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: inherit ? ["ignore", "inherit", "inherit"] : ["ignore", "pipe", "pipe"],
  });
  if (givesWay && child.pid !== undefined) giveWay(child.pid);
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
  }
  const pass = (signal: NodeJS.Signals): boolean => child.kill(signal);
  process.on("SIGINT", pass).on("SIGTERM", pass);
  let timedOut = false;
  const timers = limitMs === undefined ? [] : [limitMs, limitMs + 10_000].map((ms, turn) => setTimeout(() => end(turn), ms));
  const end = (turn: number): void => {
    timedOut = true;
    child.kill(turn === 0 ? "SIGTERM" : "SIGKILL");
  };
  return new Promise((resolve) => {
    const settle = (code: number): void => {
      for (const timer of timers) clearTimeout(timer);
      process.off("SIGINT", pass).off("SIGTERM", pass);
      resolve({ code, output, ms: performance.now() - started, timedOut });
    };
    child.on("error", (error) => {
      output += error.message;
      settle(1);
    });
    child.on("close", (code) => settle(code ?? 1));
  });
}

/** Right after its start, for threads and children take it over as they are made. Below where we are ourselves. */
function giveWay(pid: number): void {
  try {
    setPriority(pid, Math.min(getPriority() + niceness, constants.priority.PRIORITY_LOW));
  } catch (error) {
    // It ended at once, which its exit code tells.
    if ((error as NodeJS.ErrnoException).code !== "ERR_SYSTEM_ERROR") throw error;
  }
}
