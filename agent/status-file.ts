/** What the running agent last said of itself, as a file beside the store: `erpfuser status` reads it, also when the agent no longer runs. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { FuserError } from "../base/errors.ts";
import type { Status } from "../protocol/messages.ts";
import { replaceFile } from "./replace-file.ts";

export interface StatusFile {
  pid: number;
  agentVersion: string;
  startedAt: string;
  /** The link to the portal: its named state, why it is not connected, and when it is tried next. */
  portal: { state: string; reason?: string };
  /** The ERP as it introduced itself. */
  erp: string | undefined;
  /** Why the agent can't begin to work with the ERP; undefined once it has begun. */
  erpProblem?: string;
  status: Omit<Status, "type">;
  /** How changes of each source are noticed now, and why by other means than the configuration says, if so. */
  ways?: readonly { source: string; by: string; because?: string }[];
  /** When the last difference of a source was mended, where there was one. */
  checks?: readonly { source: string; mendedAt: string }[];
  /** What the ERP's schema stops for now: a sentence for each field, source, signal and command. */
  lacks?: readonly string[];
  /** The database's own feed, where sources live on it: its named state, since when, why it can't be used, and when it was last heard. */
  feed?: { name: string; state: string; since: string; reason?: string; lastHeard: string | null; silent: readonly string[] };
  /** When everything was last in step: nothing pending, unacked or waiting. */
  inStepSince: string | undefined;
}

const fileName = "status.json";

/**
 * Replaces the file at once, so that a reader never sees half of it. Not made durable: it is told anew every few seconds.
 * @throws FuserError `state-status-unwritable`, transient
 */
export function writeStatusFile(directory: string, status: StatusFile): void {
  const file = join(directory, fileName);
  try {
    replaceFile(file, JSON.stringify(status), { mode: 0o600 });
  } catch (error) {
    throw unwritable(file, error);
  }
}

function unwritable(place: string, cause: unknown): FuserError {
  return new FuserError("transient", `The agent can't write how it stands (${(cause as NodeJS.ErrnoException).code})`, {
    code: "state-status-unwritable",
    operation: "write the status",
    place,
    hint: "Free space on the disk of the state directory, and let the agent's account write there",
    cause,
  });
}

/** Undefined when no agent ever ran on this directory. */
export function readStatusFile(directory: string): StatusFile | undefined {
  try {
    return JSON.parse(readFileSync(join(directory, fileName), "utf8")) as StatusFile;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** Whether the agent that wrote the file still runs. */
export function stillRuns(status: StatusFile): boolean {
  try {
    process.kill(status.pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
