/** Calls between the bench and its helper processes, over Node's own channel: one question, one answer. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { root } from "../test/support/run/child.ts";

interface Question {
  no: number;
  name: string;
  argument: unknown;
}

interface Reply {
  no: number;
  value?: unknown;
  error?: string;
}

export type Handlers = Readonly<Record<string, (argument: never) => unknown>>;

/** In the helper: answers until the bench is gone, then ends. */
export function answerCalls(handlers: Handlers): void {
  const reply = (answer: Reply): void => void process.send?.(answer);
  process.on("message", ({ no, name, argument }: Question) => {
    const handler = handlers[name] as ((argument: unknown) => unknown) | undefined;
    Promise.resolve()
      .then(() => handler?.(argument))
      .then(
        (value) => reply({ no, value }),
        (error: unknown) => reply({ no, error: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
      );
  });
  process.on("disconnect", () => process.exit(1));
}

/** A helper process of the bench. */
export interface Helper extends AsyncDisposable {
  readonly pid: number;
  /** @throws Error with what went wrong there, or when the process is gone */
  call<T>(name: string, argument?: unknown): Promise<T>;
  /** SIGTERM; returns once it is gone. */
  stop(): Promise<void>;
}

/** Starts one of the bench's scripts as a process of its own. */
export function startHelper(script: string, options: { args?: readonly string[]; nodeFlags?: readonly string[] } = {}): Helper {
  const child = fork(script, [...(options.args ?? [])], {
    cwd: root,
    execArgv: [...(options.nodeFlags ?? [])],
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  const waiting = new Map<number, PromiseWithResolvers<unknown>>();
  let last = 0;
  const gone = once(child, "exit").then(() => {
    for (const one of waiting.values()) one.reject(new Error(`${script} has ended`));
    waiting.clear();
  });
  child.on("message", ({ no, value, error }: Reply) => {
    const one = waiting.get(no);
    waiting.delete(no);
    if (error === undefined) one?.resolve(value);
    else one?.reject(new Error(error));
  });
  const stop = async (): Promise<void> => {
    if (isAlive(child)) child.kill("SIGTERM");
    await gone;
  };
  return {
    pid: child.pid ?? 0,
    call<T>(name: string, argument: unknown): Promise<T> {
      const one = Promise.withResolvers<unknown>();
      const no = ++last;
      waiting.set(no, one);
      child.send({ no, name, argument } satisfies Question, (error) => error && one.reject(error));
      return one.promise as Promise<T>;
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

const isAlive = (child: ChildProcess): boolean => child.exitCode === null && child.signalCode === null;
