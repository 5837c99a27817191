/** The agent as an admin uses it: its configuration file, its commands, and `run` as a process of its own that may be killed and comes back. */
import { writeFileSync } from "node:fs";
import { FuserError } from "../../../base/errors.ts";
import type { Clock } from "../../../base/time.ts";
import { type ErpConfigOptions, erpConfig } from "../../../test/support/erp/config.ts";
import nodeProcess from "../../node-process.json" with { type: "json" };
import { type Child, runToEnd, startChild } from "./child.ts";
import { type ErpPlace, passwordSecret } from "./erp-place.ts";
import { residentMb } from "./memory.ts";

/** `erpfuser status --json`, as far as the demo looks at it. */
export interface AgentStatus {
  running: boolean;
  pending: number;
  quarantined: number;
  outbox: { items: number };
  commands: Record<string, number>;
  guards: { id: number; source: string; count: number }[];
  agent: { portal: { state: string }; status: { sources: { source: string; rows: number }[] } } | null;
}

export interface AgentMemory {
  /** Peak from the agent's start until everything was at the portal, MB. */
  firstSync: number | undefined;
  /** Highest of the samples taken afterwards, MB. */
  steady: number | undefined;
}

export interface AgentProcess extends AsyncDisposable {
  /** Undefined before its start. */
  readonly pid: number | undefined;
  /** Writes the configuration, stores the database's password, and enrols with the portal's code. */
  prepare(portalChannel: string, code: string): Promise<void>;
  start(): void;
  /** Ends it as a service manager does; `start` may follow. */
  stop(): Promise<void>;
  kill9(): Promise<void>;
  status(): Promise<AgentStatus>;
  /** Asks for a full compare of every source. */
  syncFull(): Promise<void>;
  /** Takes away what the ERP's server keeps for its feed. It must not run any more. */
  dropFeed(): Promise<void>;
  /** Takes a sample of its memory; `firstSync` notes the peak so far. */
  sampleMemory(when: keyof AgentMemory): void;
  readonly memory: AgentMemory;
}

export interface AgentOptions {
  configFile: string;
  state: string;
  logFile: string;
  place: ErpPlace;
  /** How often a table without a cursor column is compared, e.g. `5s`. */
  compareEvery: string;
  /** Other values for the sample configuration than the demo's. */
  config?: Partial<ErpConfigOptions>;
  clock: Clock;
  signal: AbortSignal;
  onDeath: (error: FuserError) => void;
}

interface Run {
  input?: string;
  until?: AbortSignal;
}

const dropWithinMs = 30_000;

export function createAgent(options: AgentOptions): AgentProcess {
  const { configFile, state, place, signal } = options;
  const memory: AgentMemory = { firstSync: undefined, steady: undefined };
  let child: Child | undefined;
  /** Runs one command of the agent; its standard output. */
  const erpfuser = async (args: readonly string[], { input, until = signal }: Run = {}): Promise<string> => {
    const call = ["agent/main.ts", "--config", configFile, ...args];
    const ran = await runToEnd(call, { signal: until, ...(input === undefined ? {} : { input }) }).catch((error: unknown) => {
      throw until.aborted ? until.reason : error;
    });
    if (ran.code !== 0) throw commandFailed(args, ran.code, ran.stderr.trim() || ran.stdout.trim());
    return ran.stdout;
  };
  return {
    memory,
    get pid() {
      return child?.pid;
    },
    async prepare(portalUrl, code) {
      const config = erpConfig({
        dialect: place.dialect,
        connection: place.connection,
        portalUrl,
        state,
        stage: "live",
        compareEvery: options.compareEvery,
        ...options.config,
      });
      writeFileSync(configFile, `${config}\n`);
      if (place.password !== undefined) await erpfuser(["secret", "set", passwordSecret], { input: `${place.password}\n` });
      await erpfuser(["enrol", code]);
    },
    start() {
      const args = [...nodeProcess.flags, "agent/main.ts", "--config", configFile, "run"];
      child = startChild({ name: "agent", args, logFile: options.logFile, clock: options.clock, env: nodeProcess.env });
      void child.died.then(options.onDeath);
    },
    stop: async () => child?.stop(),
    kill9: async () => child?.kill9(),
    status: async () => JSON.parse(await erpfuser(["--json", "status"])) as AgentStatus,
    syncFull: async () => void (await erpfuser(["--json", "sync", "--full"])),
    // Also after Ctrl-C, which has ended everything else.
    dropFeed: async () => void (await erpfuser(["--json", "feed", "drop"], { until: AbortSignal.timeout(dropWithinMs) })),
    sampleMemory(when) {
      const now = child && residentMb(child.pid, when === "firstSync" ? "VmHWM" : "VmRSS");
      if (now !== undefined) memory[when] = Math.max(memory[when] ?? 0, now);
    },
    [Symbol.asyncDispose]: async () => child?.stop(),
  };
}

function commandFailed(args: readonly string[], code: number, said: string): FuserError {
  return new FuserError("config", `\`erpfuser ${args[0]}\` ended with exit code ${code}: ${said}`, {
    code: "demo-command-failed",
    operation: `run erpfuser ${args[0]}`,
    hint: "Mend what it names, then start the demo again",
  });
}
