import type { Power } from "../../../connectors/capabilities.ts";
import type { Dialect } from "../../../connectors/connector.ts";
import { mssqlDialect } from "../../../connectors/mssql/sql.ts";
import { mysqlDialect } from "../../../connectors/mysql/sql.ts";
import { oracleDialect } from "../../../connectors/oracle/sql.ts";
import { postgresDialect } from "../../../connectors/postgres/sql.ts";
import { sqliteDialect } from "../../../connectors/sqlite/sql.ts";

import { has, postgresPrograms } from "../../support/servers.ts";
import { csvDialect, csvSubject } from "./csv-subject.ts";
import { mssqlSubject, namedMssql } from "./mssql.ts";

import { mysqlSubject, namedMysql } from "./mysql.ts";
import { cleanSubject, contractEnv, figuresName, type NamedServer, namedPlace } from "./named.ts";
import { namedOracle, oracleSubject } from "./oracle.ts";
import { namedPostgres, postgresSubject } from "./postgres.ts";
import { sqliteSubject } from "./sqlite.ts";
import type { Subject } from "./subject.ts";

/** A database under the suite. */
export interface Candidate {
  /** Whose figures it counts for in `npm run contract`: the connector's name, with what it really ran against where that could be mistaken. */
  connector: string;
  /** For titles. */
  name: string;
  dialect: Dialect;
  make: () => Promise<Subject>;
}

/** Servers that a user may name, by the name of `erp: connector:`. */
export const namedServers: Readonly<Record<string, { server: NamedServer; dialect: Dialect; twoWays: boolean }>> = {
  mysql: { server: namedMysql, dialect: mysqlDialect, twoWays: true },
  mariadb: { server: namedMysql, dialect: mysqlDialect, twoWays: true },
  oracle: { server: namedOracle, dialect: oracleDialect, twoWays: false },
  mssql: { server: namedMssql, dialect: mssqlDialect, twoWays: false },
  postgres: { server: namedPostgres, dialect: postgresDialect, twoWays: false },
};

/** Every database that the suite can run on here. */
const here: Candidate[] = [
  {
    connector: "sqlite",
    name: "SQLite with a write-ahead log",
    dialect: sqliteDialect,
    make: () => sqliteSubject("wal"),
  },
  {
    connector: "sqlite",
    name: "SQLite with a rollback journal",
    dialect: sqliteDialect,
    make: () => sqliteSubject("delete"),
  },
  { connector: "csv", name: "CSV folder", dialect: csvDialect, make: csvSubject },
  { connector: "oracle-double", name: "Oracle's driver and a double", dialect: oracleDialect, make: () => oracleSubject() },
  ...(has("mariadb") ? [{ connector: "mariadb", name: "MariaDB", dialect: mysqlDialect, make: () => mysqlSubject() }] : []),
  { connector: "mssql-double", name: "SQL Server's double", dialect: mssqlDialect, make: () => mssqlSubject() },
  ...postgresPrograms().map((program) => ({
    connector: figuresName(program.name),
    name: program.name,
    dialect: postgresDialect,
    make: () => postgresSubject({ program }),
  })),
];

/** Where a connector has two ways to read, the other one. */
const otherWays: Candidate[] = has("mariadb")
  ? [
      {
        connector: "mariadb",
        name: "MariaDB, rows parsed by the driver",
        dialect: mysqlDialect,
        make: () => mysqlSubject(undefined, { rawRows: false }),
      },
    ]
  : [];

/** Of what can run here: all, or the connector that the run asks for; or the server that the user named. */
function chosen(candidates: readonly Candidate[], way: { rawRows?: boolean }): Candidate[] {
  const { [contractEnv.connector]: connector, [contractEnv.url]: url, [contractEnv.password]: password = "" } = process.env;
  if (connector === undefined) return [...candidates];
  if (url === undefined) return candidates.filter((one) => one.connector === connector);
  const named = namedServers[connector];
  if (named === undefined || (way.rawRows === false && !named.twoWays)) return [];
  const place = { ...namedPlace(url, connector, named.server.port), password };
  const name = `${connector} at ${place.host}${way.rawRows === false ? ", rows parsed by the driver" : ""}`;
  return [{ connector, name, dialect: named.dialect, make: () => cleanSubject(named.server, place, way) }];
}

/** Every database that this run is about. */
export const subjects: Candidate[] = chosen(here, {});

/** The same for what is promised of reads: where a connector has two ways to read, both. */
export const readers: Candidate[] = [...subjects, ...chosen(otherWays, { rawRows: false })];

/** Those that declare to have a power; what the others do in its place is told by connector-powers.test.ts. */
export function able(power: Power, candidates: readonly Candidate[] = subjects): Candidate[] {
  return candidates.filter(({ dialect }) => !dialect.capabilities.unsupported.includes(power));
}
