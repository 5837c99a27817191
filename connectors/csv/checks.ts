import { describeError, FuserError } from "../../base/errors.ts";
import type { Finding } from "../../base/findings.ts";
import type { Clock } from "../../base/time.ts";
import type { CheckNeeds } from "../connector.ts";
import type { Drop, DropFile } from "./drop.ts";
import { lastImports, standing } from "./history.ts";
import type { PrivateDatabase } from "./private-database.ts";
import { writesRefused } from "./read-only.ts";
import { markerFile } from "./shelf-names.ts";
import type { CsvTable } from "./table.ts";

interface CheckParts {
  drop: Drop;
  tables: readonly CsvTable[];
  database(): PrivateDatabase;
  settleMs: number;
  clock: Clock;
}

/** Everything about the folder, its files and what was imported. Imports nothing. */
export async function checkFolder(parts: CheckParts, needs: CheckNeeds | undefined, signal: AbortSignal): Promise<Finding[]> {
  const { drop, tables } = parts;
  const findings: Finding[] = [];
  const known = new Set(tables.map(({ name }) => name.toLowerCase()));
  for (const name of new Set([...(needs?.read ?? []), ...(needs?.write ?? [])])) {
    if (known.has(name.toLowerCase())) continue;
    findings.push({
      severity: "error",
      code: "erp-object-missing",
      place: name,
      message: `There is no table ${name}`,
      remedy: "Name it under `erp: tables:`, or correct its name.",
    });
  }
  if ((needs?.write.length ?? 0) > 0) findings.push(writesRefused(drop.place));
  const attempt = async (work: () => Promise<void> | void): Promise<void> => {
    try {
      await work();
    } catch (error) {
      if (!(error instanceof FuserError)) throw error;
      findings.push({
        severity: "error",
        code: error.code,
        place: error.place ?? drop.place,
        message: describeError(error),
        remedy: error.hint ?? "See the message.",
      });
    }
  };
  await attempt(async () => {
    const files = await drop.list(signal);
    findings.push(...strangers(tables, files, drop.place), ...(await unreadable(tables, files, drop)));
    await drop.tryShelf("archive");
    await drop.tryShelf("reject");
  });
  await attempt(async () => {
    const count = await drop.rejected();
    if (count === 0) return;
    findings.push({
      severity: "warning",
      code: "erp-file-rejected",
      place: drop.place,
      message: count === 1 ? "A file lies in the reject folder" : `${count} files lie in the reject folder`,
      remedy: "Read the text beside it; put the file back when it is corrected, or remove it.",
    });
  });
  await attempt(() => {
    findings.push(...imports(parts));
  });
  return findings;
}

/** Files that no table reads: most often a pattern with a mistake in it. */
function strangers(tables: readonly CsvTable[], files: readonly DropFile[], place: string): Finding[] {
  const unread = files.filter(({ name }) => !tables.some(({ names }) => names.full?.(name) ?? names.delta?.(name)));
  const csv = unread.filter(({ name }) => /\.(csv|txt|asc|dat)$/i.test(name) && name !== markerFile);
  if (csv.length === 0) return [];
  const shown = csv.slice(0, 5).map(({ name }) => name);
  return [
    {
      severity: "info",
      code: "erp-file-unread",
      place,
      message: `No table reads ${shown.join(", ")}${csv.length > shown.length ? ` and ${csv.length - shown.length} others` : ""}`,
      remedy: "If one should, correct `full` or `delta` of its table.",
    },
  ];
}

/** Files of a table that the account may not read: the table waits for each of them. */
async function unreadable(tables: readonly CsvTable[], files: readonly DropFile[], drop: Drop): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const file of files) {
    const table = tables.find(({ names }) => names.full?.(file.name) ?? names.delta?.(file.name));
    if (table === undefined || (await drop.readable(file))) continue;
    findings.push({
      severity: "error",
      code: "erp-file-unreadable",
      place: file.name,
      message: `The account may not read the file ${file.name}: the table ${table.name} waits for it`,
      remedy: "Give the account the right to read it, or take it out of the folder.",
    });
  }
  return findings;
}

function imports({ tables, database, drop }: CheckParts): Finding[] {
  const { reader } = database();
  const stands = standing(reader, tables);
  const last = new Map(lastImports(reader).map((each) => [each.table, each]));
  return tables.map(({ name }): Finding => {
    const entry = last.get(name);
    if (!stands.has(name)) {
      return {
        severity: "warning",
        code: "erp-export-awaited",
        place: name,
        message:
          entry === undefined
            ? `No whole file of the table ${name} was imported yet`
            : `The table ${name} was imported by other settings: it is made anew from the archive when the agent starts`,
        remedy: `Let the ERP write a full export into ${drop.place}. After a lost state directory: put the last full export from the archive folder back, and all deltas after it.`,
      };
    }
    const at = entry === undefined ? "" : `, ${new Date(entry.at).toISOString()}, ${entry.rows} rows`;
    return {
      severity: "info",
      code: "erp-file-imported",
      place: name,
      message: `Last import: ${entry?.file ?? "none"}${at}`,
      remedy: "Nothing.",
    };
  });
}
