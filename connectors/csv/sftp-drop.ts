import { mkdir, readdir, rm, stat as statLocal } from "node:fs/promises";
import { join as joinLocal, posix } from "node:path";
import type { Attributes, FileEntryWithStats, SFTPWrapper } from "ssh2";
import type { ReadSecret } from "../module.ts";
import type { SftpSettings } from "./config.ts";
import type { Drop, DropFile, FetchedFile, Shelf } from "./drop.ts";
import { isMissing, requestError } from "./sftp-errors.ts";
import { sftpExcess } from "./sftp-excess.ts";
import { asked, sftpLink } from "./sftp-link.ts";
import { countRejected, freeName, markerFile, requireMarker } from "./shelf-names.ts";

export interface SftpPlaces {
  server: SftpSettings;
  folder: string;
  archive: string;
  reject: string;
  marker: string | undefined;
  secret: ReadSecret;
  /** Local folder for what is downloaded; made where it is missing. */
  incoming(place: string): string;
}

/** A folder of an SFTP server. Files are downloaded whole before they are looked at, and renamed on the server. */
export function sftpDrop({ server, folder, archive, reject, marker, secret, incoming }: SftpPlaces): Drop {
  const { user } = server;
  const place = `sftp://${user}@${server.host}:${server.port ?? 22}${posix.isAbsolute(folder) ? folder : `/~/${folder}`}`;
  const link = sftpLink(server, secret, place);
  const shelves: Record<Shelf, string> = {
    archive: posix.resolve("/", folder, archive),
    reject: posix.resolve("/", folder, reject),
  };
  const inFolder = (name: string): string => posix.join(folder, name);
  // A folder that is relative begins where the server lets the account begin.
  const onShelf = (shelf: Shelf, name = ""): string => {
    const given = shelf === "archive" ? archive : reject;
    return posix.join(posix.isAbsolute(given) ? given : posix.join(folder, given), name);
  };
  let downloads = 0;

  async function here<T>(
    { request, where = place, signal }: { request: string; where?: string; signal?: AbortSignal },
    work: (sftp: SFTPWrapper) => Promise<T>,
  ): Promise<T> {
    signal?.throwIfAborted();
    // A download may take an hour, and a server may never answer: whoever closes the agent waits for neither.
    const ended = Promise.withResolvers<never>();
    const end = (): void => {
      link.abandon();
      ended.reject(signal?.reason);
    };
    ended.promise.catch(() => {});
    signal?.addEventListener("abort", end, { once: true });
    try {
      return await Promise.race([link.sftp().then(work), ended.promise]);
    } catch (error) {
      signal?.throwIfAborted();
      throw requestError(error, request, { place: where, user });
    } finally {
      signal?.removeEventListener("abort", end);
    }
  }

  async function isAsListed(sftp: SFTPWrapper, path: string, file: DropFile): Promise<boolean> {
    try {
      const now = await asked<Attributes>((done) => sftp.stat(path, done));
      return now.size === file.bytes && now.mtime * 1_000 === file.modifiedMs;
    } catch (error) {
      if (isMissing(error)) return false;
      throw error;
    }
  }

  const namesIn = async (sftp: SFTPWrapper, path: string): Promise<string[]> =>
    (await asked<FileEntryWithStats[]>((done) => sftp.readdir(path, done)))
      .map(({ filename }) => filename)
      .filter((name) => !/^\.\.?$/.test(name));

  async function makeShelf(sftp: SFTPWrapper, shelf: Shelf): Promise<void> {
    try {
      await asked<Attributes>((done) => sftp.stat(onShelf(shelf), done));
    } catch (error) {
      if (!isMissing(error)) throw error;
      await asked<void>((done) => sftp.mkdir(onShelf(shelf), (failed) => done(failed, undefined)));
    }
  }

  const rename = (sftp: SFTPWrapper, from: string, to: string): Promise<void> =>
    asked<void>((done) => sftp.rename(from, to, (failed) => done(failed, undefined)));

  async function download(sftp: SFTPWrapper, from: string): Promise<string> {
    const directory = incoming(place);
    await mkdir(directory, { recursive: true, mode: 0o700 });
    if (downloads === 0) await removeLeftovers(directory);
    downloads += 1;
    const path = joinLocal(directory, `${process.pid}-${downloads}`);
    try {
      await asked<void>((done) => sftp.fastGet(from, path, (failed) => done(failed, undefined)));
      return path;
    } catch (error) {
      await rm(path, { force: true });
      throw error;
    }
  }

  const fetched = (path: string, unchanged: () => Promise<boolean>): FetchedFile => ({
    path,
    unchanged,
    [Symbol.asyncDispose]: () => rm(path, { force: true }),
  });

  return {
    place,
    list: (signal) =>
      here({ request: "look for files", signal }, async (sftp) => {
        const entries = await asked<FileEntryWithStats[]>((done) => sftp.readdir(folder, done));
        if (marker !== undefined) {
          const known = entries.some(({ filename }) => filename === markerFile);
          const text = known ? String(await asked<Buffer>((done) => sftp.readFile(inFolder(markerFile), done))) : undefined;
          requireMarker(text, marker, { place, account: user });
        }
        return entries
          .filter(({ attrs }) => attrs.isFile())
          .map(({ filename, attrs }) => ({ name: filename, bytes: attrs.size, modifiedMs: attrs.mtime * 1_000 }));
      }),
    fetch: (file, signal) =>
      here({ request: "download a file", signal }, async (sftp) => {
        const path = await download(sftp, inFolder(file.name));
        const unchanged = async (): Promise<boolean> =>
          (await statLocal(path)).size === file.bytes &&
          (await here({ request: "download a file", signal }, (again) => isAsListed(again, inFolder(file.name), file)));
        return fetched(path, unchanged);
      }),
    fetchArchived: (name, signal) =>
      here({ request: "download an archived file", signal }, async (sftp) => {
        try {
          return fetched(await download(sftp, onShelf("archive", name)), async () => true);
        } catch (error) {
          if (isMissing(error)) return undefined;
          throw error;
        }
      }),
    shelve: (file, shelf) =>
      here({ request: "move a file", where: shelves[shelf] }, async (sftp) => {
        const from = inFolder(file.name);
        if (!(await isAsListed(sftp, from, file))) return undefined;
        await makeShelf(sftp, shelf);
        const name = freeName(await namesIn(sftp, onShelf(shelf)), file.name);
        await rename(sftp, from, onShelf(shelf, name));
        if (await isAsListed(sftp, onShelf(shelf, name), file)) return name;
        // The ERP has put another file in its place at that very moment: it goes back.
        await rename(sftp, onShelf(shelf, name), from);
        return undefined;
      }),
    readable: (file) =>
      here({ request: "read a file" }, async (sftp) => {
        const handle = await asked<Buffer>((done) => sftp.open(inFolder(file.name), "r", done));
        await asked<void>((done) => sftp.close(handle, (failed) => done(failed, undefined)));
        return true;
      }).catch((error: { code?: string }) => {
        if (error.code === "erp-folder-rights" || error.code === "erp-folder-missing") return false;
        throw error;
      }),
    takeBack: (file, shelf, name) =>
      here({ request: "take a file back", where: shelves[shelf] }, async (sftp) => {
        const shelved = onShelf(shelf, name);
        if (await isAsListed(sftp, shelved, file)) return "as-it-was";
        const isThere = (path: string): Promise<boolean> =>
          asked<Attributes>((done) => sftp.stat(path, done)).then(
            () => true,
            () => false,
          );
        if (!(await isThere(shelved)) || (await isThere(inFolder(file.name)))) return "gone";
        await rename(sftp, shelved, inFolder(file.name));
        if (shelf === "reject") await asked<void>((done) => sftp.unlink(`${shelved}.txt`, () => done(null, undefined)));
        return "back";
      }),
    explain: (name, text) =>
      here({ request: "write why a file was rejected" }, (sftp) =>
        asked<void>((done) => sftp.writeFile(onShelf("reject", `${name}.txt`), text, (failed) => done(failed, undefined))),
      ),
    discard: (names) =>
      here({ request: "remove old files" }, async (sftp) => {
        for (const name of names) {
          await asked<void>((done) =>
            sftp.unlink(onShelf("archive", name), (failed) => done(isMissing(failed ?? {}) ? undefined : failed, undefined)),
          );
        }
      }),
    rejected: () =>
      here({ request: "count rejected files" }, async (sftp) =>
        countRejected(await namesIn(sftp, onShelf("reject")).catch(() => [])),
      ),
    tryShelf: (shelf) =>
      here({ request: "try to move files", where: shelves[shelf] }, async (sftp) => {
        await makeShelf(sftp, shelf);
        const from = inFolder(`.erpfuser-${process.pid}.tmp`);
        const to = onShelf(shelf, `.erpfuser-${process.pid}.tmp`);
        await asked<void>((done) => sftp.writeFile(from, "", (failed) => done(failed, undefined)));
        await rename(sftp, from, to);
        await asked<void>((done) => sftp.unlink(to, (failed) => done(failed, undefined)));
      }),
    excess: (files) => here({ request: "look up the account's rights" }, (sftp) => sftpExcess(sftp, { user, folder, files })),
    [Symbol.asyncDispose]: () => link[Symbol.asyncDispose](),
  };
}

/** Downloads of processes that were killed: each may be as large as an export. */
async function removeLeftovers(directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
    const pid = Number(/^(\d+)-\d+$/.exec(name)?.[1] ?? process.pid);
    if (!isRunning(pid)) await rm(joinLocal(directory, name), { force: true });
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
