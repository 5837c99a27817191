import type { ConnectorModule } from "../module.ts";
import { type MssqlSettings, mssqlSettings } from "./config.ts";
import { mssqlGrantScript } from "./grants.ts";
import { mssqlDialect } from "./sql.ts";

/** Microsoft SQL Server as an ERP database. */
export const mssql: ConnectorModule<MssqlSettings> = {
  name: "mssql",
  settings: mssqlSettings,
  dialect: mssqlDialect,
  grants: mssqlGrantScript,
  open: async (settings, secret, context) => (await import("./open.ts")).openMssql({ settings, secret, context }),
};
