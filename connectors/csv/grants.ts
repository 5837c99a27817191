/** A folder knows no columns: what counts are the rights of the service's account on it, and on the folders for what was imported and rejected. */
import { isAbsolute, join, posix } from "node:path";
import type { GrantScript } from "../grants.ts";
import type { CsvSettings } from "./config.ts";

/** The service's own account (installer). */
const account = "erpfuser";

/** A path within single quotes of a shell. */
export const inShell = (path: string): string => `'${path.replaceAll("'", "'\\''")}'`;
const onWindows = (path: string): boolean => /^(\\\\|[a-z]:)/i.test(path);
/** A name in a comment stays on its line. */
const plain = (text: string): string => text.replace(/[\r\n]+/g, " ");

/** A few of the names, and how many others. */
export const shownNames = (names: readonly string[]): string =>
  `${names.slice(0, 3).map(plain).join(", ")}${names.length > 3 ? ` and ${names.length - 3} others` : ""}`;

/** What gives an account the rights that it lacks: in the folder, on its files and on the folders for what was imported and rejected. */
export function rightsInWords(
  settings: CsvSettings,
  name: string,
): { folder: readonly string[]; file(name: string): string; shelf: Record<"archive" | "reject", readonly string[]> } {
  const { folder, sftp, archive = "archive", reject = "rejected" } = settings;
  if (sftp) {
    const inWords = (path: string): string[] => [`# ${plain(name)} in ${plain(path)}: list, write, rename and remove files`];
    const shelf = (path: string): string => (posix.isAbsolute(path) ? path : posix.join(folder, path));
    return {
      folder: inWords(folder),
      file: (file) => `# ${plain(name)}: read ${plain(posix.join(folder, file))}`,
      shelf: { archive: inWords(shelf(archive)), reject: inWords(shelf(reject)) },
    };
  }
  const windows = onWindows(folder);
  const quoted = (path: string): string => `"${path.replaceAll('"', "")}"`;
  const use = (path: string): string =>
    windows ? `icacls ${quoted(path)} /grant "${name}:(OI)(CI)M"` : `setfacl -m u:${name}:rwx ${inShell(path)}`;
  const shelf = (path = ""): string[] => [windows ? `mkdir ${quoted(path)}` : `mkdir -p ${inShell(path)}`, use(path)];
  const [archived, rejected] = foldersOf(settings);
  return {
    folder: [use(folder)],
    file: (file) =>
      windows
        ? `icacls ${quoted(`${folder}\\${file}`)} /grant "${name}:R"`
        : `setfacl -m u:${name}:r ${inShell(join(folder, file))}`,
    shelf: { archive: shelf(archived), reject: shelf(rejected) },
  };
}

export function csvGrantScript(settings: CsvSettings): GrantScript {
  return (kind) => {
    if (kind === "ledger") return ["# An ERP that drops CSV files takes no commands: there is no ledger"];
    const giving = kind !== "revoke";
    if (settings.sftp) return onServer(settings, giving);
    return onWindows(settings.folder) ? byIcacls(settings, giving) : byAcl(settings, giving);
  };
}

function foldersOf({ folder, archive = "archive", reject = "rejected" }: CsvSettings): string[] {
  const path = onWindows(folder)
    ? (name: string) => (onWindows(name) ? name : `${folder.replace(/\\$/, "")}\\${name}`)
    : undefined;
  return [archive, reject].map(path ?? ((name) => (isAbsolute(name) ? name : join(folder, name))));
}

function byAcl(settings: CsvSettings, giving: boolean): string[] {
  const about = `# ERP Fuser, for the service's account ${account}: no account on a database, rights in folders; run as the folder's owner or root`;
  const folders = [settings.folder, ...foldersOf(settings)].map(inShell);
  if (!giving)
    return [about, ...folders.flatMap((path) => [`setfacl -x u:${account} ${path}`, `setfacl -d -x u:${account} ${path}`])];
  const [drop = "", ...shelves] = folders;
  return [
    about,
    `mkdir -p ${shelves.join(" ")}`,
    "# it lists the folder and renames files out of it; the files themselves it only reads, those that come later as well",
    `setfacl -m u:${account}:rwx ${drop}`,
    `setfacl -d -m u:${account}:r ${drop}`,
    ...shelves.flatMap((path) => [`setfacl -m u:${account}:rwx ${path}`, `setfacl -d -m u:${account}:rw ${path}`]),
    "# a program that sets its files to 0600 after writing them hides them all the same: then `erpfuser check` names them",
  ];
}

function byIcacls(settings: CsvSettings, giving: boolean): string[] {
  const folders = [settings.folder, ...foldersOf(settings)].map((path) => `"${path.replaceAll('"', "")}"`);
  const about = [
    "REM ERP Fuser, for the account of its service (SERVICE: DOMAIN\\name$ of the machine for LocalSystem, else the service's own): rights in folders, no account on a database",
    "REM on a share also: Change in the share's own rights. Drive letters of a person are not there for a service: write \\\\server\\share\\folder",
  ];
  const lines = folders.map((path) =>
    giving ? `icacls ${path} /grant "SERVICE:(OI)(CI)M"` : `icacls ${path} /remove:g "SERVICE"`,
  );
  return [...about, ...(giving ? folders.slice(1).map((path) => `mkdir ${path}`) : []), ...lines];
}

/** Nobody knows how the server's admin gives rights: in words. */
function onServer(settings: CsvSettings, giving: boolean): string[] {
  const { folder, sftp, archive = "archive", reject = "rejected" } = settings;
  const shelves = [archive, reject].map((name) => plain(posix.isAbsolute(name) ? name : posix.join(folder, name)));
  const about = `# ERP Fuser, for the account ${plain(sftp?.user ?? "")} of the SFTP server ${plain(sftp?.host ?? "")}: no account on a database, rights in folders`;
  if (!giving)
    return [about, "# take the account away, or its rights on:", ...[plain(folder), ...shelves].map((path) => `#   ${path}`)];
  return [
    about,
    `# ${plain(folder)}: list it, read its files, rename them out of it`,
    ...shelves.map((path) => `# ${path}: make it where it is missing; list, write, rename and remove files in it`),
    "# SFTP alone (ForceCommand internal-sftp), no shell, no other folder",
  ];
}
