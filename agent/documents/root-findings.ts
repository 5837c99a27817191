import { constants } from "node:fs";
import { access, stat } from "node:fs/promises";
import type { Finding } from "../../base/findings.ts";
import type { Config } from "../../config/config.ts";

/** Folders of documents that this account can't read in, for `check`. */
export async function rootFindings({ sources }: Pick<Config, "sources">): Promise<Finding[]> {
  const found = await Promise.all(
    sources.map(async ({ name, bytes }): Promise<Finding[]> => {
      if (bytes?.kind !== "file" || (await isReadable(bytes.root))) return [];
      return [
        {
          severity: "error",
          code: "documents-unreadable",
          place: `sources.${name}.bytes.root`,
          message: `The folder ${bytes.root} is not there, or this account may not read in it`,
          remedy: "Correct `root`, mount the share for the agent's account, or give it the right to read there",
        },
      ];
    }),
  );
  return found.flat();
}

async function isReadable(folder: string): Promise<boolean> {
  try {
    await access(folder, constants.R_OK | constants.X_OK);
    return (await stat(folder)).isDirectory();
  } catch {
    return false;
  }
}
