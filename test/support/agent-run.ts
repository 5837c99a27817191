/** Processes of the agent's command line as tests see them: what they said, line by line, and how they end. */
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { expect, vi } from "vitest";

/** Limit and interval of all that tests wait for, ms. */
export const patience = { timeout: 180_000, interval: 100 };

/** What a command said. */
export interface Said {
  code: number;
  /** The JSON document on stdout; undefined where there is none. */
  document: Document;
  text: string;
}

interface Document {
  error?: Problem & { findings?: Finding[] };
  findings?: Finding[];
  [name: string]: unknown;
}

interface Problem {
  code: string;
  kind: string;
  message: string;
  place?: string;
  hint?: string;
}

export interface Finding {
  severity: string;
  code: string;
  place: string;
  message: string;
  remedy: string;
}

export interface LogLine {
  level: string;
  message: string;
  code?: string;
  [field: string]: unknown;
}

/** `erpfuser run` as a process. */
export interface Run extends AsyncDisposable {
  readonly pid: number;
  readonly lines: readonly LogLine[];
  /** Waits for a line with this code; fails when the process ends before. */
  logged(code: string): Promise<LogLine>;
  /** How it ended by itself. */
  readonly ended: Promise<Said>;
  /** SIGTERM; returns how it ended. */
  stop(): Promise<Said>;
  kill9(): Promise<void>;
}

/** Ends it by this signal unless it is over; returns once it is gone. */
export async function endChild(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, "close");
  child.kill(signal);
  await gone;
}

/** Reads all that a process says until it ends. */
export async function saidBy(child: ChildProcess): Promise<Said> {
  const out = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    child[name]?.setEncoding("utf8").on("data", (text: string) => {
      out[name] += text;
    });
  }
  const [code] = (await once(child, "close")) as [number | null];
  const last = out.stdout.trimEnd().split("\n").at(-1) ?? "";
  return { code: code ?? -1, document: last === "" ? {} : (JSON.parse(last) as Document), text: `${out.stdout}${out.stderr}` };
}

/** Watches `erpfuser run`; `told` sees all that it said at its end. */
export function watch(child: ChildProcess, told: (said: Said) => Said): Run {
  const lines: LogLine[] = [];
  let rest = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    const parts = (rest + text).split("\n");
    rest = parts.pop() ?? "";
    for (const part of parts) lines.push(lineOf(part));
  });
  const ended = saidBy(child).then(told);
  ended.catch(() => undefined);
  let over: Said | undefined;
  void ended.then((said) => {
    over = said;
  });
  const stop = async (signal: NodeJS.Signals): Promise<void> => endChild(child, signal);
  return {
    ...{ pid: child.pid ?? 0, lines, ended },
    logged: (code) =>
      vi.waitFor(() => {
        const found = lines.find((line) => line.code === code);
        if (found === undefined && over !== undefined)
          expect.fail(`ended with ${over.code} before it said ${code}: ${over.text}`);
        expect(found, `a log line ${code} among ${lines.map((line) => line.code).join(" ")}`).toBeDefined();
        return found as LogLine;
      }, patience),
    async stop() {
      await stop("SIGTERM");
      return ended;
    },
    async kill9() {
      await stop("SIGKILL");
      await ended;
    },
    async [Symbol.asyncDispose]() {
      await stop("SIGTERM");
      await ended;
    },
  };
}

/** A crash's last words are no JSON. */
function lineOf(text: string): LogLine {
  try {
    return JSON.parse(text) as LogLine;
  } catch {
    return { level: "error", message: text };
  }
}
