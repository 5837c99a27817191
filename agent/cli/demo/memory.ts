/** Memory of a process as Linux tells it. */
import { readFileSync } from "node:fs";

/** Resident memory now (`VmRSS`) or at its highest (`VmHWM`) in MB, proc(5); undefined where there is no /proc or the process is gone. */
export function residentMb(pid: number, which: "VmRSS" | "VmHWM"): number | undefined {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    const kb = new RegExp(`^${which}:\\s+(\\d+) kB`, "m").exec(status)?.[1];
    return kb === undefined ? undefined : Math.round(Number(kb) / 102.4) / 10;
  } catch {
    return undefined;
  }
}
