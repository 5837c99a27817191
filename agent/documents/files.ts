/** A document as a file below an allowed root. Whatever the ERP names, no byte is read from outside of it, links on the way followed. */
import { constants } from "node:fs";
import { type FileHandle, open, realpath, stat } from "node:fs/promises";
import type { BytesFault, Content } from "./content.ts";
import { type Flavour, isWithin, pathBelow } from "./paths.ts";

const flavour: Flavour = process.platform === "win32" ? "win32" : "posix";

export interface FilePlace {
  /** Absolute. */
  root: string;
  /** As the ERP has it. */
  told: string;
  maxBytes: number;
}

/** Opens the file, or says what is wrong with it. */
export async function openFile({ root, told, maxBytes }: FilePlace): Promise<Content | BytesFault> {
  const path = pathBelow(root, told, flavour);
  if (path === undefined) return "outside";
  try {
    const [realRoot, real] = [await realpath(root), await realpath(path)];
    if (!isWithin(realRoot, real, flavour)) return "outside";
    // Looked at before it is opened: a named pipe would hold the open until somebody writes into it.
    if (!(await stat(real)).isFile()) return "unreadable";
    return await contentOf(await open(real, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0)), {
      maxBytes,
      // Folders above it may have been exchanged for links meanwhile.
      isStillBelow: async () => isWithin(realRoot, await realpath(path), flavour),
    });
  } catch (error) {
    return faultOf(error);
  }
}

function faultOf(error: unknown): BytesFault {
  const { code } = error as NodeJS.ErrnoException;
  if (code === "ENOENT" || code === "ENOTDIR") return "missing";
  // O_NOFOLLOW met a link that was put there after the look.
  return code === "ELOOP" ? "outside" : "unreadable";
}

async function contentOf(
  file: FileHandle,
  { maxBytes, isStillBelow }: { maxBytes: number; isStillBelow: () => Promise<boolean> },
): Promise<Content | BytesFault> {
  await using opened = new AsyncDisposableStack();
  // Nothing was written: a share that has gone away takes nothing with it.
  opened.defer(() => file.close().catch(() => undefined));
  const found = await file.stat({ bigint: true });
  if (!found.isFile()) return "unreadable";
  if (!(await isStillBelow())) return "outside";
  if (found.size > BigInt(maxBytes)) return "too-large";
  const version = await versionOf(file);
  const rest = opened.move();
  return {
    sizeBytes: Number(found.size),
    version,
    async read(offset, length) {
      const into = new Uint8Array(length);
      // A share that went away in between is a file that ends here; the next look says what is wrong with it.
      const { bytesRead } = await file.read(into, 0, length, offset).catch(() => ({ bytesRead: 0 }));
      return into.subarray(0, bytesRead);
    },
    isSame: async () => (await versionOf(file).catch(() => undefined)) === version,
    [Symbol.asyncDispose]: () => rest.disposeAsync(),
  };
}

/** Which file it is, how large, and when it was written: another one under the same name, or a changed one, has another version. */
async function versionOf(file: FileHandle): Promise<string> {
  const { dev, ino, size, mtimeNs } = await file.stat({ bigint: true });
  return [dev, ino, size, mtimeNs].map((part) => part.toString(36)).join("-");
}
