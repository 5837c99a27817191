/**
 * The sample ERP as one that allows no account on its database: it drops its tables into a folder as CSV files, all of them now and then and in between
 * what has changed. A file gets its name when it is whole.
 */
import { rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createQueue, type ErpDb, type ErpRow } from "./db.ts";
import { type ErpTable, type TableName, tableNames, tables } from "./schema.ts";

export interface CsvDrops {
  /** Drops every table with all its rows; returns how many files. */
  full(): Promise<number>;
  /** Drops what has changed since the last drop, one file per table concerned; returns how many. */
  delta(): Promise<number>;
}

/** Column of each file that marks a row as gone. */
const goneColumn = "LOEKZ";
const goneMark = "L";
const separator = ";";
/** What stands for NULL: an empty text is one here. */
const nothing = "\\N";
const trailer = "ENDE";

/**
 * @param now numbers the files, epoch ms, so that they are in order also after a restart
 */
export function csvDrops({ db, folder, now }: { db: ErpDb; folder: string; now: () => number }): CsvDrops {
  const queue = createQueue();
  let last = new Map<TableName, Map<string, string>>();
  let number = 0;
  const drop = async (of: (before: Lines, after: Lines) => string[] | undefined, kind: string): Promise<number> => {
    const lines = await allLines(db);
    number = Math.max(number + 1, now());
    let files = 0;
    for (const name of tableNames) {
      const rows = of(last.get(name) ?? new Map(), lines.get(name) ?? new Map());
      if (rows === undefined) continue;
      await writeWhole(join(folder, `${name}${kind}_${number}.csv`), [
        header(name),
        ...rows,
        `${trailer}${separator}${rows.length}`,
      ]);
      files++;
    }
    last = lines;
    return files;
  };
  return {
    full: () => queue(() => drop((_, after) => [...after.values()].map(kept), "")),
    delta: () => queue(() => drop(difference, "_AENDERUNGEN")),
  };
}

/** Lines of a table by their key, without the mark at their end. */
type Lines = ReadonlyMap<string, string>;

const kept = (line: string): string => `${line}${separator}`;
const gone = (line: string): string => `${line}${separator}${goneMark}`;

function difference(before: Lines, after: Lines): string[] | undefined {
  const changed = [...after].filter(([key, line]) => before.get(key) !== line).map(([, line]) => kept(line));
  const removed = [...before].filter(([key]) => !after.has(key)).map(([, line]) => gone(line));
  return changed.length + removed.length === 0 ? undefined : [...removed, ...changed];
}

/** All tables as they are at one moment. */
function allLines(db: ErpDb): Promise<Map<TableName, Map<string, string>>> {
  return db.transaction(async (session) => {
    const all = new Map<TableName, Map<string, string>>();
    for (const name of tableNames) {
      const table: ErpTable = tables[name];
      const rows = await session.query(`SELECT * FROM ${name} ORDER BY ${table.key.join(", ")}`);
      all.set(name, new Map(rows.map((row) => [JSON.stringify(table.key.map((column) => row[column])), lineOf(table, row)])));
    }
    return all;
  });
}

const header = (name: TableName): string => [...tables[name].columns.map(([column]) => column), goneColumn].join(separator);

function lineOf(table: ErpTable, row: ErpRow): string {
  return table.columns
    .map(([column, type]) => {
      const value = row[column] ?? null;
      if (value === null) return nothing;
      return type.startsWith("DECIMAL") ? String(value).replace(".", ",") : quoted(String(value));
    })
    .join(separator);
}

const quoted = (text: string): string => (/[;"\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

async function writeWhole(file: string, lines: readonly string[]): Promise<void> {
  await writeFile(`${file}.tmp`, `${lines.join("\r\n")}\r\n`);
  await rename(`${file}.tmp`, file);
}

/** The lines under `erp:` of a configuration that reads what is dropped into `folder`. */
export function csvDropLines(folder: string, marker: string): string[] {
  return [
    `folder: ${JSON.stringify(folder)}`,
    `marker: ${JSON.stringify(marker)}`,
    "settle: 0s",
    'decimal: ","',
    `nulls: '${nothing}'`,
    `trailer: "${trailer}${separator}{rows}"`,
    "tables:",
    ...tableNames.flatMap((name) => {
      const table: ErpTable = tables[name];
      const columns = table.columns.map(([column, type]) => `${column}: "${columnType(type)}"`);
      return [
        `  ${name}:`,
        `    full: "${name}_{n}.csv"`,
        `    delta: "${name}_AENDERUNGEN_{n}.csv"`,
        `    key: [${table.key.join(", ")}]`,
        `    columns: { ${columns.join(", ")}, ${goneColumn}: text(1) }`,
        `    removed: { column: ${goneColumn}, is: ${goneMark} }`,
      ];
    }),
  ];
}

function columnType(declared: string): string {
  if (declared === "SEQUENCE" || declared === "INT") return "integer";
  if (declared === "DATETIME") return "datetime";
  return declared.replace(" NULL", "").replace("VARCHAR", "text").toLowerCase();
}
