/** What Linux tells of processes and of the machine. */
import { readFileSync } from "node:fs";
import { cpus, release, totalmem } from "node:os";

/** A kernel's tick as proc(5) counts it, microseconds. */
const tickUs = 10_000;

/** Microseconds of CPU that a process has used, in user and kernel mode, all its threads. */
export function cpuUs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  // The name in parentheses may hold blanks.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * tickUs;
}

/** Resident memory at its highest so far, MB. */
export function peakMb(pid: number): number {
  const kb = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return Math.round(Number(kb) / 102.4) / 10;
}

/** Wall clock with microseconds, comparable between processes of one machine, ms. */
export const wallMs = (): number => performance.timeOrigin + performance.now();

export interface MachineNote {
  cpu: string;
  cores: number;
  memoryGb: number;
  kernel: string;
  node: string;
  /** Load average of the last minute as the bench began: above the number of cores its figures say little. */
  load: number;
}

export function machineNote(): MachineNote {
  const all = cpus();
  return {
    cpu: all[0]?.model ?? "unknown",
    cores: all.length,
    memoryGb: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    node: process.versions.node,
    load: Number(readFileSync("/proc/loadavg", "utf8").split(" ")[0]),
  };
}
