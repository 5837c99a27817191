import { finished } from "node:stream/promises";
import { CsvError, type Info, type Parser, parse } from "csv-parse";
import type { Inspected } from "./encoding.ts";
import { textOf } from "./encoding.ts";
import { FileFault } from "./fault.ts";
import type { CsvTable, Writing } from "./table.ts";

/** A row of a file: the texts of the table's columns, in their order. */
export interface FileRow {
  texts: readonly string[];
  /** Line on which it ends. */
  line: number;
}

/** Characters of one row: more are an open quote that swallows the file. */
const longestRow = 4_000_000;
const separators = [";", ",", "\t", "|"];

interface ParsedRecord {
  record: string[];
  info: Info;
}

/**
 * The rows of a file, in bounded batches. The first line is matched to the columns, and the trailer, which is no row, is checked before the end is told.
 * @throws FileFault where it is not what the settings say, in whichever line
 */
export async function* rowsOf(
  table: CsvTable,
  { path, inspected }: { path: string; inspected: Inspected },
  signal: AbortSignal,
): AsyncGenerator<FileRow[]> {
  const { writing } = table;
  const encoding = writing.encoding === "auto" ? inspected.encoding : writing.encoding;
  const reader = createReader(table);
  let parser: Parsing | undefined;
  let head = "";
  for await (const text of textOf(path, encoding, signal)) {
    if (parser === undefined) {
      // The first line decides the separator.
      head += text;
      if (!/[\r\n]/.test(head.trimStart()) && head.length < longestRow) continue;
      parser = startParsing(writing, separatorOf(table, head));
      yield reader.take(parser.push(head));
    } else yield reader.take(parser.push(text));
  }
  parser ??= startParsing(writing, separatorOf(table, head), head);
  yield reader.take(await parser.end());
  yield reader.end();
}

interface Parsing {
  push(text: string): ParsedRecord[];
  end(): Promise<ParsedRecord[]>;
}

function startParsing(writing: Writing, separator: string, first?: string): Parsing {
  const parser: Parser = parse({
    delimiter: separator,
    quote: writing.quote === "" ? null : writing.quote,
    escape: writing.quote === "" ? null : writing.quote,
    info: true,
    // Those of a file need not be all alike.
    record_delimiter: ["\r\n", "\n", "\r"],
    relax_column_count: true,
    skip_empty_lines: true,
    max_record_size: longestRow,
  });
  // Its error is looked for after each piece.
  parser.on("error", () => {});
  const taken = (): ParsedRecord[] => {
    const records: ParsedRecord[] = [];
    for (let next = parser.read(); next !== null; next = parser.read()) records.push(next as ParsedRecord);
    if (parser.errored) throw parseFault(parser.errored);
    return records;
  };
  const push = (text: string): ParsedRecord[] => {
    parser.write(text);
    return taken();
  };
  const before = first === undefined ? [] : push(first);
  return {
    push,
    async end() {
      const records: ParsedRecord[] = [];
      parser.on("data", (record: ParsedRecord) => records.push(record));
      parser.end();
      await finished(parser).catch((error: Error) => {
        throw parseFault(parser.errored ?? error);
      });
      return [...before, ...records];
    },
  };
}

function parseFault(error: Error): Error {
  if (!(error instanceof CsvError)) return error;
  const { code, lines, column } = error as CsvError & { lines?: number; column?: number | string };
  const line = lines ?? 1;
  const place = typeof column === "number" ? `, in value ${column + 1}` : "";
  switch (code) {
    case "CSV_QUOTE_NOT_CLOSED":
      return new FileFault({
        line,
        message: `A quote that was opened in line ${line} or before is never closed`,
        remedy: 'The file may have been cut off: let the ERP write it anew. Where it writes no quotes at all, set `quote: ""`.',
      });
    case "CSV_MAX_RECORD_SIZE":
      return new FileFault({
        line,
        message: `A row that ends in or behind line ${line} is longer than ${longestRow} characters`,
        remedy: 'Most often a quote is open: correct it, or set `quote: ""` where the ERP writes no quotes.',
      });
    default:
      return new FileFault({
        line,
        message: `Line ${line}${place}: a quote stands within a value, or something stands behind a closing quote`,
        remedy: 'The ERP must double quotes within values. Where it writes no quotes at all, set `quote: ""`.',
      });
  }
}

