import type { ConnectorModule } from "../module.ts";
import { type MysqlSettings, mysqlSettings } from "./config.ts";
import { mysqlGrantScript } from "./grants.ts";
import { mysqlDialect } from "./sql.ts";

/** MariaDB and MySQL as an ERP database. */
export const mysql: ConnectorModule<MysqlSettings> = {
  name: "mysql",
  settings: mysqlSettings,
  dialect: mysqlDialect,
  grants: mysqlGrantScript,
  open: async (settings, secret, context) => (await import("./open.ts")).openMysql({ settings, secret, context }),
};
