import { parse } from "node:path";
import { FuserError } from "../../base/errors.ts";

/** Text file in the folder that says which one it is. */
export const markerFile = "erpfuser-folder.txt";

/** A name that is not taken on a shelf, nor that of a text beside another file: `NAME.2.csv` and so on. */
export function freeName(taken: readonly string[], name: string): string {
  const used = new Set(taken.map((each) => each.toLowerCase()));
  const { name: stem, ext } = parse(name);
  let free = name;
  for (let count = 2; used.has(free.toLowerCase()) || used.has(`${free}.txt`.toLowerCase()); count++)
    free = `${stem}.${count}${ext}`;
  return free;
}

/** Files of a reject folder without the texts beside them. */
export function countRejected(names: readonly string[]): number {
  const all = new Set(names);
  return names.filter((name) => !(name.endsWith(".txt") && all.has(name.slice(0, -".txt".length)))).length;
}

/** @param found what the marker file holds; undefined where there is none @throws FuserError transient where it is not the wanted text */
export function requireMarker(
  found: string | undefined,
  wanted: string,
  { place, account }: { place: string; account: string },
): void {
  if (found?.trim() === wanted.trim()) return;
  const seen = found === undefined ? `${markerFile} is missing` : `${markerFile} holds another text`;
  throw new FuserError("transient", `The folder ${place} is not the one that is meant: ${seen}`, {
    code: "erp-folder-other",
    operation: "look for files",
    place,
    hint: `Mount the right share for the account ${account}, or write the text of \`erp: marker:\` into ${markerFile}.`,
  });
}
