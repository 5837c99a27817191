import type { ConnectorModule } from "../module.ts";
import { type PostgresSettings, postgresSettings } from "./config.ts";
import { postgresGrantScript } from "./grants.ts";
import { postgresDialect } from "./sql.ts";

/** PostgreSQL as an ERP database. */
export const postgres: ConnectorModule<PostgresSettings> = {
  name: "postgres",
  settings: postgresSettings,
  dialect: postgresDialect,
  grants: postgresGrantScript,
  open: async (settings, secret, context) => (await import("./open.ts")).openPostgres(settings, secret, context),
};
