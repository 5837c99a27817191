/** Where the demo's ERP stands: an SQLite file of its own, or a MariaDB database that the user names. */
import { FuserError } from "../../../base/errors.ts";
import type { ErpDb, ErpDialect } from "../../../test/support/erp/db.ts";
import { type MysqlErpOptions, openMysqlErp, parseMysqlUrl } from "../../../test/support/erp/db-mysql.ts";
import { openSqliteErp } from "../../../test/support/erp/db-sqlite.ts";

export interface ErpPlace {
  dialect: ErpDialect;
  /** For people, without the password. */
  label: string;
  /** The lines under `erp:` of the configuration. */
  connection: readonly string[];
  /** Goes into the agent's secrets, never into the configuration. */
  password: string | undefined;
  open(): ErpDb;
}

/** Name of the secret that holds the database's password. */
export const passwordSecret = "erp-password";

export function sqlitePlace(file: string): ErpPlace {
  return {
    dialect: "sqlite",
    label: `SQLite, ${file}`,
    connection: [`file: ${JSON.stringify(file)}`],
    password: undefined,
    open: () => openSqliteErp(file),
  };
}

/**
 * Reads `mysql://user[:password]@host:port/database`.
 * @throws FuserError `usage-erp-url`
 */
export function mysqlPlace(url: string): ErpPlace {
  const options = parse(url);
  const { host, port, user, password, database } = options;
  const connection = { server: host, port, user, database };
  return {
    dialect: "mysql",
    label: `MariaDB, ${user}@${host}:${port}/${database}`,
    connection: [
      ...Object.entries(connection).map(([name, value]) => `${name}: ${JSON.stringify(value)}`),
      ...(password === undefined ? [] : [`password: { secret: ${passwordSecret} }`]),
    ],
    password,
    open: () => openMysqlErp(options),
  };
}

function parse(url: string): MysqlErpOptions {
  let options: MysqlErpOptions | undefined;
  try {
    if (/^(mysql|mariadb):\/\//.test(url)) options = parseMysqlUrl(url);
  } catch {
    // Not a URL at all: told below, without repeating a text that may hold a password.
  }
  if (options && options.host !== "" && options.user !== "" && /^[A-Za-z0-9_$-]{1,64}$/.test(options.database)) return options;
  throw new FuserError("config", "--erp is not understood", {
    code: "usage-erp-url",
    operation: "read --erp",
    hint: "Write it as mysql://user:password@host:port/database, e.g. mysql://root@127.0.0.1:3306/erpfuser_demo; escape special characters of the password as in URLs",
  });
}
