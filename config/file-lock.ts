/** One writer at a time among all processes on this machine: the command line and the running agent share the secrets' file. */
import { readFile, rm, writeFile } from "node:fs/promises";
import { setTimeout as pause } from "node:timers/promises";
import { secretsError } from "./private-file.ts";

const waitMs = 25;
const tries = 400;

/**
 * Runs `action` while `file` exists with this process's id in it. A file that a dead process left behind is removed. Throws `secrets-busy` after ten
 * seconds, and `secrets-unwritable` when the file can't be made.
 */
export async function withFileLock<T>(file: string, action: () => Promise<T>): Promise<T> {
  for (let attempt = 0; !(await take(file)); attempt++) {
    if (attempt === tries) throw busy(file);
    await removeStale(file);
    await pause(waitMs);
  }
  try {
    return await action();
  } finally {
    await rm(file, { force: true });
  }
}

async function take(file: string): Promise<boolean> {
  try {
    await writeFile(file, String(process.pid), { flag: "wx", mode: 0o600 });
    return true;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw unwritable(file, cause);
  }
}

async function removeStale(file: string): Promise<void> {
  const pid = Number(await readFile(file, "utf8").catch(() => ""));
  // An empty file is one that is just being made.
  if (pid > 0 && pid !== process.pid && !isAlive(pid)) await rm(file, { force: true });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

function busy(file: string) {
  const hint = "Try again. If no other erpfuser is running, remove the file.";
  return secretsError("secrets-busy", "Another process is changing the secrets", { place: file, hint });
}

function unwritable(file: string, cause: unknown) {
  const hint = "Check that the service's account may write into the directory.";
  return secretsError("secrets-unwritable", "The state directory can't be written", { place: file, hint, cause });
}
