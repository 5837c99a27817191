/** What SQLite's result codes mean to the agent (sqlite.org/rescode.html). The only place that looks at them. */
import { FuserError } from "../../base/errors.ts";

const primary = { busy: 5, locked: 6, readonly: 8, ioError: 10, corrupt: 11, full: 13, cannotOpen: 14, notDatabase: 26 } as const;
/** SQLITE_IOERR_* that a full disk may cause: write, fsync, truncate, shared memory (sqlite.org/rescode.html#ioerr_write and following). */
const spaceIoErrors = new Set([778, 1034, 1546, 4618, 4874, 5386]);

/** Primary result code of an error of node:sqlite; undefined for any other error. */
export function sqliteCode(error: unknown): number | undefined {
  const code = (error as { errcode?: unknown } | undefined)?.errcode;
  return typeof code === "number" ? code & 0xff : undefined;
}

/** True when the file itself is damaged or no database at all. */
export function isDamage(error: unknown): boolean {
  const code = sqliteCode(error);
  return code === primary.corrupt || code === primary.notDatabase;
}

export const storeOperation = "use the store";

/** True for an error of the store itself: it says nothing of the row, key or command that was under way. */
export const isStoreTrouble = (error: unknown): boolean => error instanceof FuserError && error.operation === storeOperation;

/** The error as the agent's loops and people understand it; one that is not SQLite's comes back unchanged. */
export function storeError(error: unknown, file: string): unknown {
  const code = sqliteCode(error);
  if (code === undefined) return error;
  const details = { operation: storeOperation, place: file, cause: error };
  const extended = (error as { errcode: number }).errcode;
  if (code === primary.full || (code === primary.ioError && spaceIoErrors.has(extended))) {
    const hint = "Free space on the disk of the state directory; nothing is lost, the agent goes on by itself";
    return new FuserError("transient", "The disk of the state directory is full", { ...details, code: "store-full", hint });
  }
  if (code === primary.ioError) {
    const hint = "Look into the system's log for disk errors";
    return new FuserError("transient", "The state directory can't be read or written", { ...details, code: "store-io", hint });
  }
  if (code === primary.busy || code === primary.locked) {
    const hint = "Another process holds the store for long; it is tried again";
    return new FuserError("transient", "The store is locked by another process", { ...details, code: "store-busy", hint });
  }
  if (code === primary.readonly || code === primary.cannotOpen) {
    const hint = "Give the agent's account the right to write to the state directory";
    return new FuserError("config", "The store can't be written", { ...details, code: "store-not-writable", hint });
  }
  if (code === primary.corrupt || code === primary.notDatabase) {
    const hint = "Start the agent again: it sets the damaged file aside and rebuilds its state by a full compare";
    return new FuserError("config", "The store's file is damaged", { ...details, code: "store-damaged", hint });
  }
  return new FuserError("bug", `The store failed: ${(error as Error).message}`, { ...details, code: "store-failed" });
}
