/** Files that only the service's account may read, written so that a crash leaves the old or the new one, whole. */
import { randomBytes } from "node:crypto";
import type { Stats } from "node:fs";
import { constants, type FileHandle, open, rename, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { FuserError } from "../base/errors.ts";

const operation = "keep the secrets";
const noFollow = constants.O_NOFOLLOW ?? 0;

/** An error about the secrets or their files, with what to do. */
export function secretsError(code: string, message: string, more: { place?: string; hint: string; cause?: unknown }): FuserError {
  return new FuserError("config", message, { code, operation, ...more });
}

/**
 * Contents of the file; undefined where there is none. Throws `secrets-permissions` when others could read or change it, and
 * `secrets-unreadable` when it can't be read.
 */
export async function readPrivate(file: string): Promise<Buffer | undefined> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(file, constants.O_RDONLY | noFollow);
    const stats = await handle.stat();
    checkPrivate(file, stats);
    return await handle.readFile();
  } catch (error) {
    if (error instanceof FuserError) throw error;
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw unreadable(file, error);
  } finally {
    await handle?.close();
  }
}

function unreadable(file: string, cause: unknown): FuserError {
  return secretsError("secrets-unreadable", "A file of the secrets can't be read", {
    place: file,
    hint: "Check that it is a plain file that belongs to the service's account.",
    cause,
  });
}

/** Windows has no such modes: there the directory's access list decides (a later version sets it). */
function checkPrivate(file: string, stats: Stats): void {
  if (process.platform === "win32") return;
  if ((stats.mode & 0o077) !== 0)
    throw secretsError("secrets-permissions", "Other accounts may read or change a file of the secrets", {
      place: file,
      hint: `Run \`chmod 600 ${file}\`, and change the secrets in it if others had access.`,
    });
  const self = process.getuid?.();
  if (self !== undefined && self !== 0 && stats.uid !== self)
    throw secretsError("secrets-permissions", "A file of the secrets belongs to another account", {
      place: file,
      hint: `Run \`chown\` so that it belongs to the account that runs the agent (user id ${self}).`,
    });
}

/** Throws `secrets-permissions` when others may write into the directory, so that they could replace the files in it. */
export async function checkDirectory(directory: string): Promise<void> {
  const stats = await stat(directory);
  if (process.platform === "win32" || (stats.mode & 0o022) === 0) return;
  throw secretsError("secrets-permissions", "Other accounts may write into the state directory", {
    place: directory,
    hint: `Run \`chmod 700 ${directory}\`.`,
  });
}

/** Replaces the file as a whole: new file, fsync, rename, fsync of the directory. Throws `secrets-unwritable`. */
export async function writePrivate(file: string, contents: string): Promise<void> {
  const draft = `${file}.${randomBytes(6).toString("hex")}.new`;
  try {
    await writeNew(draft, contents);
    await rename(draft, file);
    await syncDirectory(dirname(file));
  } catch (error) {
    await rm(draft, { force: true });
    throw unwritable(file, error);
  }
}

/** Makes the file where there is none; false when there is one already, which is then left as it is. */
export async function createPrivate(file: string, contents: string): Promise<boolean> {
  try {
    await writeNew(file, contents);
    await syncDirectory(dirname(file));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw unwritable(file, error);
  }
}

async function writeNew(file: string, contents: string): Promise<void> {
  await using handle = await open(file, "wx", 0o600);
  await handle.writeFile(contents);
  await handle.sync();
}

async function syncDirectory(directory: string): Promise<void> {
  // Windows can't open a directory; its rename is durable without.
  if (process.platform === "win32") return;
  await using handle = await open(directory, "r");
  await handle.sync();
}

function unwritable(file: string, cause: unknown): FuserError {
  const full = (cause as NodeJS.ErrnoException).code === "ENOSPC";
  return secretsError("secrets-unwritable", "A file of the secrets can't be written", {
    place: file,
    hint: full ? "The disk is full: make room." : "Check that the service's account may write into the directory.",
    cause,
  });
}
