/**
 * A table that was made anew (its columns, types or key were changed, or it had left the configuration) is imported again from the files in the archive that had
 * made it what it was. Where one of them is gone it waits for its next full export.
 */
import type { DatabaseSync } from "node:sqlite";
import type { Log } from "../../base/log.ts";
import type { Drop } from "./drop.ts";
import { inspect } from "./encoding.ts";
import { FileFault } from "./fault.ts";
import { type ArchivedImport, archivedOf, knownByTime, noteMoved, standing } from "./history.ts";
import { importFile } from "./import.ts";
import { orderOf } from "./order.ts";
import type { CsvTable } from "./table.ts";

export interface RebuildParts {
  drop: Drop;
  writer: DatabaseSync;
  log: Log;
  now: number;
  flush: () => Promise<void>;
}

export async function rebuild({ log, ...parts }: RebuildParts, table: CsvTable, signal: AbortSignal): Promise<void> {
  if (standing(parts.writer).has(table.name)) return;
  for (const archived of archivedOf(parts.writer, table.name)) {
    const fields = { table: table.name, file: archived.movedAs };
    try {
      const imported = await importArchived(parts, { table, archived }, signal);
      if (!imported)
        return log.warn("The table can't be made from the archive: a file is missing there", {
          ...fields,
          code: "erp-export-awaited",
        });
      log.info("A file was imported again from the archive", fields);
    } catch (error) {
      if (!(error instanceof FileFault)) throw error;
      return log.warn(`The table can't be made from the archive: ${error.message}`, { ...fields, code: "erp-export-awaited" });
    }
  }
}

async function importArchived(
  { drop, writer, now, flush }: Omit<RebuildParts, "log">,
  { table, archived }: { table: CsvTable; archived: ArchivedImport },
  signal: AbortSignal,
): Promise<boolean> {
  const { kind, file, bytes, modified, sha256, movedAs } = archived;
  await using fetched = await drop.fetchArchived(movedAs, signal);
  const inspected = fetched && (await inspect(fetched.path, signal));
  if (!fetched || inspected?.sha256 !== sha256) return false;
  const listed = { name: file, bytes, modifiedMs: modified };
  const named = orderOf(table, kind, listed);
  if (named === undefined) return false;
  const again = { table, kind, ...listed, ...named, accepted: true, inspected, path: fetched.path, unchanged: fetched.unchanged };
  await importFile(writer, again, { now, signal, moment: async () => {}, flush });
  const entry = knownByTime(writer, table, listed);
  if (entry) noteMoved(writer, entry.id, movedAs);
  return true;
}
