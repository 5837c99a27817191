import { rm } from "node:fs/promises";
import type { DatabaseSync } from "node:sqlite";
import { FuserError } from "../../base/errors.ts";
import { durationMs } from "../../base/time.ts";
import type { Connector, ConnectorContext, Dialect, SourceQuery } from "../connector.ts";
import type { ReadSecret } from "../module.ts";
import { checkFolder } from "./checks.ts";
import { compareFolder, folderAccount } from "./compare-grants.ts";
import type { CsvSettings } from "./config.ts";
import type { FileReader, OnMoment } from "./connector.ts";
import type { Drop } from "./drop.ts";
import { databaseError } from "./errors.ts";
import { forgetStuckRejections, standing } from "./history.ts";
import { exportAwaited } from "./import.ts";
import { localDrop } from "./local-drop.ts";
import { createLook, type Looked } from "./look.ts";
import { hasTables, lastImport, openPrivate, type PrivateDatabase, privateFile, tableStatements } from "./private-database.ts";
import { readOnly } from "./read-only.ts";
import { sftpDrop } from "./sftp-drop.ts";
import { tablesOf } from "./table.ts";
import { tableUse } from "./table-use.ts";
import { besideLargeLog, checkpoint, openWritingThread, type WritingThread } from "./writing-thread.ts";

/** A poll does not wait longer for an import that is under way: it tells what stands. */
const pollPatienceMs = 2_000;

interface CsvAccess {
  settings: CsvSettings;
  secret: ReadSecret;
  context: ConnectorContext;
  dialect: Dialect;
  /** Reads the private file. */
  reader: FileReader;
  onMoment: OnMoment | undefined;
}

/** @throws FuserError config when the settings can't work on this machine */
export async function openDrops({ settings, secret, context, dialect, reader, onMoment }: CsvAccess): Promise<Connector> {
  const drop = dropOf(settings, secret, context);
  const file = privateFile(context.stateDirectory, drop.place);
  const openFile = (path: string): Promise<Connector> => reader.open({ file: path }, secret, context);
  await using _ = await besideLargeLog(file);
  return openCsv({ settings, drop, file, rows: await openFile(file), openFile, dialect, context, onMoment });
}

function dropOf(settings: CsvSettings, secret: ReadSecret, { stateDirectory }: ConnectorContext): Drop {
  const { folder, archive = "archive", reject = "rejected", marker, sftp } = settings;
  if (sftp === undefined) return localDrop({ folder, archive, reject, marker });
  return sftpDrop({
    server: sftp,
    folder,
    archive,
    reject,
    marker,
    secret,
    incoming: (place) => `${privateFile(stateDirectory, place)}.incoming`,
  });
}

interface CsvParts {
  settings: CsvSettings;
  drop: Drop;
  file: string;
  rows: Connector;
  openFile(path: string): Promise<Connector>;
  dialect: Dialect;
  context: ConnectorContext;
  onMoment: OnMoment | undefined;
}

