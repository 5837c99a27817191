import { constants, copyFile, mkdir, open, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { isAbsolute, join, parse, resolve } from "node:path";
import type { Drop, DropFile, Shelf } from "./drop.ts";
import { account, folderError } from "./errors.ts";
import { localExcess } from "./local-excess.ts";
import { countRejected, freeName, markerFile, requireMarker } from "./shelf-names.ts";

export interface LocalPlaces {
  folder: string;
  archive: string;
  reject: string;
  marker: string | undefined;
}

/** A folder of this machine, or a share. */
export function localDrop({ folder, archive, reject, marker }: LocalPlaces): Drop {
  const place = resolve(folder);
  const within = (path: string): string => (isAbsolute(path) ? path : join(place, path));
  const shelves: Record<Shelf, string> = { archive: within(archive), reject: within(reject) };
  const here = async <T>(operation: string, where: string, work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw folderError(error, operation, where);
    }
  };

  async function statOf(path: string): Promise<DropFile | undefined> {
    try {
      const found = await stat(path);
      return found.isFile() ? { name: parse(path).base, bytes: found.size, modifiedMs: Math.floor(found.mtimeMs) } : undefined;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw error;
    }
  }

  const isAsListed = async (path: string, file: DropFile): Promise<boolean> => {
    const now = await statOf(path);
    return now?.bytes === file.bytes && now.modifiedMs === file.modifiedMs;
  };

  return {
    place,
    list: (signal) =>
      here("look for files", place, async () => {
        const entries = await readdir(place, { withFileTypes: true });
        if (marker !== undefined) requireMarker(await markerOf(place), marker, { place, account: account() });
        const files: DropFile[] = [];
        for (const entry of entries) {
          signal.throwIfAborted();
          const file = entry.isFile() ? await statOf(join(place, entry.name)) : undefined;
          if (file) files.push(file);
        }
        return files;
      }),
    async fetch(file) {
      const path = join(place, file.name);
      return {
        path,
        unchanged: () => here("read a file", place, () => isAsListed(path, file)),
        async [Symbol.asyncDispose]() {},
      };
    },
    fetchArchived: (name) =>
      here("read an archived file", shelves.archive, async () => {
        const path = join(shelves.archive, name);
        const file = await statOf(path);
        return file && { path, unchanged: async () => true, async [Symbol.asyncDispose]() {} };
      }),
    shelve: (file, shelf) =>
      here("move a file", shelves[shelf], async () => {
        const from = join(place, file.name);
        if (!(await isAsListed(from, file))) return undefined;
        await mkdir(shelves[shelf], { recursive: true });
        const name = freeName(await readdir(shelves[shelf]), file.name);
        const to = join(shelves[shelf], name);
        if (!(await moveFile(from, to, () => isAsListed(from, file)))) return undefined;
        if (await isAsListed(to, file)) return name;
        // The ERP has put another file in its place at that very moment: it goes back.
        await rename(to, from);
        return undefined;
      }),
    // Only opening it tells: Windows leaves a file's access list out of what `access` asks.
    readable: (file) =>
      open(join(place, file.name)).then(
        async (handle) => {
          await handle.close();
          return true;
        },
        () => false,
      ),
    takeBack: (file, shelf, name) =>
      here("take a file back", shelves[shelf], async () => {
        const [shelved, free] = [join(shelves[shelf], name), join(place, file.name)];
        const now = await statOf(shelved);
        if (now !== undefined && now.bytes === file.bytes && now.modifiedMs === file.modifiedMs) return "as-it-was";
        if (now === undefined || (await statOf(free)) !== undefined) return "gone";
        await moveFile(shelved, free, async () => true);
        if (shelf === "reject") await rm(`${shelved}.txt`, { force: true });
        return "back";
      }),
    explain: (name, text) =>
      here("write why a file was rejected", shelves.reject, () => writeFile(join(shelves.reject, `${name}.txt`), text)),
    discard: (names) =>
      here("remove old files", shelves.archive, async () => {
        for (const name of names) await rm(join(shelves.archive, name), { force: true });
      }),
    rejected: async () => countRejected(await readdir(shelves.reject).catch(() => [])),
    tryShelf: (shelf) =>
      here("try to move files", shelves[shelf], async () => {
        await mkdir(shelves[shelf], { recursive: true });
        const from = join(place, `.erpfuser-${process.pid}.tmp`);
        const to = join(shelves[shelf], `.erpfuser-${process.pid}.tmp`);
        try {
          await writeFile(from, "", { flag: "wx" });
          await moveFile(from, to, async () => true);
        } finally {
          await rm(from, { force: true });
          await rm(to, { force: true });
        }
      }),
    excess: (files) =>
      here("look up the account's rights", place, () =>
        localExcess({ folder: place, shelves: Object.values(shelves), files: files.map(({ name }) => name) }),
      ),
    async [Symbol.asyncDispose]() {},
  };
}

async function markerOf(place: string): Promise<string | undefined> {
  return readFile(join(place, markerFile), "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
}

/**
 * Also to another file system: the copy is on the disk before the original goes.
 * @param unchanged whether the original still is what was copied: a large one takes its time, and may have been replaced by a new file meanwhile
 * @returns false where it was not, and stays
 */
async function moveFile(from: string, to: string, unchanged: () => Promise<boolean>): Promise<boolean> {
  try {
    await rename(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EXDEV") throw error;
  }
  const part = `${to}.part`;
  try {
    const { atimeMs, mtimeMs } = await stat(from);
    await copyFile(from, part, constants.COPYFILE_EXCL);
    const copy = await open(part, "r+");
    try {
      // Half a millisecond on top: a fraction of a second may come back a little smaller.
      await copy.utimes(atimeMs / 1000, (Math.floor(mtimeMs) + 0.5) / 1000);
      await copy.sync();
    } finally {
      await copy.close();
    }
    if (!(await unchanged())) {
      await rm(part);
      return false;
    }
    await rename(part, to);
  } catch (error) {
    await rm(part, { force: true });
    throw error;
  }
  await rm(from);
  return true;
}
