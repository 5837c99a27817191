import { FuserError } from "../../base/errors.ts";
import { durationMs } from "../../base/time.ts";
import type { Connector, ConnectorContext, Dialect, SourceQuery } from "../connector.ts";
import type { ConnectorModule, ReadSecret } from "../module.ts";
import { csvCapabilities } from "./capabilities.ts";
import { checkpoint, flush } from "./checkpoint.ts";
import { checkFolder } from "./checks.ts";
import { type CsvSettings, csvSettings } from "./config.ts";
import type { Drop } from "./drop.ts";
import { databaseError } from "./errors.ts";
import { forgetStuckRejections, standing } from "./history.ts";
import { exportAwaited } from "./import.ts";
import { localDrop } from "./local-drop.ts";
import { createLook, type ImportMoment, type Looked } from "./look.ts";
import { lastImport, openPrivate, type PrivateDatabase, privateFile } from "./private-database.ts";
import { readOnly } from "./read-only.ts";
import { sftpDrop } from "./sftp-drop.ts";
import { tablesOf } from "./table.ts";

/** What reads the private file: the connector of its kind of database, handed over by the registry. */
export type FileReader = ConnectorModule<{ file: string }>;

/** A poll does not wait longer for an import that is under way: it tells what stands. */
const pollPatienceMs = 2_000;

/** For tests: told at each named moment of an import. */
export type OnMoment = (moment: ImportMoment) => Promise<void>;

/**
 * An ERP that allows no account on its database and drops CSV files into a folder. Whole files are imported into a private file in the state directory, and
 * everything is read from there, with all of that database's SQL. Read only.
 */
export function csvOver(reader: FileReader, onMoment?: OnMoment): ConnectorModule<CsvSettings> {
  const dialect: Dialect = { ...reader.dialect, name: "csv", capabilities: csvCapabilities };
  return {
    name: "csv",
    settings: csvSettings,
    dialect,
    async open(settings, secret, context) {
      const drop = dropOf(settings, secret, context);
      const file = privateFile(context.stateDirectory, drop.place);
      const rows = await reader.open({ file }, secret, context);
      return openCsv({ settings, drop, file, rows, dialect, context, onMoment });
    },
  };
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
  dialect: Dialect;
  context: ConnectorContext;
  onMoment: OnMoment | undefined;
}

function openCsv({ settings, drop, file, rows, dialect, context, onMoment }: CsvParts): Connector {
  const { clock, log } = context;
  const tables = tablesOf(settings);
  const settleMs = durationMs(settings.settle ?? "30s") as number;
  const closing = new AbortController();
  let opened: PrivateDatabase | undefined;
  let looking: Promise<Looked> | undefined;

  function database(): PrivateDatabase {
    if (opened) return opened;
    opened = openPrivate(file, tables);
    forgetStuckRejections(opened.writer);
    return opened;
  }

  const lookOnce = createLook({
    ...{ drop, tables, clock, log, settleMs, onMoment },
    writer: () => database().writer,
    checkpoint: () => checkpoint(file),
    flush: () => flush(file),
    archiveKeepMs: durationMs(settings.archiveKeep ?? "90d") as number,
  });

  /** Everybody who asks while a look is under way waits for the same one. */
  function look(): Promise<Looked> {
    looking ??= lookOnce(closing.signal)
      .catch((error: unknown) => {
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
      const { unsettled } = await look();
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
      await Promise.race([look(), patience]);
    } finally {
      stop.abort();
    }
  }

  /** @throws FuserError transient where a table of it was never imported: no rows would mean that all of them are gone */
  function requireStanding(names: ReadonlySet<string>): void {
    try {
      const stands = standing(database().writer);
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
      const { writer } = database();
      const marker = settings.marker === undefined ? "" : `:${settings.marker}`;
      return {
        database: `csv:${drop.place}${marker}`,
        label: `CSV files in ${drop.place}`,
        product: "CSV",
        version: "1",
        position: { imports: String(lastImport(writer)) },
      };
    },
    check: (signal, needs) => checkFolder({ drop, tables, database, settleMs, clock }, needs, signal),
    async describe(signal, only) {
      database();
      const known = new Set(tables.map(({ name }) => name));
      return (await rows.describe(signal, only)).filter(({ name }) => known.has(name));
    },
    async describeQuery(source, signal) {
      database();
      return rows.describeQuery(source, signal);
    },
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
      await rows.close();
      opened?.writer.close();
      opened = undefined;
      await drop[Symbol.asyncDispose]();
    },
  };
}

/** Every name that a source's texts may mean, in lower case: whatever stands there as a word. */
function tablesRead({ from, children, where, flags }: SourceQuery): Set<string> {
  const texts = ["table" in from ? from.table : from.query, ...[...children, ...where, ...flags].map(({ sql }) => sql)];
  return new Set(texts.flatMap((text) => text.toLowerCase().match(/[\p{L}_][\p{L}\p{N}_]*/gu) ?? []));
}
