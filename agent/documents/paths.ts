/**
 * From what the ERP says of a file's place to a path below the allowed root. Nothing that a row holds leads out of it: this file refuses what the text alone
 * gives away, files.ts what links on the disk do.
 */
import { posix, win32 } from "node:path";

export type Flavour = "posix" | "win32";

/** Names that Windows takes for devices wherever they stand, whatever their extension (learn.microsoft.com, "Naming Files, Paths, and Namespaces"). */
const device = /^(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])(?:[ .]|$)/i;
/** Windows drops dots and blanks at the end of a name: `.. ` would be another way to say `..`. */
const droppedEnd = /[. ]$/;
/** The colon parts a drive, or a stream within a file. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: Windows refuses exactly these in names
const forbidden = /[\u0000-\u001f<>:"|?*]/;
const drive = /^[A-Za-z]:/;

/**
 * The absolute path of a file below the root; undefined where the text leads, or might lead, out of it, or names no file.
 * @param told as the ERP has it: below the root, or absolute and beginning with it; `/` and `\` both part folders, on every system
 */
export function pathBelow(root: string, told: string, flavour: Flavour): string | undefined {
  const { join, normalize } = flavour === "win32" ? win32 : posix;
  const below = relativeTo(root, told, flavour);
  if (below === undefined) return undefined;
  const names = below.split(/[\\/]/).filter((name) => name !== "" && name !== ".");
  if (names.length === 0 || !names.every((name) => isName(name, flavour))) return undefined;
  return join(normalize(root), ...names);
}

function isName(name: string, flavour: Flavour): boolean {
  if (name === ".." || name.includes("\0")) return false;
  return flavour === "posix" || !(forbidden.test(name) || droppedEnd.test(name) || device.test(name));
}

/** What stands behind the root of an absolute path; a relative one as it is. */
function relativeTo(root: string, told: string, flavour: Flavour): string | undefined {
  const isAbsolute = /^[\\/]/.test(told) || drive.test(told);
  if (!isAbsolute) return told;
  const plain = (path: string): string => {
    const parted = path.replaceAll("\\", "/").replace(/\/+$/, "");
    return flavour === "win32" ? parted.toLowerCase() : parted;
  };
  const head = `${plain(root)}/`;
  // As many characters as the root has, for lower case may change their number: the names behind are taken from the text itself.
  const start = told.slice(0, head.length);
  return plain(`${start}x`) === `${head}x` ? told.slice(head.length) : undefined;
}

/** Whether a real path lies within a real folder. */
export function isWithin(folder: string, path: string, flavour: Flavour): boolean {
  const { relative, isAbsolute, sep } = flavour === "win32" ? win32 : posix;
  const way = relative(folder, path);
  return way !== "" && way !== ".." && !way.startsWith(`..${sep}`) && !isAbsolute(way);
}
