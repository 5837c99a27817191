import { createConnection } from "mysql2/promise";
import type { MysqlSettings } from "../../../connectors/mysql/config.ts";
import { mysql } from "../../../connectors/mysql/connector.ts";
import { mysqlSyntax } from "../../../connectors/mysql/sql.ts";
import type { MariaDb, MariaDbAccess } from "../../support/mariadb.ts";
import { mariadb } from "../../support/servers.ts";
import type { NamedPlace, NamedServer } from "./named.ts";
import { contextOf, type Procedures, type Subject } from "./subject.ts";

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
  const subject = await subjectAt({ ...access, database }, settings);
  return {
    ...subject,
    server,
    database,
    async [Symbol.asyncDispose]() {
      await subject[Symbol.asyncDispose]();
      if (!given) await server.stop();
    },
  };
}

/** A database that is there already. */
async function subjectAt(at: MariaDbAccess & { database: string }, settings: Pick<MysqlSettings, "rawRows">): Promise<Subject> {
  const connection = await createConnection({
    ...at,
    charset: "utf8mb4",
    dateStrings: true,
    supportBigNumbers: true,
    bigNumberStrings: true,
  });
  connection.on("error", () => {});
  return {
    name: "MariaDB",
    open: (options) =>
      mysql.open(
        { server: at.host, port: at.port, database: at.database, user: at.user, password: { secret: "erp" }, ...settings },
        async () => at.password,
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
    unswallow: () => "DROP TRIGGER fuser_swallow",
    procedures,
    type: (name) =>
      ({
        key: "VARCHAR(60)",
        germanKey: "VARCHAR(60) COLLATE utf8mb4_german2_ci",
        autoKey: "INT AUTO_INCREMENT PRIMARY KEY",
        stamp: "DATETIME",
        words: "VARCHAR(40)",
      })[name],
    async [Symbol.asyncDispose]() {
      await connection.end().catch(() => connection.destroy());
    },
  };
}

/** A MariaDB or MySQL that a user names. PREPARE parses a statement and looks its tables up, so that a missing table (1146) says that the text is well-formed. */
export const namedMysql: NamedServer = {
  port: 3306,
  syntax: mysqlSyntax,
  subject: (place, settings) => subjectAt(accessOf(place), settings),
  async look(place) {
    const connection = await createConnection(accessOf(place));
    return {
      async tables() {
        const [rows] = await connection.query({ sql: "SHOW TABLES", rowsAsArray: true });
        return (rows as string[][]).map(([name]) => name as string);
      },
      async drop(table) {
        await connection.query("DROP TABLE ??", [table]);
      },
      async parse(text) {
        try {
          await connection.query("PREPARE fusertest FROM ?", [text]);
          await connection.query("DEALLOCATE PREPARE fusertest");
        } catch (error) {
          const { errno, message } = error as { errno?: number; message: string };
          if (errno !== 1146) return message;
        }
        return undefined;
      },
      async [Symbol.asyncDispose]() {
        await connection.end();
      },
    };
  },
};

const accessOf = ({ host, port, user, password, database }: NamedPlace) => ({ host, port, user, password, database });

const procedures: Procedures = {
  make: {
    next: [
      `CREATE PROCEDURE fusertest_next (IN circle VARCHAR(20), INOUT step INT, OUT nr BIGINT, OUT stamp DATETIME(1), OUT amount DECIMAL(20,4), OUT words VARCHAR(40))
      BEGIN
        UPDATE fusertest_counters SET value = value + step WHERE name = circle;
        SELECT value INTO nr FROM fusertest_counters WHERE name = circle;
        SET step = step * 2, stamp = '2026-10-25 02:30:00.5', amount = 1234567890.1234, words = 'Größe 🏠';
      END`,
    ],
    list: [
      `CREATE PROCEDURE fusertest_list (IN circle VARCHAR(20))
      BEGIN
        SELECT name, value FROM fusertest_counters ORDER BY name = circle DESC, name;
        SELECT 1 AS another;
        INSERT INTO fusertest_counters VALUES ('listed', 0);
      END`,
    ],
    twice: ["CREATE FUNCTION fusertest_twice (n INT) RETURNS INT DETERMINISTIC RETURN n + n"],
    refuse: [
      `CREATE PROCEDURE fusertest_refuse (IN words VARCHAR(60))
      BEGIN
        INSERT INTO fusertest_counters VALUES ('refused', 0);
        SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = words;
      END`,
    ],
    commits: [
      `CREATE PROCEDURE fusertest_commits (IN circle VARCHAR(20))
      BEGIN
        INSERT INTO fusertest_counters VALUES (circle, 0);
        COMMIT;
        START TRANSACTION;
      END`,
    ],
    commitsAndFails: [
      `CREATE PROCEDURE fusertest_commits_and_fails (IN circle VARCHAR(20))
      BEGIN
        INSERT INTO fusertest_counters VALUES (circle, 0);
        COMMIT;
        START TRANSACTION;
        SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'too late';
      END`,
    ],
  },
  drop: [
    ...["next", "list", "refuse", "commits", "commits_and_fails"].map((name) => `DROP PROCEDURE IF EXISTS fusertest_${name}`),
    "DROP FUNCTION IF EXISTS fusertest_twice",
  ],
};
