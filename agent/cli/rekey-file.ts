/** The file that says which keys go over into which. */
import { readFileSync } from "node:fs";
import { type CsvError, parse } from "csv-parse/sync";
import { describeError, FuserError } from "../../base/errors.ts";
import { didYouMean } from "../../base/nearest.ts";
import type { Source } from "../../config/config.ts";
import { keyFor } from "./trace-key.ts";

/** A renumbering of one source: keys as the store knows them. */
export interface Renumbering {
  source: Source;
  pairs: readonly { old: string; next: string }[];
}

const separators = [";", ",", "\t"];
const mostNamed = 10;

interface Line {
  line: number;
  source: string | undefined;
  old: string;
  next: string;
}

/**
 * A head line with `old` and `new`, and `source` where the command names none; keys as `erpfuser trace` takes them.
 * @throws FuserError `rekey-file` with the lines that can't be meant so, `rekey-file-unreadable`
 */
export function readRenumberings(file: string, sources: readonly Source[], named: string | undefined): readonly Renumbering[] {
  const faults: string[] = [];
  const found = new Map<string, { source: Source; pairs: { old: string; next: string }[] }>();
  const seen = new Set<string>();
  for (const { line, source: name = named, ...given } of linesOf(file)) {
    const source = sources.find((one) => one.name === name);
    if (source === undefined) {
      faults.push(
        name === undefined
          ? noSource(line)
          : `line ${line}: there is no source ${name}. ${didYouMean(
              name,
              sources.map((one) => one.name),
            )}`,
      );
      continue;
    }
    const [old, next] = [keyFor(source, given.old), keyFor(source, given.next)];
    if (old === undefined || next === undefined) {
      const wrong = old === undefined ? given.old : given.next;
      faults.push(`line ${line}: ${wrong.slice(0, 60)} is no key of ${source.name}: ${source.key.join(", ")}`);
    } else if (old === next) faults.push(`line ${line}: the old and the new key are the same`);
    else if (seen.has(`${source.name} ${old}`)) faults.push(`line ${line}: the old key stands in the file already`);
    else {
      seen.add(`${source.name} ${old}`);
      const pairs = found.get(source.name)?.pairs ?? [];
      pairs.push({ old, next });
      found.set(source.name, { source, pairs });
    }
  }
  if (faults.length > 0) throw notMeant(file, faults);
  return [...found.values()];
}

const noSource = (line: number): string => `line ${line}: it names no source; say --source, or add a column source`;

function linesOf(file: string): Line[] {
  const text = read(file).replace(/^\uFEFF/, "");
  const head = text.slice(0, text.search(/[\r\n]|$/));
  const delimiter = separators.find((one) => head.includes(one)) ?? ",";
  const columns = (names: string[]): string[] => names.map((name) => name.trim().toLowerCase());
  try {
    const options = { delimiter, columns, trim: true, info: true, skip_empty_lines: true } as const;
    const records = parse(text, options) as unknown as { record: Record<string, string>; info: { lines: number } }[];
    return records.map(({ record, info }): Line => {
      const { source, old, new: next } = record;
      if (old === undefined || next === undefined) throw notMeant(file, ["line 1: it must name the columns old and new"]);
      return { line: info.lines, source: source === "" ? undefined : source, old, next };
    });
  } catch (error) {
    if (error instanceof FuserError) throw error;
    throw notMeant(file, [(error as CsvError).message]);
  }
}

function read(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    throw unreadable(file, cause);
  }
}

function unreadable(file: string, cause: unknown): FuserError {
  return new FuserError("config", `The file can't be read: ${describeError(cause)}`, {
    ...{ code: "rekey-file-unreadable", operation: "read what is renumbered", place: file, cause },
    hint: "Name a CSV file in UTF-8 with the columns old and new",
  });
}

function notMeant(file: string, faults: readonly string[]): FuserError {
  const more = faults.length > mostNamed ? [`and ${faults.length - mostNamed} more`] : [];
  return new FuserError("config", `Nothing was announced: ${[...faults.slice(0, mostNamed), ...more].join("; ")}`, {
    ...{ code: "rekey-file", operation: "read what is renumbered", place: file },
    hint: 'A line is an old and a new key, each as the ERP has it, with its parts between commas and in quotes: "001,0004711";"001,0005711"',
  });
}
