import { createHash } from "node:crypto";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { Connector } from "../../../connectors/connector.ts";
import { csvOver } from "../../../connectors/csv/connector.ts";
import { createSerial } from "../../../connectors/serial.ts";
import { sqlite } from "../../../connectors/sqlite/connector.ts";
import { csvFolder } from "./csv.ts";
import type { OpenOptions, Subject } from "./subject.ts";

export const csvDialect = csvOver(sqlite).dialect;

/** The type of a column of the settings, by the type of the ERP's column. TEXT_ in front keeps values as texts in the ERP, too. */
function typeOf(declared: string): string {
  const [, name = "", size = ""] = /^(?:TEXT_)?([A-Z]+)(\(.*\))?$/.exec(declared.toUpperCase()) ?? [];
  const known: Record<string, string> = {
    VARCHAR: `text${size}`,
    CHAR: `char${size}`,
    TEXT: "text",
    INTEGER: "integer",
    BIGINT: "integer",
    REAL: "float",
    BLOB: "bytes",
    DECIMAL: `decimal${size}`,
  };
  return known[name] ?? name.toLowerCase();
}

interface ErpTable {
  name: string;
  columns: { name: string; type: string }[];
  key: string[];
}

/**
 * An ERP that exports: a database of its own, from which each table that has changed is written into the folder as a full export before anybody reads. Tables that are
 * made after a connector was opened reach it as they would after a change of the configuration: it is opened anew.
 */
