import type { ConnectorModule } from "../module.ts";
import { type OracleSettings, oracleSettings } from "./config.ts";
import { oracleGrantScript } from "./grants.ts";
import { oracleDialect } from "./sql.ts";

/** Oracle Database as an ERP database. */
export const oracle: ConnectorModule<OracleSettings> = {
  name: "oracle",
  settings: oracleSettings,
  dialect: oracleDialect,
  grants: oracleGrantScript,
  open: async (settings, secret, context) => (await import("./open.ts")).openOracle({ settings, secret, context }),
};
