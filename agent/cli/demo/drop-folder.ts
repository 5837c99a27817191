/** The folder into which the demo's ERP drops CSV files: an empty one, or one that an earlier demo made. */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { FuserError } from "../../../base/errors.ts";
import { markerFile } from "../../../connectors/csv/shelf-names.ts";

/** What the folder's marker file says; the agent reads in no folder without it. */
export const dropMarker = "ERP Fuser demo";

/**
 * Takes the folder, emptied unless `keep`; returns its absolute path.
 * @throws FuserError `usage-demo-directory` when it holds something else
 */
export function openDropFolder(path: string, { keep }: { keep: boolean }): string {
  const folder = resolve(path);
  mkdirSync(folder, { recursive: true });
  const inside = readdirSync(folder);
  if (inside.length > 0 && !isOurs(folder)) throw notOurs(folder);
  if (!keep) for (const name of inside) rmSync(join(folder, name), { recursive: true, force: true });
  writeFileSync(join(folder, markerFile), `${dropMarker}\n`);
  return folder;
}

function isOurs(folder: string): boolean {
  try {
    return readFileSync(join(folder, markerFile), "utf8").trim() === dropMarker;
  } catch {
    return false;
  }
}

function notOurs(folder: string): FuserError {
  return new FuserError("config", "This folder holds something else than files of a demo, and the demo would remove it", {
    code: "usage-demo-directory",
    operation: "open the folder for CSV files",
    place: folder,
    hint: "Name an empty or new one with --erp csv:FOLDER",
  });
}
