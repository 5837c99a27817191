import type { StoredValue } from "./convert.ts";
import { FileFault } from "./fault.ts";
import { quoted } from "./private-database.ts";
import type { FileRow } from "./records.ts";
import { RowidSet } from "./rowid-set.ts";
import { type CsvTable, changeColumn, type FileKind } from "./table.ts";
import type { WritingThread } from "./writing-thread.ts";

/** Rows looked at together for removal. */
const removalPage = 2_000;

/** What a file does to the rows of its table. */
export interface Merge {
  take(rows: readonly FileRow[]): Promise<void>;
  /** Removes the rows that were not among those taken. */
  removeOthers(signal: AbortSignal): Promise<number>;
  changed(): number;
  removed(): number;
  /** Last number given. */
  change(): bigint;
}

export function createMerge(thread: WritingThread, table: CsvTable, from: { kind: FileKind; change: bigint }): Merge {
  const { put, find, remove, page, removeAt } = mergeTexts(table);
  const seen = new RowidSet();
  const full = from.kind === "full";
  let { change } = from;
  let changed = 0;
  let removed = 0;

  async function write(rows: readonly Valued[]): Promise<void> {
    const values = rows.map((row) => row.values);
    const written = await thread.put({ put, ...(full ? { find } : {}), key: table.key, rows: values, change });
    change += BigInt(written.changed);
    changed += written.changed;
    if (!full) return;
    for (const [index, { line }] of rows.entries()) if (!seen.add(written.rowids[index] as number)) throw twice(line);
  }

  return {
    async take(rows) {
      const valued = rows.map(
        (row): Valued => ({ values: valuesOf(table, row), line: row.line, gone: isGone(table, from.kind, row) }),
      );
      // In the order of the file: what it removes it may bring again.
      for (const run of runsOf(valued)) {
        if (run[0]?.gone)
          removed += await thread.each(
            remove,
            run.map(({ values }) => table.key.map((at) => values[at] as StoredValue)),
          );
        else await write(run);
      }
    },
    async removeOthers(signal) {
      let last: StoredValue = 0n;
      for (;;) {
        const rowids: StoredValue[][] = await thread.all(page, [last]);
        if (rowids.length === 0) return removed;
        removed += await thread.each(
          removeAt,
          rowids.filter(([rowid]) => !seen.has(Number(rowid))),
        );
        last = rowids.at(-1)?.[0] as bigint;
        signal.throwIfAborted();
      }
    },
    changed: () => changed,
    removed: () => removed,
    change: () => change,
  };
}

interface Valued {
  values: StoredValue[];
  line: number;
  /** A delta says that it is no more. */
  gone: boolean;
}

const isGone = ({ removed }: CsvTable, kind: FileKind, { texts }: FileRow): boolean =>
  removed !== undefined && kind === "delta" && removed.is.has(texts[removed.column] as string);

/** Rows behind one another that are all gone, or all not. */
function runsOf(rows: readonly Valued[]): Valued[][] {
  const runs: Valued[][] = [];
  for (const row of rows) {
    const last = runs.at(-1);
    if (last?.[0]?.gone === row.gone) last.push(row);
    else runs.push([row]);
  }
  return runs;
}

function twice(line: number): FileFault {
  return new FileFault({
    line,
    message: `Line ${line} has the key of an earlier line`,
    remedy: "Correct `key` in the configuration, or the export: a full export has each row once.",
  });
}

function mergeTexts(table: CsvTable): Record<"put" | "find" | "remove" | "page" | "removeAt", string> {
  const name = quoted(table.name);
  const columns = table.columns.map((column) => quoted(column.name));
  const key = table.key.map((index) => columns[index] as string);
  const rest = columns.filter((column) => !key.includes(column));
  const set = [...rest, changeColumn].map((column) => `${column} = excluded.${column}`).join(", ");
  // A number of another form (12.50 for 12.5) is the same value and no change; a text of other letters is one.
  const differs = rest.length === 0 ? "0" : rest.map((column) => `${name}.${column} IS NOT excluded.${column}`).join(" OR ");
  const matches = key.map((column) => `${column} = ?`).join(" AND ");
  return {
    put: `INSERT INTO ${name} (${columns.join(", ")}, ${changeColumn}) VALUES (${columns.map(() => "?").join(", ")}, ?) ON CONFLICT (${key.join(", ")}) DO UPDATE SET ${set} WHERE ${differs} RETURNING rowid`,
    find: `SELECT rowid FROM ${name} WHERE ${matches}`,
    remove: `DELETE FROM ${name} WHERE ${matches}`,
    page: `SELECT rowid FROM ${name} WHERE rowid > ? ORDER BY rowid LIMIT ${removalPage}`,
    removeAt: `DELETE FROM ${name} WHERE rowid = ?`,
  };
}

function valuesOf({ columns, key, writing }: CsvTable, { texts, line }: FileRow): StoredValue[] {
  const values = columns.map(({ convert }, index): StoredValue => {
    const text = texts[index] as string;
    return writing.nulls.has(text) ? null : convert(text);
  });
  for (const index of key) {
    const column = columns[index] as CsvTable["columns"][number];
    if (values[index] === null) {
      throw new FileFault({
        line,
        column: column.name,
        message: `Line ${line} has no value in the key column ${column.name}`,
        remedy: "Correct the export, or `key` in the configuration.",
      });
    }
    if (values[index] instanceof Uint8Array && column.type !== "bytes") {
      throw new FileFault({
        line,
        column: column.name,
        message: `Line ${line} has a number in the key column ${column.name} that is too long for its type`,
        remedy: `Give the column the type text.`,
      });
    }
  }
  return values;
}
