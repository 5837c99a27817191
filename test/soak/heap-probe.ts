// Loaded into every process of the soak (NODE_OPTIONS): leaves its memory in a file every few seconds, and keeps nobody alive.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { probeEveryMs, probeFolder } from "./probe-files.ts";

const folder = process.env[probeFolder];
if (folder !== undefined) {
  const file = join(folder, `${process.pid}.json`);
  setInterval(() => {
    const { heapUsed, external } = process.memoryUsage();
    try {
      writeFileSync(file, JSON.stringify({ heapMb: (heapUsed + external) / 1_048_576 }));
    } catch {
      // The soak is over and its directory gone.
    }
  }, probeEveryMs).unref();
}
