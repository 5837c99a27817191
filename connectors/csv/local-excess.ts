import type { Stats } from "node:fs";
import { open, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { account } from "./errors.ts";
import { inShell, shownNames } from "./grants.ts";

interface Places {
  folder: string;
  shelves: readonly string[];
  /** Names in the folder, of files that are read. */
  files: readonly string[];
}

/**
 * What the account of this process may beside what it needs, each with its remedy: the ERP's files are only read, and neither the folder nor what stands in its place is the account's
 * own. Windows tells none of it by modes, and its script lets the account change files, without which it could not rename them.
 */
export async function localExcess({ folder, shelves, files }: Places): Promise<string[]> {
  const user = process.geteuid?.();
  if (user === undefined) return [];
  const name = account();
  if (user === 0)
    return [`# ${name} may do everything, everywhere: run the service, and this comparison, as an account of its own`];
  const lines: string[] = [];
  if ((await stat(folder)).uid === user)
    lines.push(`# ${name} owns ${inShell(folder)} and may change who uses it: chown to the ERP's account or root`);
  const above = dirname(folder);
  if (above !== folder && !shelves.includes(above) && mayWrite(await stat(above), user))
    lines.push(
      `# ${name} may put another folder in the place of ${inShell(folder)}: take its right to write in ${inShell(above)}`,
    );
  const writable: string[] = [];
  for (const file of files) if (await opensToWrite(join(folder, file))) writable.push(file);
  if (writable.length > 0)
    lines.push(
      `# ${name} may change files that it only reads, ${shownNames(writable)}: setfacl -m u:${name}:r, or chown where they are its own`,
    );
  return lines;
}

/** Nothing of the file is changed by opening it. */
const opensToWrite = (path: string): Promise<boolean> =>
  open(path, "r+").then(
    async (handle) => {
      await handle.close();
      return true;
    },
    () => false,
  );

/** By the mode alone: what an access list adds is not seen. In a folder with the sticky bit nobody renames what is another's. */
function mayWrite({ uid, gid, mode }: Stats, user: number): boolean {
  if (uid === user) return (mode & 0o200) !== 0;
  if ((mode & 0o1000) !== 0) return false;
  const groups = new Set([process.getegid?.(), ...(process.getgroups?.() ?? [])]);
  return (mode & (groups.has(gid) ? 0o020 : 0o002)) !== 0;
}
