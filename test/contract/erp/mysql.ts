import { createConnection } from "mysql2/promise";
import type { MysqlSettings } from "../../../connectors/mysql/config.ts";
import { mysql } from "../../../connectors/mysql/connector.ts";
import type { MariaDb } from "../../support/mariadb.ts";
import { mariadb } from "../../support/servers.ts";
import { contextOf, type Subject } from "./subject.ts";

let last = 0;

/** A database on a MariaDB of its own, or on the given server; `settings` are those of its connectors. */
export async function mysqlSubject(
  given?: MariaDb,
  settings: Pick<MysqlSettings, "rawRows"> = {},
): Promise<Subject & { server: MariaDb; database: string }> {
  const server = given ?? (await mariadb());
  last += 1;
  const database = `contract_${last}`;
  const access = await server.createDatabase(database);
  const connection = await createConnection({
    ...access,
    charset: "utf8mb4",
    dateStrings: true,
    supportBigNumbers: true,
    bigNumberStrings: true,
  });
  connection.on("error", () => {});
  return {
    name: "MariaDB",
    server,
    database,
    open: (options) =>
      mysql.open(
        { server: access.host, port: access.port, database, user: access.user, password: { secret: "erp" }, ...settings },
        async () => access.password,
        contextOf(options),
      ),
    async run(sql, values) {
      await connection.query(sql, values as unknown[]);
    },
    async rows(sql) {
      const [rows] = await connection.query({ sql, rowsAsArray: true });
      return (rows as unknown[][]).map((row) => row.map((value) => (value === null ? null : String(value))));
    },
    literal: (text) => connection.escape(text),
    swallow: (table, column) => `CREATE TRIGGER fuser_swallow BEFORE INSERT ON ${table} FOR EACH ROW SET NEW.${column} = NULL`,
    type: (name) =>
      ({
        key: "VARCHAR(60)",
        germanKey: "VARCHAR(60) COLLATE utf8mb4_german2_ci",
        autoKey: "INT AUTO_INCREMENT PRIMARY KEY",
        stamp: "DATETIME",
      })[name],
    async [Symbol.asyncDispose]() {
      await connection.end().catch(() => connection.destroy());
      if (!given) await server.stop();
    },
  };
}
