import { open, stat } from "node:fs/promises";
import { Worker } from "node:worker_threads";
import { FuserError } from "../../base/errors.ts";

/** Runs in a thread of its own: to take over the pages of a large import lasts seconds, in which the agent must not stand still. */
const program = `
  const { parentPort, workerData } = require("node:worker_threads");
  const { DatabaseSync } = require("node:sqlite");
  const database = new DatabaseSync(workerData, { timeout: 1000 });
  try { database.exec("PRAGMA wal_checkpoint(TRUNCATE)"); } finally { database.close(); }
`;

/** A log that is smaller waits for the next import: readers go through it quickly. */
const leastBytes = 4_194_304;

/** Takes the pages of the write-ahead log over into the file, once there are enough. What readers still need waits for the next time. */
export async function checkpoint(file: string): Promise<void> {
  const log = await stat(`${file}-wal`).catch(() => undefined);
  if (log === undefined || log.size < leastBytes) return;
  const worker = new Worker(program, { eval: true, workerData: file, env: {}, execArgv: [] });
  await new Promise<void>((resolve, reject) => {
    worker.once("error", (cause) =>
      reject(
        new FuserError("transient", "The private database of the CSV folder can't be tidied", {
          code: "erp-disk",
          operation: "take over imported rows",
          place: file,
          hint: "Look at the disk under the state directory.",
          cause,
        }),
      ),
    );
    worker.once("exit", () => resolve());
  });
}

/** Brings what an import has written so far to the disk, beside other work, so that its commit has little left to wait for. */
export async function flush(file: string): Promise<void> {
  const log = await open(`${file}-wal`, "r+");
  try {
    await log.datasync();
  } finally {
    await log.close();
  }
}
