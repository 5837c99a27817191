/** The reference portal as a process of its own, and its HTTP API as the demo uses it. It may be killed and comes back on the same store and port. */
import { FuserError } from "../../../base/errors.ts";
import type { Clock } from "../../../base/time.ts";
import type { Command } from "../../../protocol/messages.ts";
import { type Child, startChild } from "./child.ts";

const answerWithinMs = 30_000;
/** Left to itself V8 gives short-lived objects ever more room, as far as the machine's memory suggests; as for the agent (decision 10). */
const nodeFlags = ["--max-semi-space-size=4", "--heap-growing-percent=40"];

export type CommandOrder = Pick<Command, "command" | "values"> & Partial<Pick<Command, "entity" | "base" | "after">>;

/** What `GET /api/state` says of an agent, as far as the demo looks at it. */
export interface AgentAtPortal {
  id: string;
  connected: boolean;
  entities: Record<string, number>;
  /** Commands by outcome, or by state where none is known. */
  commands: Record<string, number>;
  refused: number;
}

export interface PortalProcess extends AsyncDisposable {
  /** Undefined before its start. */
  readonly pid: number | undefined;
  readonly port: number;
  /** Address of the channel, for the agent's configuration. */
  readonly channel: string;
  /** The page with its access token. */
  readonly page: string;
  /** @throws FuserError when the process ends before it listens */
  start(): Promise<void>;
  kill9(): Promise<void>;
  /** @throws FuserError `portal-unreachable`, `portal-refused` */
  get<T>(path: string, query?: Record<string, string>): Promise<T>;
  enrolmentCode(): Promise<string>;
  /** Returns the command's id. */
  issue(order: CommandOrder): Promise<string>;
  /** The demo's only agent; undefined before its enrolment. */
  agent(): Promise<AgentAtPortal | undefined>;
}

export interface PortalOptions {
  store: string;
  port: number;
  /** Secret of the admin API, the same over restarts so that an open page goes on. */
  token: string;
  logFile: string;
  clock: Clock;
  signal: AbortSignal;
  /** Told when the process ended without having been asked to. */
  onDeath: (error: FuserError) => void;
}

export function createPortal(options: PortalOptions): PortalProcess {
  const { port, token, signal } = options;
  const httpUrl = `http://127.0.0.1:${port}`;
  let child: Child | undefined;
  const ask = async <T>(method: "GET" | "POST", path: string, body?: unknown): Promise<T> => {
    const response = await fetch(`${httpUrl}${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.any([signal, AbortSignal.timeout(answerWithinMs)]),
    }).catch((error: unknown) => {
      if (signal.aborted) throw signal.reason;
      throw unreachable(httpUrl, error);
    });
    if (response.ok) return (await response.json()) as T;
    throw refused(path, response.status, await response.text());
  };
  const portal: PortalProcess = {
    ...{ port, channel: `ws://127.0.0.1:${port}/agent`, page: `${httpUrl}/#token=${token}` },
    get pid() {
      return child?.pid;
    },
    async start() {
      child = startChild({
        name: "portal",
        args: [...nodeFlags, "portal/main.ts", "--store", options.store, "--port", String(port), "--page"],
        logFile: options.logFile,
        clock: options.clock,
        env: { ERPFUSER_PORTAL_TOKEN: token },
      });
      void child.died.then(options.onDeath);
      await child.firstLine;
    },
    kill9: async () => child?.kill9(),
    get: (path, query = {}) => ask("GET", `${path}?${new URLSearchParams(query)}`),
    enrolmentCode: async () => (await ask<{ code: string }>("POST", "/api/enrolment-codes", { stage: "live" })).code,
    issue: async (order) => (await ask<{ id: string }>("POST", "/api/commands", order)).id,
    agent: async () => (await ask<{ agents: AgentAtPortal[] }>("GET", "/api/state")).agents[0],
    [Symbol.asyncDispose]: async () => child?.stop(),
  };
  return portal;
}

function unreachable(place: string, cause: unknown): FuserError {
  return new FuserError("transient", "The demo's portal does not answer", {
    code: "portal-unreachable",
    operation: "ask the portal",
    place,
    hint: "Look into its log in the demo's directory, then start the demo again",
    cause,
  });
}

function refused(path: string, status: number, text: string): FuserError {
  return new FuserError("rejected", `The demo's portal refused ${path} with ${status}: ${text.slice(0, 500)}`, {
    code: "portal-refused",
    operation: "ask the portal",
    hint: "The demo and the portal do not fit each other: use both from one checkout",
  });
}
