// Ends the process when the same case is at work for two looks in a row: its thread is caught in a loop.
import { writeSync } from "node:fs";
import { workerData } from "node:worker_threads";
import { longestCaseMs } from "./limits.ts";

const { shared, name, seed } = workerData as { shared: Int32Array; name: string; seed: number };
let seen = -1;
setInterval(() => {
  const now = Atomics.load(shared, 0);
  if (now === seen && now > 0) {
    writeSync(2, `BROKEN every case ends: ${name}, seed ${seed}, case ${now - 1} never did\n`);
    process.kill(process.pid, "SIGKILL");
  }
  seen = now;
}, longestCaseMs * 4);