/** With titles the separator that finds most of them, else the one that gives the right count, in the first line. */
function separatorOf({ writing, columns }: CsvTable, head: string): string {
  if (writing.separator !== "auto") return writing.separator;
  const line = /^[\r\n]*([^\r\n]*)/.exec(head)?.[1] ?? "";
  const wanted = new Set(columns.map(({ header }) => plainTitle(header)));
  const quoted = writing.quote === "" ? line : line.replaceAll(writing.quote, "");
  const score = (separator: string): number => {
    const fields = quoted.split(separator);
    if (writing.header) return fields.filter((field) => wanted.has(plainTitle(field))).length * 1_000 + fields.length;
    return (fields.length === columns.length ? 1_000_000 : 0) + fields.length;
  };
  return separators.toSorted((one, other) => score(other) - score(one))[0] as string;
}

const plainTitle = (text: string): string => text.trim().toLowerCase();

interface Reader {
  take(records: readonly ParsedRecord[]): FileRow[];
  /** The last rows, once it is known that they are the last. */
  end(): FileRow[];
}

function createReader(table: CsvTable): Reader {
  const { writing } = table;
  let positions = writing.header ? undefined : table.columns.map((_, index) => index);
  let width = writing.header ? 0 : table.columns.length;
  let rows = 0;
  /** The newest record, while it may be the trailer. */
  let held: ParsedRecord | undefined;
  const rowOf = ({ record, info }: ParsedRecord): FileRow[] => {
    const line = info.lines;
    if (positions === undefined) {
      positions = matchTitles(table, record, line);
      width = record.length;
      return [];
    }
    const spare = record.length === width + 1 && record[width] === "";
    if (record.length !== width && !spare) throw countFault(record.length, width, line);
    rows += 1;
    return [{ texts: positions.map((position) => record[position] as string), line }];
  };
  return {
    take(records) {
      if (writing.trailer === undefined) return records.flatMap(rowOf);
      const known = held === undefined ? records : [held, ...records];
      held = known.at(-1);
      return known.slice(0, -1).flatMap(rowOf);
    },
    end() {
      if (writing.trailer !== undefined) requireTrailer(writing.trailer, held, rows);
      if (positions !== undefined) return [];
      throw new FileFault({
        line: 1,
        message: "The file is empty: not even the first line with the titles is there",
        remedy: "Let the ERP write it anew.",
      });
    },
  };
}

function matchTitles({ columns }: CsvTable, record: readonly string[], line: number): number[] {
  const titles = record.map((title, index) => plainTitle(index === 0 ? title.replace(/^\ufeff/, "") : title));
  return columns.map(({ name, header }) => {
    const wanted = plainTitle(header);
    const at = titles.indexOf(wanted);
    if (at >= 0 && titles.indexOf(wanted, at + 1) < 0) return at;
    const shown = record.slice(0, 30).join(", ").slice(0, 500);
    throw new FileFault({
      line,
      column: name,
      message: at < 0 ? `The first line has no column ${header}` : `The first line names the column ${header} twice`,
      remedy: `It has: ${shown}. Correct \`header\` of the column, or \`separator\`, or the export.`,
    });
  });
}

function countFault(found: number, expected: number, line: number): FileFault {
  return new FileFault({
    line,
    message: `Line ${line} has ${found} values in place of ${expected}`,
    remedy:
      "Most often a separator or a line break stands in a value without quotes, or the file was cut off: correct the export, or let the ERP write it anew.",
  });
}

function requireTrailer(trailer: RegExp, last: ParsedRecord | undefined, rows: number): void {
  const raw = last?.record.join("\u0000") ?? "";
  const match = separators.map((separator) => trailer.exec(raw.replaceAll("\u0000", separator))).find((found) => found !== null);
  const line = last?.info.lines ?? 1;
  if (!match) {
    throw new FileFault({
      line,
      message: "The last line is not the trailer: the file is not whole, or was read before it was",
      remedy: "Let the ERP write it anew, or correct `trailer`; where the ERP writes with long pauses, set a longer `settle`.",
    });
  }
  if (match[1] === undefined || Number(match[1]) === rows) return;
  throw new FileFault({
    line,
    message: `The trailer tells of ${match[1]} rows, and there are ${rows}`,
    remedy: "Let the ERP write the file anew.",
  });
}
