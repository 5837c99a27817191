/** The machine that the agent runs on: its store's file, its clock, and the agent's real code in a process that can be killed at any moment. */
import type WebSocket from "ws";
import { type AgentParts, type Running, runWithin } from "../../../agent/agent.ts";
import { socketLink } from "../../../agent/channel/socket.ts";
import type { NamedPoint } from "../../../agent/commit-points.ts";
import { keepHouse } from "../../../agent/housekeeping.ts";
import { openStoreOn } from "../../../agent/store/open.ts";
import { storeError } from "../../../agent/store/sqlite-errors.ts";
import type { CommitHook, Store } from "../../../agent/store/store.ts";
import type { Chore, Surroundings } from "../../../agent/surroundings.ts";
import { kindOf } from "../../../base/errors.ts";
import type { Log } from "../../../base/log.ts";
import type { Config } from "../../../config/config.ts";
import type { Secrets } from "../../../config/secrets.ts";
import type { Digester } from "../../../protocol/digest.ts";
import { simulatedConnector } from "../erp/connector.ts";
import type { ErpServer } from "../erp/server.ts";
import type { Chance } from "./chance.ts";
import { type MemoryFile, memoryFile } from "./memory-file.ts";
import type { Network } from "./network.ts";
import type { PortalMachine } from "./portal-machine.ts";
import { createProcess, type Process, type SimulatedTime } from "./time.ts";

/** A moment in the agent's life at which its process is killed, the `nth` time that it comes there. */
export type DeadlyMoment = { nth: number } & (
  | { at: "commit"; moment: "before-commit" | "after-commit"; name: string | undefined }
  | { at: "point"; point: NamedPoint }
);

export interface AgentMachineParts {
  name: string;
  time: SimulatedTime;
  chance: Chance;
  config: Config;
  digester: Digester;
  erp: ErpServer;
  network: Network;
  portal: PortalMachine;
  log: Log;
  /** What must not happen: an agent that ends by a fault of its own. */
  onFault: (what: string) => void;
}

/** Ends what runs within a process that was just killed. */
export class Killed extends Error {}

/** A moment's name for the first drain behind a signal, which is the one that sends something. */
export const firstDrain = "first drain";

const supervisorMs = 5_000;
const noSecrets = {
  get: () => undefined,
  set() {},
  remove: () => false,
  require: () => Promise.reject(new Error("There are no secrets")),
};

export class AgentMachine {
  readonly file: MemoryFile = memoryFile();
  clockOffsetMs = 0;
  /** Commits fail until then. */
  fullUntil = 0;
  deadly: DeadlyMoment | undefined;
  /** Called once, when it dies at that moment. */
  onDeath: (() => void) | undefined;
  readonly #parts: AgentMachineParts;
  #process: Process | undefined;
  #store: Store | undefined;
  #agent: Running | undefined;
  #stop: AbortController | undefined;
  #lives = 0;
  #commits = 0;
  /** Keys were marked by a signal and not read since. */
  #signalled = false;

  constructor(parts: AgentMachineParts) {
    this.#parts = parts;
  }

  get name(): string {
    return this.#parts.name;
  }

  get running(): boolean {
    return this.#process?.alive === true;
  }

  /** The running agent's store, to look into; undefined while none runs. */
  get store(): Store | undefined {
    return this.running ? this.#store : undefined;
  }

  /** The running agent's parts, for what a person asks of them; undefined until they run. */
  get agent(): Running | undefined {
    return this.running ? this.#agent : undefined;
  }

