/** The demo as a user starts it: a process of its own, whose output is read as it comes. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { root } from "./run/child.ts";

export interface DemoProcess extends AsyncDisposable {
  readonly child: ChildProcess;
  /** All of stdout and stderr so far. */
  readonly stdout: string;
  readonly stderr: string;
  /** Exit code, or the signal's name. */
  readonly ended: Promise<number | string>;
  /** Resolves with the match once the text has come; fails when the process ends before. */
  waitFor(stream: "stdout" | "stderr", pattern: RegExp): Promise<RegExpExecArray>;
}

/** Starts `npm run demo -- ARGS`; disposing it kills what is left of it. */
export function startDemo(args: readonly string[]): DemoProcess {
  const started = spawn("npm", ["run", "demo", "--", ...args], {
    cwd: root,
    stdio: ["ignore", "pipe", "pipe"],
    // A group of its own, so that disposing ends npm and all that it started.
    detached: true,
  });
  return watch(started);
}

/** Starts the demo without npm between, so that its process can be killed by its id. */
export function startBareDemo(args: readonly string[]): DemoProcess {
  const started = spawn(process.execPath, ["agent/main.ts", "demo", ...args], {
    cwd: root,
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  return watch(started);
}

function watch(child: ChildProcess): DemoProcess {
  const texts = { stdout: "", stderr: "" };
  const waiting = new Set<() => void>();
  const tell = (): void => {
    for (const look of waiting) look();
  };
  for (const name of ["stdout", "stderr"] as const) {
    child[name]?.setEncoding("utf8").on("data", (text: string) => {
      texts[name] += text;
      tell();
    });
  }
  let over = false;
  const ended = once(child, "close").then(([code, signal]): number | string => {
    over = true;
    tell();
    return (code as number | null) ?? String(signal);
  });
  return {
    child,
    ended,
    get stdout() {
      return texts.stdout;
    },
    get stderr() {
      return texts.stderr;
    },
    waitFor: (stream, pattern) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const match = pattern.exec(texts[stream]);
          if (!match && !over) return;
          waiting.delete(look);
          if (match) resolve(match);
          else reject(new Error(`The demo ended before it said ${pattern}:\n${texts.stdout}\n${texts.stderr}`));
        };
        waiting.add(look);
        look();
      }),
    async [Symbol.asyncDispose]() {
      if (!over && child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
      await ended;
    },
  };
}

/** The JSON object in the last line of stdout. */
export function lastLine(demo: DemoProcess): Record<string, unknown> {
  return JSON.parse(demo.stdout.trimEnd().split("\n").at(-1) ?? "") as Record<string, unknown>;
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