export async function csvSubject(): Promise<Subject> {
  const place = await csvFolder();
  const erp = new DatabaseSync(join(place.folder, "..", "erp.db"));
  erp.exec("PRAGMA synchronous = OFF");
  /** Table -> hash of its last export. */
  const exported = new Map<string, string>();
  let dirty = false;
  let files = 0;
  let scans = 0;

  function tables(): ErpTable[] {
    const names = erp.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").all();
    return names.map(({ name }) => {
      const rows = erp.prepare('SELECT name, type, pk, "notnull" AS filled FROM pragma_table_info(?)').all(String(name));
      const columns = rows.map((row) => ({ name: String(row.name), type: typeOf(String(row.type)) }));
      const key = rows.filter(({ pk }) => pk !== 0).map((row) => String(row.name));
      return {
        name: String(name),
        columns,
        key: key.length > 0 ? key : rows.filter(({ filled }) => filled === 1).map((row) => String(row.name)),
      };
    });
  }

  function settings(): object {
    const entries = tables().map(({ name, columns, key }) => {
      const settled = { full: `${name}_{n}.csv`, key: key.length > 0 ? key : [columns[0]?.name], minimumRows: "0", nulls: "\\N" };
      return [name, { ...settled, columns: Object.fromEntries(columns.map((column) => [column.name, column.type])) }];
    });
    return {
      tables: Object.fromEntries(
        entries.length > 0 ? entries : [["nothing", { full: "nothing.csv", key: ["a"], columns: { a: "text" } }]],
      ),
    };
  }

  /** Writes what has changed into the folder. */
  async function write(): Promise<void> {
    if (!dirty) return;
    dirty = false;
    for (const { name, columns } of tables()) {
      const statement = erp.prepare(`SELECT * FROM ${name}`);
      statement.setReturnArrays(true);
      statement.setReadBigInts(true);
      const lines = [columns.map((column) => column.name).join(";")];
      for (const row of statement.iterate() as unknown as Iterable<unknown[]>)
        lines.push(row.map((value, index) => written(value, columns[index]?.type ?? "text")).join(";"));
      const text = `${lines.join("\r\n")}\r\n`;
      const sum = createHash("sha256").update(text).digest("hex");
      if (exported.get(name) === sum) continue;
      exported.set(name, sum);
      files += 1;
      // Any number of rows may be gone from one export to the next.
      await place.drop(`${name}_${files}.csv.accepted`, text);
    }
  }

  interface Opened {
    options: OpenOptions | undefined;
    settings: string;
    /** Closed where tables were added since, which are made anew only while nobody reads them by other settings. */
    inner: Connector | undefined;
  }

  const opened: Opened[] = [];

  async function reopened(entry: Opened): Promise<Connector> {
    const wanted = settings();
    const text = JSON.stringify(wanted);
    if (entry.inner !== undefined && entry.settings === text) return entry.inner;
    for (const other of opened) {
      if (other.settings === text) continue;
      await other.inner?.close();
      other.inner = undefined;
    }
    entry.inner = await place.open(wanted, entry.options);
    entry.settings = text;
    return entry.inner;
  }

  const oneByOne = createSerial();

  /** One after the other: polls of the same moment meet the same connector. */
  const current = (entry: Opened): Promise<Connector> =>
    oneByOne(async () => {
      const inner = await reopened(entry);
      if (dirty) {
        await write();
        await take(inner);
      }
      return inner;
    });

  /** What a compare of any table does first: it takes in all files. */
  async function take(inner: Connector): Promise<void> {
    const [table] = tables();
    if (table === undefined) return;
    const columns = table.columns.map(({ name }) => name);
    const query = {
      source: table.name,
      from: { table: table.name },
      key: table.key,
      columns,
      where: [],
      scope: [],
      flags: [],
      children: [],
    };
    for await (const _ of inner.scan(query, new AbortController().signal)) break;
  }

  async function open(options?: OpenOptions): Promise<Connector> {
    const entry: Opened = { options, settings: "", inner: undefined };
    opened.push(entry);
    const { dialect } = await reopened(entry);
    return {
      dialect,
      identity: async (signal) => (await current(entry)).identity(signal),
      check: async (signal, needs) => (await current(entry)).check(signal, needs),
      describe: async (signal, names) => (await current(entry)).describe(signal, names),
      describeQuery: async (source, signal) => (await current(entry)).describeQuery(source, signal),
      async *scan(source, signal) {
        const inner = await current(entry);
        scans += 1;
        try {
          yield* inner.scan(source, signal);
        } finally {
          scans -= 1;
        }
      },
      async *readKeys(source, keys, signal) {
        yield* (await current(entry)).readKeys(source, keys, signal);
      },
      async *changedSince(query, from, signal) {
        yield* (await current(entry)).changedSince(query, from, signal);
      },
      aggregate: async (source, cursor, signal) => (await current(entry)).aggregate(source, cursor, signal),
      write: async (plan, signal) => (await current(entry)).write(plan, signal),
      lookup: async (plan, signal) => (await current(entry)).lookup(plan, signal),
      close: async () => entry.inner?.close(),
    };
  }

  return {
    name: "CSV folder",
    open,
    async run(sql, values) {
      if (values) erp.prepare(sql).run(...values);
      else erp.exec(sql);
      dirty = true;
      // While a scan is under way its rows change under it.
      if (scans === 0) return;
      await write();
      const beside = await place.open(settings());
      await take(beside);
      await beside.close();
    },
    async rows(sql) {
      const statement = erp.prepare(sql);
      statement.setReturnArrays(true);
      return (statement.all() as unknown as unknown[][]).map((row) =>
        row.map((value) => (value === null ? null : String(value))),
      );
    },
    type: (name) =>
      ({ key: "VARCHAR(60)", germanKey: "VARCHAR(60)", autoKey: "INTEGER PRIMARY KEY", stamp: "DATETIME", words: "VARCHAR(40)" })[
        name
      ],
    literal: (text) => `'${text.replaceAll("'", "''")}'`,
    swallow: () => {
      throw new Error("an ERP that only writes files takes nothing that it could swallow");
    },
    unswallow: () => "",
    async [Symbol.asyncDispose]() {
      erp.close();
      await place[Symbol.asyncDispose]();
    },
  };
}

function written(value: unknown, type: string): string {
  if (value === null) return "\\N";
  const text =
    value instanceof Uint8Array ? Buffer.from(value).toString("hex") : `${String(value)}${type === "instant" ? "Z" : ""}`;
  return `"${text.replaceAll('"', '""')}"`;
}
