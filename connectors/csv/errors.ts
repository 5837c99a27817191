import { userInfo } from "node:os";
import { type ErrorKind, FuserError, isAbort } from "../../base/errors.ts";

/** The account that this process runs as, for people. */
export function account(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid ${process.getuid?.() ?? "unknown"}`;
  }
}

interface Meaning {
  kind: ErrorKind;
  code: string;
  text: string;
  hint: string;
}

function meaningOf(code: string, folder: string): Meaning {
  switch (code) {
    case "ENOENT":
    case "ENOTDIR":
      return {
        kind: "transient",
        code: "erp-folder-missing",
        text: `The account ${account()} does not find the folder ${folder}`,
        hint: "Correct `erp: folder:`, or mount the share for this account: shares that a person has mounted are not there for a service.",
      };
    case "EACCES":
    case "EPERM":
      return {
        kind: "transient",
        code: "erp-folder-rights",
        text: `The account ${account()} may not use the folder ${folder}`,
        hint: "Give this account the right to read, write and rename in it: imported files are moved to the archive folder.",
      };
    case "EROFS":
    case "ENOSPC":
    case "EDQUOT":
      return {
        kind: "transient",
        code: "erp-disk-full",
        text: `The folder ${folder} takes no more files`,
        hint: "Free space, or mount it for writing.",
      };
    default:
      return {
        kind: "transient",
        code: "erp-unreachable",
        text: `The folder ${folder} does not work (${code})`,
        hint: "It is tried again by itself; look at the share's server, the network and what stands in the place of the folder.",
      };
  }
}

/** Gives an error of the file system its code and hint; others pass unchanged. */
export function folderError(error: unknown, operation: string, folder: string): unknown {
  if (error instanceof FuserError || isAbort(error) || !(error instanceof Error)) return error;
  const { code, errno } = error as NodeJS.ErrnoException;
  if (code === undefined || errno === undefined) return error;
  const meaning = meaningOf(code, folder);
  return new FuserError(meaning.kind, meaning.text, {
    code: meaning.code,
    operation,
    place: folder,
    hint: meaning.hint,
    cause: error,
  });
}

/** The same for the private database, which lies in the state directory. */
export function databaseError(error: unknown, operation: string, file: string): unknown {
  if (error instanceof FuserError || isAbort(error) || !(error instanceof Error)) return error;
  const number = (error as { errcode?: number }).errcode;
  const make = (kind: ErrorKind, code: string, hint: string): FuserError =>
    new FuserError(kind, `The private database of the CSV folder fails: ${error.message}`, {
      code,
      operation,
      place: file,
      hint,
      cause: error,
    });
  if (number === undefined) return folderError(error, operation, file);
  switch (number & 0xff) {
    case 5:
    case 6:
      return make("transient", "erp-locked", "Another process of the agent imports at the moment; it is tried again by itself.");
    case 10:
      return make("transient", "erp-disk", "Look at the disk under the state directory.");
    case 13:
      return make("transient", "erp-disk-full", "Free space on the disk of the state directory.");
    case 11:
    case 26:
      return make(
        "config",
        "erp-corrupt",
        "Stop the agent, delete this file, and put the last full exports from the archive folder back into the folder.",
      );
    case 8:
    case 14:
    case 3:
      return make("config", "erp-read-only", `Give the account ${account()} the right to write the state directory.`);
    default:
      return make("transient", "erp-failed", "It is tried again by itself; send the log to support if it stays.");
  }
}
