/** Worker processes that share the seeds. */
import { type ChildProcess, fork } from "node:child_process";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import type { Report, Task } from "./reports.ts";

const script = fileURLToPath(new URL("worker.ts", import.meta.url));

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

function labour({ bug, next, onReport }: Campaign): Promise<void> {
  return new Promise((resolve, reject) => {
    const child: ChildProcess = fork(script, bug === undefined ? [] : [bug], { stdio: ["ignore", "inherit", "inherit", "ipc"] });
    let isOver = false;
    const give = (): void => {
      const task = next();
      if (task !== undefined) return void child.send(task);
      isOver = true;
      child.disconnect();
    };
    child.on("message", (message: "ready" | Report) => {
      if (message !== "ready") onReport(message);
      give();
    });
    child.on("error", reject);
    child.on("exit", (code) => (isOver ? resolve() : reject(new Error(`A worker ended with ${code}`))));
  });
}
