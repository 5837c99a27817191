/** Worker processes that share the seeds. */
import { type ChildProcess, fork } from "node:child_process";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import type { Report, Task } from "./reports.ts";

const script = fileURLToPath(new URL("worker.ts", import.meta.url));

/** A process plays so many and makes room for another: what killed agents waited for is never let go of, some 2 MB a seed. */
const seedsPerProcess = 200;

export interface Campaign {
  bug?: string | undefined;
  /** The next seed; undefined when there is none any more. */
  next: () => Task | undefined;
  /** Each report as it comes. */
  onReport: (report: Report) => void;
  /** As many as the machine has cores where nothing is said. */
  processes?: number | undefined;
}

/** Resolves when every task was reported on. */
export async function campaign({ bug, next, onReport, processes = availableParallelism() }: Campaign): Promise<void> {
  await Promise.all(Array.from({ length: processes }, () => labour({ bug, next, onReport })));
}

async function labour(campaign: Campaign): Promise<void> {
  while (await shift(campaign)) {
    // Another process goes on.
  }
}

/** One process's work; whether there was more. */
function shift({ bug, next, onReport }: Campaign): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const child: ChildProcess = fork(script, bug === undefined ? [] : [bug], { stdio: ["ignore", "inherit", "inherit", "ipc"] });
    let given = 0;
    let isOver = false;
    let isMore = true;
    const give = (): void => {
      const task = given < seedsPerProcess ? next() : undefined;
      if (task !== undefined) {
        given += 1;
        return void child.send(task);
      }
      isMore = given === seedsPerProcess;
      isOver = true;
      child.disconnect();
    };
    child.on("message", (message: "ready" | Report) => {
      if (message !== "ready") onReport(message);
      give();
    });
    child.on("error", reject);
    child.on("exit", (code) => (isOver ? resolve(isMore) : reject(new Error(`A worker ended with ${code}`))));
  });
}
