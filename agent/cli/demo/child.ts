/** The demo's own processes: portal, agent, and the agent's commands. Each ends with the demo, however that ends. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { FuserError } from "../../../base/errors.ts";
import type { Clock } from "../../../base/time.ts";

export const root = fileURLToPath(new URL("../../../", import.meta.url));

const endWithParent = import.meta.resolve("./end-with-parent.ts");
/** A process that does not heed SIGTERM is killed after that long. */
const stopGraceMs = 15_000;
const keptLines = 15;
/** A process that comes back after a kill finds its code compiled and is there twice as soon. */
const compileCache = join(tmpdir(), "node-compile-cache");

export interface ChildOptions {
  /** For messages: `portal`, `agent`. */
  name: string;
  /** Script from the project's root, then its arguments. */
  args: readonly string[];
  /** File that takes what it says on stderr; appended to. */
  logFile: string;
  clock: Clock;
  env?: Record<string, string>;
}

export interface Child extends AsyncDisposable {
  readonly pid: number;
  /** First line on stdout. @throws FuserError `bug` when the process ends before */
  readonly firstLine: Promise<string>;
  /** Resolves when it has ended without having been asked to: with the error to show. */
  readonly died: Promise<FuserError>;
  /** SIGTERM, then SIGKILL for one that does not heed it; returns once it is gone. */
  stop(): Promise<void>;
  /** SIGKILL, as a crash would; returns once it is gone. */
  kill9(): Promise<void>;
}

/** Starts one of the project's scripts as a process of its own. */
export function startChild(options: ChildOptions): Child {
  const { name, args, logFile, clock } = options;
  const child = spawn(process.execPath, ["--import", endWithParent, ...args], {
    cwd: root,
    env: { NODE_COMPILE_CACHE: compileCache, ...process.env, ...options.env },
    stdio: ["ignore", "pipe", "pipe", "ipc"],
    // A Ctrl-C of the terminal goes to the demo alone, which then ends its children in order.
    detached: process.platform !== "win32",
    windowsHide: true,
  });
  const tail = createTail(child, logFile);
  let asked = false;
  // An `error` means that the system could not start it at all.
  const gone = once(child, "close").catch((error: Error): unknown[] => [null, error.message]);
  const died = Promise.withResolvers<FuserError>();
  void gone.then(([code, signal]) => {
    if (!asked) died.resolve(diedError(name, { code: code as number | null, how: String(signal), logFile, lines: tail.lines() }));
  });
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    asked = true;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const cancel = clock.after(stopGraceMs, () => child.kill("SIGKILL"));
    child.kill(signal);
    await gone;
    cancel();
  };
  return {
    pid: child.pid ?? 0,
    firstLine: firstLineOf(child, died.promise),
    died: died.promise,
    stop: () => end("SIGTERM"),
    kill9: () => end("SIGKILL"),
    [Symbol.asyncDispose]: () => end("SIGTERM"),
  };
}

/** Copies stderr to a file and keeps the last lines for an error message. */
function createTail(child: ChildProcess, logFile: string): { lines: () => readonly string[] } {
  const log = createWriteStream(logFile, { flags: "a" });
  let kept: string[] = [];
  let rest = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    log.write(text);
    const parts = (rest + text).split("\n");
    rest = parts.pop() ?? "";
    kept = [...kept, ...parts].slice(-keptLines);
  });
  child.once("close", () => log.end());
  return { lines: () => (rest === "" ? kept : [...kept, rest]) };
}

function firstLineOf(child: ChildProcess, died: Promise<FuserError>): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let text = "";
  child.stdout?.setEncoding("utf8").on("data", (more: string) => {
    if (text.includes("\n")) return;
    text += more;
    const end = text.indexOf("\n");
    if (end >= 0) resolve(text.slice(0, end));
  });
  void died.then(reject);
  // Whoever does not ask for the line learns of the end through `died`.
  promise.catch(() => undefined);
  return promise;
}

interface Death {
  /** Null where a signal, or the system, ended it. */
  code: number | null;
  how: string;
  logFile: string;
  lines: readonly string[];
}

function diedError(name: string, { code, how, logFile, lines }: Death): FuserError {
  const end = code === null ? how : `exit code ${code}`;
  const said = lines.length === 0 ? "it said nothing" : `its last lines were:\n${lines.map((line) => `  ${line}`).join("\n")}\n`;
  return new FuserError("config", `The ${name} ended by itself (${end}); ${said}`, {
    code: "demo-child-died",
    operation: `run the ${name}`,
    place: logFile,
    hint: "Mend what its last lines name, then start the demo again; the file holds all that it said.",
  });
}

export interface Ran {
  code: number;
  stdout: string;
  stderr: string;
}

/** Runs one of the project's scripts to its end. `input` goes to its stdin. */
export async function runToEnd(args: readonly string[], options: { input?: string; signal: AbortSignal }): Promise<Ran> {
  const child = spawn(process.execPath, args, { cwd: root, stdio: ["pipe", "pipe", "pipe"], signal: options.signal });
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  // A command that needs no input may have ended before it is written.
  child.stdin.on("error", () => undefined);
  child.stdin.end(options.input ?? "");
  const [code] = (await once(child, "close")) as [number | null];
  return { code: code ?? 1, stdout, stderr };
}
