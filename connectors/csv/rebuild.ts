/**
 * A table that was made anew (its columns, types or key were changed, or it had left the configuration) is imported again from the files in the archive that had
 * made it what it was, and can be read once the last of them is in it. Where one of them is gone it waits for its next full export. Whatever ends this in between:
 * it begins anew.
 */
import type { DatabaseSync } from "node:sqlite";
import type { Log } from "../../base/log.ts";
import type { Drop } from "./drop.ts";
import { inspect } from "./encoding.ts";
import { FileFault } from "./fault.ts";
import { type ArchivedImport, forgetImports, importsOf, standing } from "./history.ts";
import { importFile } from "./import.ts";
import { orderOf } from "./order.ts";
import type { CsvTable } from "./table.ts";
import type { WritingThread } from "./writing-thread.ts";

export interface RebuildParts {
  drop: Drop;
  writer: DatabaseSync;
  thread: WritingThread;
  log: Log;
  now: number;
}

export async function rebuild({ log, ...parts }: RebuildParts, table: CsvTable, signal: AbortSignal): Promise<void> {
  if (standing(parts.writer, [table]).has(table.name)) return;
  const files = importsOf(parts.writer, table.name);
  for (const [index, archived] of files.entries()) {
    const fields = { table: table.name, file: archived.movedAs || archived.file };
    const fault = await importArchived(parts, { table, archived, last: index === files.length - 1 }, signal);
    if (fault !== undefined) {
      forgetImports(parts.writer, table.name, files);
      return log.warn(`The table can't be made from the archive: ${fault}`, { ...fields, code: "erp-export-awaited" });
    }
    log.info("A file was imported again from the archive", fields);
  }
}

/** @returns why it can't be */
async function importArchived(
  { drop, writer, thread, now }: Omit<RebuildParts, "log">,
  { table, archived, last }: { table: CsvTable; archived: ArchivedImport; last: boolean },
  signal: AbortSignal,
): Promise<string | undefined> {
  const { id, kind, file, bytes, modified, sha256, movedAs } = archived;
  const listed = { name: file, bytes, modifiedMs: modified };
  const named = orderOf(table, kind, listed);
  if (named === undefined) return "the name of a file is no longer one of the table";
  await using fetched = movedAs ? await drop.fetchArchived(movedAs, signal) : undefined;
  const inspected = fetched && (await inspect(fetched.path, signal));
  if (!fetched || inspected?.sha256 !== sha256) return "a file is missing there";
  const { path, unchanged } = fetched;
  const told = { table, kind, ...listed, ...named, accepted: true, inspected, path, unchanged, again: { id, last } };
  try {
    await importFile(told, { reader: writer, thread, now, signal, moment: async () => {} });
    return undefined;
  } catch (error) {
    if (error instanceof FileFault) return error.message;
    throw error;
  }
}
