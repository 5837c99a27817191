import { z } from "zod";
import { durationMs } from "../../base/time.ts";
import { filledText, secretReference, truth, wholeNumber } from "../settings.ts";
import { orderShape, patternFault } from "./file-name.ts";

const duration = filledText.refine((text) => durationMs(text) !== undefined, "write a duration such as 30s, 5m or 90d");
/** Names are used in SQL texts; a dot would name a part. */
const columnName = z.string().regex(/^[^\s."`[\]][^."`[\]]*$/, "write a column name without dots, quotes and brackets");
const tableName = z
  .string()
  .regex(
    /^(?!fuser_|sqlite_)[\p{L}_][\p{L}\p{N}_]*$/iu,
    "write a name of letters, digits and `_` that does not begin with fuser_ or sqlite_",
  );
const pattern = filledText.superRefine((text, context) => {
  const fault = patternFault(text);
  if (fault !== undefined) context.addIssue({ code: "custom", message: fault });
});
const oneOrMore = z.union(
  [filledText.transform((text) => [text]), z.array(filledText).min(1)],
  "write a text or a list of texts",
);
/** Texts of a value: here an empty one counts. */
const texts = z.union([z.string().transform((text) => [text]), z.array(z.string())], "write a text or a list of texts");

const typePattern =
  /^(text|char|integer|decimal|float|boolean|date|time|datetime|instant|bytes)(?:\((\d{1,6})(?:,\s*(\d{1,3}))?\))?$/;
const columnType = z
  .string()
  .regex(
    typePattern,
    "write text, text(n), char(n), integer, decimal, decimal(digits,scale), float, boolean, date, time, datetime, instant or bytes (hexadecimal)",
  );

const column = z.union(
  [
    columnType.transform((type) => ({ type })),
    z.strictObject({
      type: columnType.describe("As above"),
      header: filledText.optional().describe("Its title in the first line of the file. Default: the column's name"),
      format: oneOrMore
        .optional()
        .describe("How dates and times are written, of yyyy, MM, dd, HH, mm, ss and S (fraction); several are tried in order"),
      true: texts.optional().describe("Texts that mean true. Default: 1, true, J, Y, X"),
      false: texts.optional().describe("Texts that mean false. Default: 0, false, N and an empty text"),
    }),
  ],
  "write a type, or { type, header, format }",
);

const encoding = z.enum(["auto", "utf-8", "windows-1252", "utf-16le", "iso-8859-15", "cp850"]);
/** `tab` stands for the tabulator, which nobody sees in a file. */
const separator = z.enum(["auto", ";", ",", "tab", "|"]);

/** How files are written: said once for all tables, and again at a table that differs. */
const writing = {
  encoding: encoding.optional().describe("Default: auto, which is UTF-8 where the whole file is valid UTF-8, else windows-1252"),
  separator: separator.optional().describe("Between the values. Default: auto, by the first line"),
  quote: z.string().max(1).optional().describe('Around values that hold a separator. Default: "; empty: there is none'),
  header: truth
    .optional()
    .describe("The first line names the columns. Default: true. Without it the columns stand in the order of `columns`"),
  decimal: z.enum([",", "."]).optional().describe("Decimal sign; the other one may group thousands. Default: ."),
  dateFormat: oneOrMore.optional().describe("How `date` columns are written. Default: yyyy-MM-dd"),
  dateTimeFormat: oneOrMore.optional().describe("How `datetime` and `instant` columns are written. Default: yyyy-MM-dd HH:mm:ss"),
  nulls: texts.optional().describe("Texts that stand for no value. Default: the empty text"),
  trailer: filledText
    .optional()
    .describe(
      "The last line, which tells that the file is whole: `{rows}` is the number of rows before it, `*` anything, e.g. `END;{rows}`",
    ),
};

const table = z.strictObject({
  full: pattern
    .optional()
    .describe(
      "Name of files with all rows. `{yyyyMMdd}`, also with HHmmss, and `{n}` (a number) tell the order; without them the time of the last change does; `*` is any text",
    ),
  delta: pattern.optional().describe("Name of files with new and changed rows only"),
  key: oneOrMore.describe("Columns that identify a row"),
  columns: z.record(columnName, column).describe("The columns that are read, each with its type"),
  minimumRows: wholeNumber(0, 1_000_000_000)
    .optional()
    .describe(
      "A full export with fewer rows is refused. Default: 1. One with less than half of the rows before is refused as well",
    ),
  removed: z
    .strictObject({ column: filledText.describe("Column that says so"), is: texts.describe("Its texts that say so") })
    .optional()
    .describe("How a delta marks a row that is gone"),
  ...writing,
});

const sftp = z
  .strictObject({
    host: filledText.describe("Host name or address"),
    port: wholeNumber(1, 65_535).optional().describe("Default 22"),
    user: filledText,
    password: secretReference.optional(),
    privateKey: secretReference.optional().describe("Secret that holds the private key (OpenSSH or PEM), in place of `password`"),
    passphrase: secretReference.optional().describe("Secret that opens the private key"),
    hostKey: z
      .string()
      .regex(/^SHA256:[A-Za-z0-9+/]{43}=?$/, "write the fingerprint as SHA256:…; `erpfuser check` shows the one of the server")
      .optional()
      .describe(
        "Fingerprint of the server's key, `SHA256:…`. Without it nothing is read, and `erpfuser check` shows the one of the server",
      ),
  })
  .refine(({ password, privateKey }) => (password === undefined) !== (privateKey === undefined), {
    message: "name either `password` or `privateKey`",
    path: ["password"],
  });

export type SftpSettings = z.output<typeof sftp>;

/** `erp:` keys of an ERP that drops CSV files into a folder. */
export const csvSettings = z
  .strictObject({
    folder: filledText.describe(
      "Folder into which the ERP writes, also \\\\server\\share\\folder; with `sftp` a folder of that server",
    ),
    sftp: sftp.optional().describe("SFTP server on which the folder is, in place of this machine"),
    marker: filledText
      .optional()
      .describe(
        "Text that the file `erpfuser-folder.txt` in that folder must hold: a share that is not mounted, or another one, is told by it",
      ),
    settle: duration
      .optional()
      .describe(
        "How long size and time of a file must stand still before it is read. Default: 30s. 0s where the ERP renames files when they are whole",
      ),
    archive: filledText.optional().describe("Folder for imported files, within `folder` unless absolute. Default: archive"),
    archiveKeep: duration.optional().describe("How long they are kept. Default: 90d"),
    reject: filledText
      .optional()
      .describe("Folder for files that can't be read, each beside a text that says why. Default: rejected"),
    tables: z.record(tableName, table).describe("The tables that the files make"),
    ...writing,
  })
  .superRefine((settings, context) => {
    if (Object.keys(settings.tables).length === 0)
      context.addIssue({ code: "custom", message: "name at least one table", path: ["tables"] });
    for (const [name, fault, key] of Object.entries(settings.tables).flatMap(([each, one]) => faultsOf(each, one)))
      context.addIssue({ code: "custom", message: fault, path: ["tables", name, key] });
  });

export type CsvSettings = z.output<typeof csvSettings>;
export type TableSettings = CsvSettings["tables"][string];

function faultsOf(name: string, { full, delta, key, columns, removed }: TableSettings): [string, string, string][] {
  const names = Object.keys(columns);
  const lower = names.map((column) => column.toLowerCase());
  const faults: [string, string, string][] = [];
  if (full === undefined && delta === undefined)
    faults.push([name, "name the files: `full: NAME_{yyyyMMdd}.csv`, `delta: …`, or both", "full"]);
  if (full !== undefined && delta !== undefined && orderShape(full) !== orderShape(delta))
    faults.push([
      name,
      "its date or number must be made of the same parts as in `full`, else nobody knows which file is newer",
      "delta",
    ]);
  if (new Set(lower).size < lower.length) faults.push([name, "two columns differ in case alone", "columns"]);
  if (lower.includes("rowid"))
    faults.push([name, "ROWID means something else in the private file: write ROW_ID: { type: …, header: ROWID }", "columns"]);
  if (lower.includes("fuser_change")) faults.push([name, "FUSER_CHANGE is made by the agent itself: leave it out", "columns"]);
  const strange = key.find((column) => !names.includes(column));
  if (strange !== undefined) faults.push([name, `\`${strange.slice(0, 60)}\` is not among the columns`, "key"]);
  if (removed && !names.includes(removed.column)) faults.push([name, "its column is not among the columns", "removed"]);
  if (removed && delta === undefined) faults.push([name, "only a delta has rows that are gone", "removed"]);
  return faults;
}

/** Type, size and scale of a column's `type`. */
export function typeParts(text: string): { type: string; first: number | undefined; second: number | undefined } {
  const [, type = "text", first, second] = typePattern.exec(text) ?? [];
  return {
    type,
    first: first === undefined ? undefined : Number(first),
    second: second === undefined ? undefined : Number(second),
  };
}
