import type { Dialect } from "../connector.ts";
import type { ConnectorModule } from "../module.ts";
import { csvCapabilities } from "./capabilities.ts";
import { type CsvSettings, csvSettings } from "./config.ts";
import { csvGrantScript } from "./grants.ts";
import type { ImportMoment } from "./look.ts";

/** What reads the private file: the connector of its kind of database, handed over by the registry. */
export type FileReader = ConnectorModule<{ file: string }>;

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
    grants: csvGrantScript,
    open: async (settings, secret, context) =>
      (await import("./open.ts")).openDrops({ settings, secret, context, dialect, reader, onMoment }),
  };
}
