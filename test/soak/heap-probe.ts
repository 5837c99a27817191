// Loaded into every process of the soak (NODE_OPTIONS): collects garbage every half minute, leaves in a file what memory is left, and keeps nobody alive.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { type Collected, collectEveryMs, probeFolder } from "./probe-files.ts";

/** V8 gives pages back on threads of its own, after the collection. */
const givenBackMs = 1_500;
const mb = (bytes: number): number => Math.round(bytes / 10_485.76) / 100;

const folder = process.env[probeFolder];
if (folder !== undefined) {
  const file = join(folder, `${process.pid}.json`);
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  let no = 0;
  setInterval(async () => {
    collect();
    const { heapUsed, external } = process.memoryUsage();
    await sleep(givenBackMs, undefined, { ref: false });
    no += 1;
    const left: Collected = { no, heapMb: mb(heapUsed + external), rssMb: mb(process.memoryUsage.rss()) };
    try {
      writeFileSync(file, JSON.stringify(left));
    } catch {
      // The soak is over and its directory gone.
    }
  }, collectEveryMs).unref();
}
