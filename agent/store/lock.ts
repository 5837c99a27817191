/**
 * One agent per state directory. The lock is a lock of the operating system, held through an open transaction on a small SQLite file: it dies with
 * the process, whatever file is left behind. Who holds it stands in a file beside, for the message alone (the locked file must not be opened twice:
 * closing a second handle would drop a POSIX lock).
 */
import { readFileSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { FuserError } from "../../base/errors.ts";
import { sqliteCode, storeError } from "./sqlite-errors.ts";

/** SQLITE_BUSY and SQLITE_LOCKED. */
const busyCodes = new Set([5, 6]);
/** A database that nobody refers to is closed by the garbage collector, and its lock with it: these stay until they are released. */
const held = new Set<DatabaseSync>();

/**
 * Takes the lock; `release` gives it back, and nothing else does but the end of the process.
 * @throws FuserError `state-in-use` naming process and host of the holder
 */
export function lockDirectory(directory: string): { release(): void } {
  const file = path.join(directory, "agent.lock");
  const ownerFile = path.join(directory, "agent.owner");
  let opened: DatabaseSync | undefined;
  try {
    opened = new DatabaseSync(file, { timeout: 0 });
    opened.exec("PRAGMA journal_mode = DELETE; BEGIN EXCLUSIVE");
    writeFileSync(ownerFile, `process ${process.pid} on ${hostname()}\n`);
  } catch (error) {
    opened?.close();
    if (!busyCodes.has(sqliteCode(error) ?? -1)) throw storeError(error, file);
    throw inUse(directory, ownerOf(ownerFile), error);
  }
  const lock = opened;
  held.add(lock);
  return {
    release() {
      held.delete(lock);
      lock.close();
    },
  };
}

function inUse(directory: string, owner: string, cause: unknown): FuserError {
  return new FuserError("config", `Another agent runs on this state directory: ${owner}`, {
    code: "state-in-use",
    operation: "open the store",
    place: directory,
    hint: "Stop the other agent, or give this one a state directory of its own",
    cause,
  });
}

function ownerOf(file: string): string {
  try {
    return readFileSync(file, "utf8").trim();
  } catch {
    return "an unknown process";
  }
}
