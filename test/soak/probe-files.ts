import { readFileSync } from "node:fs";
import { join } from "node:path";

/** Environment variable that names the directory of the probes' files. */
export const probeFolder = "ERPFUSER_SOAK_PROBES";
export const probeEveryMs = 2_000;

/** What the probe within a process said last: heap and external memory, MB. Undefined before it said anything. */
export function probedHeapMb(folder: string, pid: number): number | undefined {
  try {
    return (JSON.parse(readFileSync(join(folder, `${pid}.json`), "utf8")) as { heapMb: number }).heapMb;
  } catch {
    // Not there yet, or just being written.
    return undefined;
  }
}
