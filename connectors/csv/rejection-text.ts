import type { FileFaultDetails } from "./fault.ts";
import type { CsvTable } from "./table.ts";

/** The text beside a rejected file, for whoever looks after the ERP's export. */
export function rejectionText(
  table: CsvTable,
  file: string,
  { line, column, message, remedy }: FileFaultDetails,
  now: number,
): string {
  const lines = [
    `ERP Fuser did not import the file ${file} (table ${table.name}).`,
    "",
    `${message}.`,
    ...(line === undefined ? [] : [`Line:   ${line}`]),
    ...(column === undefined ? [] : [`Column: ${column}`]),
    "",
    `What to do: ${remedy}`,
    "",
    "Nothing of the file was taken; what was imported before stays. Once it is corrected, put it into the folder again.",
    `Rejected at ${new Date(now).toISOString()}.`,
  ];
  return `${lines.join("\r\n")}\r\n`;
}
