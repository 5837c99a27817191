/**
 * What this account lacks in the folders, and what it may beside. It is tried out: nobody can be asked, least of all a share. Nothing is left behind. Who runs this is
 * compared, so it must be the service's account.
 */
import { FuserError } from "../../base/errors.ts";
import type { Comparison } from "../grants.ts";
import type { CsvSettings } from "./config.ts";
import type { Drop, DropFile, Shelf } from "./drop.ts";
import { account } from "./errors.ts";
import { rightsInWords } from "./grants.ts";
import type { CsvTable } from "./table.ts";

interface Compared {
  drop: Drop;
  tables: readonly CsvTable[];
  settings: CsvSettings;
}

/** Account of this process, or that of the SFTP server. */
export const folderAccount = ({ sftp }: CsvSettings): string => (sftp === undefined ? account() : `${sftp.user}@${sftp.host}`);

const mostFiles = 20;

/** @throws FuserError where the folder can't be reached, whatever the rights */
export async function compareFolder({ drop, tables, settings }: Compared, signal: AbortSignal): Promise<Comparison> {
  const words = rightsInWords(settings, folderAccount(settings));
  const missing: string[] = [];
  const may = async <T>(work: () => Promise<T>, lines: readonly string[]): Promise<T | undefined> => {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof FuserError) || error.code !== "erp-folder-rights") throw error;
      missing.push(...lines);
      return undefined;
    }
  };
  const files = (await may(() => drop.list(signal), words.folder)) ?? [];
  const read = files.filter(({ name }) => tables.some(({ names }) => names.full?.(name) ?? names.delta?.(name)));
  const hidden: DropFile[] = [];
  for (const file of read) if (!(await drop.readable(file))) hidden.push(file);
  missing.push(...hidden.slice(0, mostFiles).map(({ name }) => words.file(name)));
  if (hidden.length > mostFiles) missing.push(`# and ${hidden.length - mostFiles} other files`);
  for (const shelf of ["archive", "reject"] satisfies Shelf[]) {
    await may(
      () => drop.tryShelf(shelf),
      [...(missing.includes(words.folder[0] ?? "") ? [] : words.folder), ...words.shelf[shelf]],
    );
  }
  return { server: { version: "", account: folderAccount(settings) }, missing, tooMany: await drop.excess(read) };
}