function openCsv({ settings, drop, file, rows, openFile, dialect, context, onMoment }: CsvParts): Connector {
  const { clock, log } = context;
  const tables = tablesOf(settings);
  const settleMs = durationMs(settings.settle ?? "30s") as number;
  const closing = new AbortController();
  const use = tableUse(file);
  let opened: PrivateDatabase | undefined;
  let ready = false;
  let shapes = 0;
  let looking: Promise<Looked> | undefined;
  /** While a look that writes is under way. */
  let writing: WritingThread | undefined;

  function database(): PrivateDatabase {
    opened ??= openPrivate(file);
    return opened;
  }

  function thread(): WritingThread {
    writing ??= openWritingThread(database().file);
    return writing;
  }

  /** For whoever imports: the tables of the settings are made where they are others, which nobody may read meanwhile. */
  async function prepare(): Promise<void> {
    if (ready) return;
    const { reader, writer } = database();
    try {
      use.keep();
      if (!hasTables(reader, tables)) await use.alone(() => makeTables(reader));
      forgetStuckRejections(writer);
    } catch (error) {
      throw databaseError(error, "make the tables of the CSV folder", file);
    }
    ready = true;
  }

  async function makeTables(reader: DatabaseSync): Promise<void> {
    try {
      await thread().exec(tableStatements(reader, tables));
    } finally {
      await thread()
        .rollback()
        .catch(() => {});
    }
  }

  /** For whoever only wants to know what the tables are: those that stand there by other settings are left alone. */
  async function shaped<T>(ask: (from: Connector) => Promise<T>): Promise<T> {
    if (hasTables(database().reader, tables)) return ask(rows);
    shapes += 1;
    const path = `${file}.shape-${process.pid}-${shapes}`;
    try {
      using shape = openPrivate(path);
      shape.writer.exec(tableStatements(shape.reader, tables));
      const from = await openFile(path);
      try {
        return await ask(from);
      } finally {
        await from.close();
      }
    } finally {
      for (const ending of ["", "-wal", "-shm"]) await rm(`${path}${ending}`, { force: true });
    }
  }

  const lookOnce = createLook({
    ...{ drop, tables, clock, log, settleMs, onMoment },
    writer: () => database().writer,
    reader: () => database().reader,
    thread,
    checkpoint: () => checkpoint(file, thread()),
    archiveKeepMs: durationMs(settings.archiveKeep ?? "90d") as number,
  });

  /** Everybody who asks while a look is under way waits for the same one. */
  function look(): Promise<Looked> {
    looking ??= prepare()
      .then(() => lookOnce(closing.signal))
      .finally(async () => {
        const done = writing;
        writing = undefined;
        await done?.[Symbol.asyncDispose]();
      })
      .catch((cause: unknown) => {
        const error = databaseError(cause, "import files", file);
        // Another process of the agent imports: what stands is read.
        if (error instanceof FuserError && error.code === "erp-locked") return { unsettled: 0 };
        throw error;
      })
      .finally(() => {
        looking = undefined;
      });
    return looking;
  }

  /** A compare wants the newest: it waits until files that were there have settled, no longer than that takes. */
  async function lookThoroughly(signal: AbortSignal): Promise<void> {
    const until = clock.monotonic() + settleMs;
    for (;;) {
      signal.throwIfAborted();
      // An import may last for half a minute: whoever stops does not wait for it (close() breaks it off).
      const { unsettled } = await unlessAborted(look(), signal);
      const left = until - clock.monotonic();
      if (unsettled === 0 || left <= 0) return;
      await clock.sleep(Math.min(left + 1, 1_000), signal);
    }
  }

  async function lookBriefly(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const stop = new AbortController();
    const patience = clock.sleep(pollPatienceMs, stop.signal).catch(() => {});
    try {
      await unlessAborted(Promise.race([look(), patience]), signal);
    } finally {
      stop.abort();
    }
  }

  /** @throws FuserError transient where a table of it was never imported: no rows would mean that all of them are gone */
  function requireStanding(names: ReadonlySet<string>): void {
    try {
      const stands = standing(database().reader, tables);
      const missing = tables.find(({ name }) => names.has(name.toLowerCase()) && !stands.has(name));
      if (missing) throw exportAwaited(missing.name, drop.place);
    } catch (error) {
      throw databaseError(error, "read a CSV table", file);
    }
  }

  return {
    ...readOnly(drop.place),
    dialect,
    async identity(signal) {
      signal.throwIfAborted();
      const marker = settings.marker === undefined ? "" : `:${settings.marker}`;
      return {
        database: `csv:${drop.place}${marker}`,
        label: `CSV files in ${drop.place}`,
        product: "CSV",
        version: "1",
        position: { imports: String(lastImport(database().reader)) },
      };
    },
    grants: {
      server: async () => ({ version: "", account: folderAccount(settings) }),
      compare: (_, signal) => compareFolder({ drop, tables, settings }, signal),
    },
    check: (signal, needs) => checkFolder({ drop, tables, database, settleMs, clock }, needs, signal),
    async describe(signal, only) {
      const known = new Set(tables.map(({ name }) => name));
      return (await shaped((from) => from.describe(signal, only))).filter(({ name }) => known.has(name));
    },
    describeQuery: (source, signal) => shaped((from) => from.describeQuery(source, signal)),
    async *scan(source, signal) {
      await lookThoroughly(signal);
      requireStanding(tablesRead(source));
      yield* rows.scan(source, signal);
    },
    async *readKeys(source, keys, signal) {
      requireStanding(tablesRead(source));
      yield* rows.readKeys(source, keys, signal);
    },
    async *changedSince(query, from, signal) {
      await lookBriefly(signal);
      requireStanding(new Set([query.table.toLowerCase()]));
      yield* rows.changedSince(query, from, signal);
    },
    async aggregate(source, cursor, signal) {
      await lookBriefly(signal);
      requireStanding(tablesRead(source));
      return rows.aggregate(source, cursor, signal);
    },
    async close() {
      closing.abort();
      await looking?.catch(() => {});
      await using _ = await besideLargeLog(file);
      await rows.close();
      opened?.[Symbol.dispose]();
      opened = undefined;
      use[Symbol.dispose]();
      await drop[Symbol.asyncDispose]();
    },
  };
}

/** What the work gives; where the signal aborts first it goes on by itself. @throws the signal's reason, and what the work throws */
async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  const onAbort = (): void => aborted.reject(signal.reason);
  signal.addEventListener("abort", onAbort);
  try {
    return await Promise.race([aborted.promise, work]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

/** Every name that a source's texts may mean, in lower case: whatever stands there as a word. */
function tablesRead({ from, children, where, flags }: SourceQuery): Set<string> {
  const texts = ["table" in from ? from.table : from.query, ...[...children, ...where, ...flags].map(({ sql }) => sql)];
  return new Set(texts.flatMap((text) => text.toLowerCase().match(/[\p{L}_][\p{L}\p{N}_]*/gu) ?? []));
}
