import { readFileSync } from "node:fs";
import { join } from "node:path";

/** Environment variable that names the directory of the probes' files. */
export const probeFolder = "ERPFUSER_SOAK_PROBES";
export const collectEveryMs = 30_000;

/** What a process holds when its garbage has just been collected. */
export interface Collected {
  /** Counts the collections of the process. */
  no: number;
  /** Heap and external memory in use. */
  heapMb: number;
  /** Resident memory, as the system sees it. */
  rssMb: number;
}

/** What the probe within a process said last; undefined before it said anything. */
export function lastCollected(folder: string, pid: number): Collected | undefined {
  try {
    return JSON.parse(readFileSync(join(folder, `${pid}.json`), "utf8")) as Collected;
  } catch {
    // Not there yet, or just being written.
    return undefined;
  }
}
