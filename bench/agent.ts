/** The real agent as a process of its own, started as the service starts it, and what it noted of its work. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { type Child, runToEnd, startChild } from "../agent/cli/demo/child.ts";
import { passwordSecret } from "../agent/cli/demo/erp-place.ts";
import nodeProcess from "../agent/node-process.json" with { type: "json" };
import { systemClock } from "../base/time.ts";
import { configuration, type Wishes } from "./configuration.ts";

/** A full compare as the agent's journal tells it. */
export interface Compare {
  id: number;
  source: string;
  /** Wall clock at its end, ms. */
  endedAt: number;
  durationMs: number;
}

export interface AgentPlace {
  configFile: string;
  state: string;
  logFile: string;
}

export type AgentWishes = Omit<Wishes, "state">;

/** Stores the database's password and enrols with the portal's code. */
export async function prepareAgent(
  place: AgentPlace,
  told: { wishes: AgentWishes; password: string; code: string },
): Promise<void> {
  writeConfiguration(place, told.wishes);
  await erpfuser(place, ["secret", "set", passwordSecret], `${told.password}\n`);
  await erpfuser(place, ["enrol", told.code]);
}

function writeConfiguration({ configFile, state }: AgentPlace, wishes: AgentWishes): void {
  writeFileSync(configFile, configuration({ ...wishes, state }));
}

async function erpfuser(
  { configFile }: AgentPlace,
  args: readonly string[],
  input: string | undefined = undefined,
): Promise<void> {
  const ran = await runToEnd(["agent/main.ts", "--config", configFile, ...args], {
    signal: AbortSignal.timeout(60_000),
    ...(input === undefined ? {} : { input }),
  });
  if (ran.code !== 0) throw new Error(`erpfuser ${args[0]} ended with ${ran.code}: ${ran.stderr || ran.stdout}`);
}

export interface Agent extends AsyncDisposable {
  readonly pid: number;
  /** Rejects with its last words when it ends without having been asked to. */
  readonly died: Promise<never>;
  /** Waits for the next full compare of a source that ended after `after`. @throws Error after `withinMs`, with the end of the agent's log */
  compared(source: string, told: { after: number; withinMs: number }): Promise<Compare>;
  /** Id of the newest journal entry. */
  newest(): number;
  stop(): Promise<void>;
}

/** @param profile where Node leaves a .cpuprofile at the agent's end */
export function startAgent(place: AgentPlace, wishes: AgentWishes, profile: string | undefined): Agent {
  writeConfiguration(place, wishes);
  const { env } = nodeProcess;
  const flags = profile === undefined ? nodeProcess.flags : [...nodeProcess.flags, ...profileFlags(profile)];
  const args = [...flags, "agent/main.ts", "--config", place.configFile, "run"];
  const child: Child = startChild({ name: "agent", args, logFile: place.logFile, clock: systemClock, env });
  const died = child.died.then((error) => Promise.reject(error));
  died.catch(() => undefined);
  let journal: DatabaseSync | undefined;
  const read = (): DatabaseSync => {
    journal ??= new DatabaseSync(join(place.state, "store.db"), { readOnly: true, timeout: 5_000 });
    return journal;
  };
  const stop = async (): Promise<void> => {
    journal?.close();
    journal = undefined;
    await child.stop();
  };
  return {
    ...{ pid: child.pid, died },
    newest: () => Number(read().prepare("SELECT coalesce(max(id), 0) AS id FROM journal").get()?.id),
    async compared(source, { after, withinMs }) {
      const sql = "SELECT id, source, at, duration_ms FROM journal WHERE kind = 'compare' AND source = ? AND id > ? ORDER BY id";
      const deadline = performance.now() + withinMs;
      for (;;) {
        const row = compareRow(() => read().prepare(sql).get(source, after));
        if (row !== undefined) {
          return { id: Number(row.id), source, endedAt: Number(row.at), durationMs: Number(row.duration_ms) };
        }
        if (performance.now() > deadline)
          throw new Error(`${source} was not compared within ${withinMs} ms:\n${lastWords(place)}`);
        await Promise.race([systemClock.sleep(50), died]);
      }
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/** The store is not there yet while the agent starts. */
function compareRow<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (/unable to open|no such table/.test((error as Error).message)) return undefined;
    throw error;
  }
}

export const profileFlags = (file: string): string[] => [
  "--cpu-prof",
  `--cpu-prof-dir=${join(file, "..")}`,
  `--cpu-prof-name=${file.split("/").at(-1)}`,
];

function lastWords({ logFile }: AgentPlace): string {
  return readFileSync(logFile, "utf8").split("\n").slice(-15).join("\n");
}