  start(): void {
    if (this.running) return;
    const { time, name, log } = this.#parts;
    const process = createProcess(time, name, () => this.clockOffsetMs);
    const stop = new AbortController();
    this.#process = process;
    this.#agent = undefined;
    this.#stop = stop;
    this.#lives += 1;
    log.info("The agent starts", { life: this.#lives });
    const ended = (error: unknown): void => this.#ended(process, error);
    runWithin(this.#surroundings(process), this.#agentParts(process), stop.signal).then(() => ended(undefined), ended);
  }

  /** Ends in this moment, without a word. */
  kill(): void {
    if (!this.running) return;
    this.#parts.log.info("The agent's process is killed");
    this.#process?.kill();
    this.file.salvage();
    this.#store = undefined;
  }

  /** Asks it to stop, as the service manager does; it stops when it is ready. */
  stop(): void {
    this.#stop?.abort();
  }

  #ended(process: Process, error: unknown): void {
    if (!process.alive) return;
    const asked = this.#stop?.signal.aborted === true;
    process.kill();
    this.file.salvage();
    this.#store = undefined;
    if (asked && error === undefined) return;
    const { log, onFault, time } = this.#parts;
    if (kindOf(error) !== "transient")
      onFault(`The agent ended by itself: ${error instanceof Error ? `${error.message}\n${error.stack}` : String(error)}`);
    log.info("The agent ended and is started again");
    time.after(supervisorMs, () => this.start());
  }

  #agentParts(process: Process): AgentParts {
    const { config, chance, log } = this.#parts;
    return {
      ...{ config, log, clock: process.clock, agentVersion: "0.1.0", env: {} },
      random: chance.fork(`agent ${this.#lives}`).next,
      secrets: noSecrets as unknown as Secrets,
      atPoint: (point) => this.#pass({ at: "point", point }),
    };
  }

  #surroundings(process: Process): Surroundings {
    const { name, chance, digester, erp, network, portal, log } = this.#parts;
    const ids = chance.fork(`ids ${this.#lives}`);
    const own = chance.fork(`erp ${this.#lives}`);
    return {
      openStore: () => {
        this.#store = openStoreOn(this.file.open(), { clock: process.clock, log: log.part("store"), onCommit: this.#onCommit });
        return this.#store;
      },
      openErp: async () => simulatedConnector({ server: erp, process, chance: own }),
      wayToPortal: async () => async (listener, signal) => {
        const socket = await network.connect(process, () => portal.door(), signal);
        return socketLink(socket as unknown as WebSocket, listener, process.clock);
      },
      ...{
        digester,
        host: name,
        chores: [this.#keep, (running, signal) => keepHouse(running, { signal, commits: () => this.#commits })],
        tellWaiting() {},
      },
      newId: () => `id-${Math.floor(ids.next() * 1e15).toString(36)}-${Math.floor(ids.next() * 1e15).toString(36)}`,
    };
  }

  /** In place of the mailbox of the command line: whoever asks finds the parts here. */
  readonly #keep: Chore = (running, signal) => {
    this.#agent = running;
    return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
  };

  readonly #onCommit: CommitHook = (moment, name) => {
    const own = name === "drain" && this.#signalled ? firstDrain : name;
    if (moment === "after-commit") {
      this.#commits += 1;
      if (name === "signal" || name === "drain") this.#signalled = name === "signal";
    }
    this.#pass({ at: "commit", moment, name: own });
    if (moment === "before-commit" && this.#parts.time.now < this.fullUntil) {
      throw storeError(Object.assign(new Error("database or disk is full"), { errcode: 13 }), "store.db");
    }
  };

  #pass(
    here: { at: "commit"; moment: "before-commit" | "after-commit"; name: string } | { at: "point"; point: NamedPoint },
  ): void {
    const { deadly } = this;
    if (deadly === undefined || !this.running || !isThere(deadly, here)) return;
    deadly.nth -= 1;
    if (deadly.nth > 0) return;
    this.deadly = undefined;
    this.kill();
    this.onDeath?.();
    this.onDeath = undefined;
    throw new Killed();
  }
}

function isThere(
  deadly: DeadlyMoment,
  here: { at: "commit"; moment: string; name: string } | { at: "point"; point: NamedPoint },
): boolean {
  if (deadly.at === "point") return here.at === "point" && here.point === deadly.point;
  return here.at === "commit" && here.moment === deadly.moment && (deadly.name === undefined || deadly.name === here.name);
}
