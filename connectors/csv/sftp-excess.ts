import { posix } from "node:path";
import type { FileEntryWithStats, SFTPWrapper } from "ssh2";
import type { DropFile } from "./drop.ts";
import { shownNames } from "./grants.ts";
import { asked } from "./sftp-link.ts";

/**
 * What the account of an SFTP server may beside what it needs, as far as the protocol tells: a file is opened for writing and closed again, and the folder above is listed.
 * Whether it has a shell is not tried.
 */
export async function sftpExcess(
  sftp: SFTPWrapper,
  { user, folder, files }: { user: string; folder: string; files: readonly DropFile[] },
): Promise<string[]> {
  const lines = user === "root" ? ["# root may do everything on the server: let its admin make an account for SFTP alone"] : [];
  const writable: string[] = [];
  for (const { name } of files) if (await opensToWrite(sftp, posix.join(folder, name))) writable.push(name);
  if (writable.length > 0)
    lines.push(`# ${user} may change files that it only reads, ${shownNames(writable)}: the right to read them is enough`);
  const place = await asked<string>((done) => sftp.realpath(folder, done));
  const above = posix.dirname(place);
  const seen = above === place ? [] : await namesIn(sftp, above);
  const others = seen.filter((name) => name !== posix.basename(place));
  if (others.length > 0)
    lines.push(
      `# ${user} sees more of the server than its folder, ${shownNames(others)} in ${above}: ChrootDirectory, or no right to list there`,
    );
  return lines;
}

/** Nothing of the file is changed by opening it. */
async function opensToWrite(sftp: SFTPWrapper, path: string): Promise<boolean> {
  try {
    const handle = await asked<Buffer>((done) => sftp.open(path, "r+", done));
    await asked<void>((done) => sftp.close(handle, (failed) => done(failed, undefined)));
    return true;
  } catch {
    return false;
  }
}

const namesIn = (sftp: SFTPWrapper, path: string): Promise<string[]> =>
  asked<FileEntryWithStats[]>((done) => sftp.readdir(path, done)).then(
    (entries) => entries.map(({ filename }) => filename).filter((name) => !/^\.\.?$/.test(name)),
    () => [],
  );
