/** The machine of the portal: its store's file and the reference gateway's real code, links and all, in a process that can be killed. */
import type { DatabaseSync } from "node:sqlite";
import type { WebSocket } from "ws";
import type { Log } from "../../../base/log.ts";
import type { GatewayEvent } from "../../../portal/events.ts";
import { createHub, type Hub } from "../../../portal/hub.ts";
import { Store } from "../../../portal/store.ts";
import type { Digester } from "../../../protocol/digest.ts";
import type { Chance } from "./chance.ts";
import { type MemoryFile, memoryFile } from "./memory-file.ts";
import type { SimulatedSocket } from "./network.ts";
import { createProcess, type Process, type SimulatedTime } from "./time.ts";

export interface PortalMachineParts {
  time: SimulatedTime;
  chance: Chance;
  digester: Digester;
  log: Log;
  onEvent: (event: GatewayEvent) => void;
}

export const agentId = "agent-simulated";
const publicKey = Buffer.alloc(32, 7).toString("base64url");

export class PortalMachine {
  readonly file: MemoryFile = memoryFile();
  /** Its process dies before or after the `nth` commit from now. */
  deadly: { moment: "before-commit" | "after-commit"; nth: number } | undefined;
  readonly #parts: PortalMachineParts;
  #process: Process | undefined;
  #hub: Hub | undefined;
  readonly #hung = new Set<Process>();
  #lives = 0;

  constructor(parts: PortalMachineParts) {
    this.#parts = parts;
  }

  get running(): boolean {
    return this.#process?.alive === true;
  }

  /** The running gateway; undefined while there is none. */
  get hub(): Hub | undefined {
    return this.running ? this.#hub : undefined;
  }

  start(): void {
    if (this.running) return;
    const { time, chance, digester, log, onEvent } = this.#parts;
    const process = createProcess(time, "portal", () => 0);
    this.#process = process;
    this.#lives += 1;
    const database = this.file.shared() ?? this.#watch(this.file.open());
    const ids = chance.fork(`ids ${this.#lives}`);
    const hub = createHub({
      ...{ store: new Store(database), clock: process.clock, log, digester },
      random: chance.fork(`portal ${this.#lives}`).next,
      newId: () => `question-${Math.floor(ids.next() * 1e15).toString(36)}`,
    });
    this.#hub = hub;
    hub.desk.listen((event) => {
      if (process.alive) onEvent(event);
    });
    if (hub.desk.agents().length > 0) return;
    const { code } = hub.desk.createEnrolmentCode({ stage: "live", ttlMs: 60_000, agentId });
    hub.parts.agents.enrol({ code, publicKey, agentName: "Simulated", host: "agent" });
  }

  kill(): void {
    if (!this.running) return;
    this.#parts.log.info("The portal's process is killed");
    this.#process?.kill();
    for (const process of this.#hung) process.kill();
    this.#hung.clear();
    this.file.salvage();
  }

  /** Its process stands still; another one can be started on the same store. Returns what wakes it again, for a moment until it is ended. */
  hang(): (() => void) | undefined {
    const process = this.#process;
    if (process?.alive !== true) return undefined;
    this.#parts.log.info("The portal's process stands still");
    process.freeze();
    this.#process = undefined;
    this.#hub = undefined;
    this.#hung.add(process);
    return () => {
      this.#parts.log.info("The portal's first process wakes up");
      process.thaw();
      this.#parts.time.after(5_000, () => process.kill());
    };
  }

  /** Stops as an operator stops it: every agent is told when to come back. */
  stop(): void {
    const { hub } = this;
    if (hub === undefined) return;
    void hub.close({ reason: "the portal stops", retryAfterMs: 1_000 }).then(() => this.kill());
  }

  /** Where an agent knocks. */
  door(): { process: Process; accept(socket: SimulatedSocket): void } | undefined {
    const hub = this.#hub;
    const process = this.#process;
    if (hub === undefined || process?.alive !== true) return undefined;
    return { process, accept: (socket) => hub.accept(socket as unknown as WebSocket, agentId) };
  }

  #watch(database: DatabaseSync): DatabaseSync {
    const exec = database.exec.bind(database);
    const die = (): void => {
      this.deadly = undefined;
      this.kill();
      throw new Error("The portal's process was killed");
    };
    database.exec = (sql) => {
      if (sql !== "COMMIT" || this.deadly === undefined) return exec(sql);
      this.deadly.nth -= 1;
      const { moment, nth } = this.deadly;
      if (nth <= 0 && moment === "before-commit") die();
      exec(sql);
      if (nth <= 0) die();
    };
    return database;
  }
}
