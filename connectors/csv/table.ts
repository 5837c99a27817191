import type { ColumnType } from "../connector.ts";
import { type CsvSettings, type TableSettings, typeParts } from "./config.ts";
import { type Convert, converterOf } from "./convert.ts";
import { type FileNames, fileNames, orderShape } from "./file-name.ts";

/** Column that each table has besides its own: a number that grows with each row that an import adds or changes. A cursor column (`kind: sequence`). */
export const changeColumn = "FUSER_CHANGE";

export interface CsvColumn {
  name: string;
  /** As the first line names it. */
  header: string;
  type: ColumnType;
  /** Type in the private database; its reader decodes by it. */
  declared: string;
  convert: Convert;
}

export type Encoding = "auto" | "utf-8" | "windows-1252" | "utf-16le" | "iso-8859-15" | "cp850";

/** How a table's files are written. */
export interface Writing {
  encoding: Encoding;
  separator: "auto" | string;
  /** Empty: none. */
  quote: string;
  header: boolean;
  nulls: ReadonlySet<string>;
  /** Last line of a whole file; its first group, if it has one, is the number of rows. */
  trailer: RegExp | undefined;
}

export type FileKind = "full" | "delta";

export interface CsvTable {
  name: string;
  names: Readonly<Record<FileKind, FileNames | undefined>>;
  columns: readonly CsvColumn[];
  /** Positions of the key's columns. */
  key: readonly number[];
  writing: Writing;
  minimumRows: number;
  removed: { column: number; is: ReadonlySet<string> } | undefined;
  /** Changes when stored rows no longer are what the settings would make of the same files. */
  definition: string;
}

/** The tables of the settings, with everything said once for all of them. */
export function tablesOf(settings: CsvSettings): CsvTable[] {
  return Object.entries(settings.tables).map(([name, table]) => tableOf(name, { ...settings, ...said(table) }, table));
}

/** What a table does not say must not hide what is said for all. */
function said(table: TableSettings): Partial<TableSettings> {
  return Object.fromEntries(Object.entries(table).filter(([, value]) => value !== undefined));
}

type Merged = Omit<CsvSettings, "tables"> & Partial<TableSettings>;

function tableOf(name: string, merged: Merged, table: TableSettings): CsvTable {
  const decimal = merged.decimal ?? ".";
  const columns = Object.entries(table.columns).map(([column, given]): CsvColumn => {
    const { type, first, second } = typeParts(given.type);
    const more = "header" in given || "format" in given || "true" in given || "false" in given ? given : { type: given.type };
    const format = "format" in more ? more.format : undefined;
    const dates =
      type === "date" ? merged.dateFormat : type === "datetime" || type === "instant" ? merged.dateTimeFormat : undefined;
    return {
      name: column,
      header: ("header" in more ? more.header : undefined) ?? column,
      type: type === "char" ? "text" : (type as ColumnType),
      declared: declaredOf(type, first, second),
      convert: converterOf({
        type,
        decimal,
        scale: first === undefined ? undefined : (second ?? 0),
        formats: format ?? dates,
        truths: [
          ("true" in more ? more.true : undefined) ?? ["1", "true", "J", "Y", "X"],
          ("false" in more ? more.false : undefined) ?? ["0", "false", "N", ""],
        ],
      }),
    };
  });
  const at = (column: string): number => columns.findIndex((one) => one.name === column);
  return {
    name,
    names: {
      full: table.full === undefined ? undefined : fileNames(table.full),
      delta: table.delta === undefined ? undefined : fileNames(table.delta),
    },
    columns,
    key: table.key.map(at),
    writing: {
      encoding: merged.encoding ?? "auto",
      separator: merged.separator === "tab" ? "\t" : (merged.separator ?? "auto"),
      quote: merged.quote ?? '"',
      header: merged.header ?? true,
      nulls: new Set(merged.nulls ?? [""]),
      trailer: merged.trailer === undefined ? undefined : trailerPattern(merged.trailer),
    },
    minimumRows: table.minimumRows ?? 1,
    removed: table.removed && { column: at(table.removed.column), is: new Set(table.removed.is) },
    definition: JSON.stringify([
      table.columns,
      table.key,
      merged.nulls,
      decimal,
      merged.dateFormat,
      merged.dateTimeFormat,
      table.removed,
      orderShape(table.full ?? ""),
      orderShape(table.delta ?? ""),
    ]),
  };
}

/** None but the rowid's own type may be `INTEGER`: a key of that type would take the rowid's place. */
function declaredOf(type: string, first: number | undefined, second: number | undefined): string {
  const size = first === undefined ? "" : second === undefined ? `(${first})` : `(${first},${second})`;
  switch (type) {
    case "text":
      return first === undefined ? "TEXT" : `VARCHAR${size}`;
    case "char":
      return `CHAR${size === "" ? "(1)" : size}`;
    case "integer":
      return "BIGINT";
    case "decimal":
      return first === undefined ? "NUMERIC" : `DECIMAL${size}`;
    case "float":
      return "DOUBLE";
    case "instant":
      return "TIMESTAMPTZ";
    case "bytes":
      return "BLOB";
    default:
      return type.toUpperCase();
  }
}

function trailerPattern(text: string): RegExp {
  const pieces = text.split(/(\{rows\}|\*)/).map((piece) => {
    if (piece === "{rows}") return "\\s*(\\d+)\\s*";
    return piece === "*" ? ".*" : piece.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
  });
  return new RegExp(`^${pieces.join("")}$`, "u");
}
