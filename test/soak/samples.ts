/** What is measured from outside while the soak runs: memory and handles of the two processes, connections of the database, sizes of the stores. */
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Connection } from "mysql2/promise";
import { residentMb } from "../../agent/cli/demo/memory.ts";
import type { Rig } from "../support/rig.ts";
import { type Collected, lastCollected } from "./probe-files.ts";

export interface ProcessSample {
  rssMb: number;
  collected: Collected | undefined;
  /** Open file descriptors. */
  handles: number;
}

export interface Sample {
  /** Seconds since the soak began. */
  at: number;
  agent: ProcessSample;
  gateway: ProcessSample;
  databaseConnections: number;
  store: StoreSizes;
  portalStore: StoreSizes;
  /** Keys that wait to be read, and items that wait to be acked. */
  pending: number;
  outbox: number;
}

export interface StoreSizes {
  fileMb: number;
  walMb: number;
}

/** Takes a sample; undefined while a process is just not there. */
export async function takeSample(
  rig: Rig,
  tools: { database: Connection; probes: string; at: number },
): Promise<Sample | undefined> {
  const agent = processSample(rig.agent.pid, tools.probes);
  const gateway = processSample(rig.portal.pid, tools.probes);
  if (agent === undefined || gateway === undefined) return undefined;
  const [rows] = await tools.database.query("SELECT COUNT(*) AS n FROM information_schema.processlist WHERE COMMAND <> 'Daemon'");
  const status = rig.status()?.status;
  return {
    ...{ at: tools.at, agent, gateway, databaseConnections: Number((rows as { n: number }[])[0]?.n ?? 0) },
    store: sizesOf(join(rig.home.state, "store.db")),
    portalStore: sizesOf(rig.home.portalStore),
    pending: status?.sources.reduce((sum, source) => sum + source.pending, 0) ?? 0,
    outbox: status?.outbox.items ?? 0,
  };
}

function processSample(pid: number | undefined, probes: string): ProcessSample | undefined {
  const rssMb = pid === undefined ? undefined : residentMb(pid, "VmRSS");
  if (pid === undefined || rssMb === undefined) return undefined;
  return { rssMb, collected: lastCollected(probes, pid), handles: readdirSync(`/proc/${pid}/fd`).length };
}

function sizesOf(file: string): StoreSizes {
  const mb = (path: string): number => (existsSync(path) ? Math.round(statSync(path).size / 10_485.76) / 100 : 0);
  return { fileMb: mb(file), walMb: mb(`${file}-wal`) };
}
