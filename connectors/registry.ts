import { csvOver } from "./csv/connector.ts";
import type { ConnectorModule } from "./module.ts";
import { mssql } from "./mssql/connector.ts";
import { mysql } from "./mysql/connector.ts";
import { oracle } from "./oracle/connector.ts";
import { postgres } from "./postgres/connector.ts";
import { sqlite } from "./sqlite/connector.ts";

/** Every kind of database an ERP may live on, by the name that stands under `erp: connector:`. A further one is one folder and one line. */
export const connectors: Readonly<Record<string, ConnectorModule>> = {
  sqlite: sqlite as ConnectorModule,
  mysql: mysql as ConnectorModule,
  mariadb: mysql as ConnectorModule,
  mssql: mssql as ConnectorModule,
  oracle: oracle as ConnectorModule,
  csv: csvOver(sqlite) as ConnectorModule,
  postgres: postgres as ConnectorModule,
};
