import { type Connection, createConnection, type RowDataPacket } from "mysql2/promise";
import type { MariaDb } from "../../support/mariadb.ts";
import { mariadb } from "../../support/servers.ts";
import type { FeedSubject } from "./feed-subject.ts";
import { mysqlSubject } from "./mysql.ts";
import { never } from "./subject.ts";

/** Key columns of every type that MariaDB has for one, with the values that are nasty for it. */
export const mysqlKeyValues: FeedSubject["keyValues"] = [
  { type: "INT", values: ["0", "-1", "2147483647", "-2147483648"] },
  { type: "INT(5) ZEROFILL", values: ["42", "4294967295", "0"] },
  { type: "TINYINT(1)", values: ["1", "0", "-128"] },
  { type: "MEDIUMINT UNSIGNED", values: ["16777215"] },
  { type: "SMALLINT", values: ["-32768"] },
  { type: "BIGINT", values: ["9007199254740991", "9007199254740993", "-9223372036854775808"] },
  { type: "BIGINT UNSIGNED", values: ["18446744073709551615", "1"] },
  { type: "BIT(1)", values: ["b'1'", "b'0'"] },
  { type: "BIT(10)", values: ["b'1000000001'"] },
  { type: "BIT(64)", values: ["b'1111111111111111111111111111111111111111111111111111111111111111'"] },
  { type: "YEAR", values: ["2026", "1901", "0"] },
  { type: "DECIMAL(38,10)", values: ["1234567890123456789012345678.1234567890", "-0.0000000001", "0"] },
  { type: "DECIMAL(10,2)", values: ["0.10", "-0.01", "12", "-99999999.99"] },
  { type: "DECIMAL(8,2) ZEROFILL", values: ["12.5", "0"] },
  { type: "DECIMAL(18,0)", values: ["4711", "-999999999999999999"] },
  { type: "DOUBLE", values: ["0.1", "1e300", "-0.0", "123456789.123", "5e-324"] },
  { type: "FLOAT", values: ["0.1", "1.5", "16777216", "1e-7", "3.4e38", "-123.456"] },
  { type: "FLOAT(7,2)", values: ["1.1", "12345.67"] },
  { type: "DOUBLE(12,3)", values: ["1.1", "123456789.125"] },
  { type: "DATE", values: ["'2026-03-29'", "'9999-12-31'", "'0000-00-00'", "'1101-01-00'", "'0001-01-01'"] },
  { type: "DATETIME", values: ["'2026-03-29 02:30:00'", "'1753-01-01 00:00:00'", "'0000-00-00 00:00:00'"] },
  { type: "DATETIME(1)", values: ["'2026-10-25 02:30:00.5'"] },
  { type: "DATETIME(3)", values: ["'2026-10-25 02:30:00.500'", "'2026-10-25 02:30:00.000'"] },
  { type: "DATETIME(5)", values: ["'2026-10-25 02:30:00.00001'"] },
  { type: "DATETIME(6)", values: ["'2026-10-25 02:30:00.000001'", "'1969-12-31 23:59:59.999999'"] },
  { type: "TIMESTAMP NULL", values: ["FROM_UNIXTIME(1774747800)", "FROM_UNIXTIME(1)", "'0000-00-00 00:00:00'"] },
  { type: "TIMESTAMP(3) NULL", values: ["FROM_UNIXTIME(1792890000.250)"] },
  { type: "TIMESTAMP(6) NULL", values: ["FROM_UNIXTIME(1792890000.000001)"] },
  {
    type: "TIME",
    values: [
      "'-12:30:00'",
      "'838:59:59'",
      "'-838:59:59'",
      "'00:00:00'",
      "'-00:00:01'",
      "'-01:00:00'",
      "'-00:01:00'",
      "'-11:59:59'",
    ],
  },
  { type: "TIME(3)", values: ["'-12:30:00.250'", "'00:00:00.001'", "'-00:00:00.001'", "'-00:00:59.999'", "'-12:30:00.000'"] },
  { type: "TIME(6)", values: ["'-12:30:00.000001'", "'838:59:59.000000'"] },
  { type: "CHAR(10)", values: ["'ab '", "'AB'", "'ä'", "''"] },
  { type: "CHAR(100)", values: ["'Müller'", "'🏠'"] },
  { type: "VARCHAR(10)", values: ["'ab '", "'0004711'", "'x.y'", "'a/b'", "'Straße'"] },
  { type: "VARCHAR(300)", values: ["REPEAT('ü', 300)"] },
  { type: "VARCHAR(40) CHARACTER SET latin1", values: ["'Müßig – €'"] },
  { type: "CHAR(5) CHARACTER SET latin1 COLLATE latin1_german2_ci", values: ["'Öl'", "'oel'"] },
  { type: "VARCHAR(40) CHARACTER SET latin2", values: ["'Łódź'"] },
  { type: "VARCHAR(40) CHARACTER SET cp1250", values: ["'Łódź'"] },
  { type: "VARCHAR(40) CHARACTER SET cp850", values: ["'Öl'"] },
  { type: "VARCHAR(40) CHARACTER SET ucs2", values: ["'Öl'"] },
  { type: "VARCHAR(40) CHARACTER SET utf16", values: ["'Öl🏠'"] },
  { type: "VARCHAR(40) CHARACTER SET utf32", values: ["'Öl🏠'"] },
  { type: "VARCHAR(40) CHARACTER SET utf8mb3 COLLATE utf8mb3_german2_ci", values: ["'Öl'"] },
  { type: "VARCHAR(40) COLLATE uca1400_german2_ai_ci", values: ["'Öl'"] },
  { type: "ENUM('a','ü','x,y','it''s')", values: ["'ü'", "'x,y'", "'it''s'", "0"] },
  { type: "SET('a','b')", values: ["'a,b'", "''"] },
  { type: "BINARY(4)", values: ["X'00FF'", "X'41424344'", "X'20202020'"] },
  { type: "VARBINARY(10)", values: ["X'00FF27'", "X''", "X'0000'"] },
  { type: "UUID", values: ["'123e4567-e89b-12d3-a456-426614174000'", "'00000000-0000-0000-0000-000000000000'"] },
];

const untold: FeedSubject["untold"] = [
  { title: "TRUNCATE", statements: ["TRUNCATE fusertest_untold"] },
  { title: "ALTER TABLE", statements: ["ALTER TABLE fusertest_untold ADD COLUMN more INT DEFAULT 5"] },
  {
    title: "a statement that is logged as such",
    statements: [
      "SET SESSION binlog_format = 'STATEMENT'",
      "UPDATE fusertest_untold SET words = 'by statement'",
      "SET SESSION binlog_format = 'ROW'",
    ],
  },
  {
    title: "a renamed table in its place",
    statements: [
      "CREATE TABLE fusertest_other LIKE fusertest_untold",
      "RENAME TABLE fusertest_untold TO fusertest_old, fusertest_other TO fusertest_untold",
      "DROP TABLE fusertest_old",
    ],
  },
  {
    title: "a table that is made anew",
    statements: ["DROP TABLE fusertest_untold", "CREATE TABLE fusertest_untold (id INT NOT NULL PRIMARY KEY, words VARCHAR(40))"],
  },
];

/** A MariaDB with a binlog, and what a feed's tests do to it. */
export async function mysqlFeedSubject(given?: MariaDb): Promise<FeedSubject & { server: MariaDb; database: string }> {
  const server = given ?? (await mariadb());
  const subject = await mysqlSubject(server);
  const reconnect = async () => (await server.connect()) as Awaited<ReturnType<MariaDb["connect"]>>;
  /** Values of all kinds are stored as by an ERP that does not look. */
  const careless = async (): Promise<Connection> => {
    const { host, port, user, password } = server;
    const connection = await createConnection({ host, port, user, password, database: subject.database, charset: "utf8mb4" });
    connection.on("error", () => {});
    await connection.query("SET SESSION sql_mode = ''");
    return connection;
  };
  let statements: Connection | undefined;
  return {
    ...subject,
    keyValues: mysqlKeyValues,
    untold,
    async run(sql, values) {
      statements ??= await careless();
      for (const statement of sql.split(";\n")) await statements.query(statement, values as unknown[]);
    },
    async session() {
      const connection = await reconnect();
      await connection.query("USE ??", [subject.database]);
      return {
        async run(sql) {
          await connection.query(sql);
        },
        async [Symbol.asyncDispose]() {
          await connection.end();
        },
      };
    },
    async cut() {
      const connection = await reconnect();
      const [dumps] = await connection.query<RowDataPacket[]>(
        "SELECT ID AS id FROM information_schema.PROCESSLIST WHERE COMMAND = 'Binlog Dump'",
      );
      for (const { id } of dumps) await connection.query(`KILL ${id}`);
      await connection.end();
    },
    async crash() {
      statements?.destroy();
      statements = undefined;
      await server.kill9();
      await server.restart();
    },
    async forget(change) {
      const connection = await reconnect();
      await connection.query("USE ??", [subject.database]);
      await connection.query("FLUSH BINARY LOGS");
      await connection.query(change);
      // A file stays while the engine's log still needs it, or somebody reads it.
      for (;;) {
        await connection.query("FLUSH BINARY LOGS");
        const [files] = await connection.query<RowDataPacket[]>("SHOW BINARY LOGS");
        await connection.query("PURGE BINARY LOGS TO ?", [files.at(-1)?.Log_name]);
        const [left] = await connection.query<RowDataPacket[]>("SHOW BINARY LOGS");
        if (left.length === 1) break;
      }
      await connection.end();
    },
    async foreign(table) {
      // Transactions under this server's own number it could have been given back (a failback), which is a gap.
      await using other = await mariadb({ extraFlags: ["--server-id=7"] });
      await using elsewhere = await mysqlSubject(other);
      await elsewhere.run(`CREATE TABLE ${table} (id INT NOT NULL PRIMARY KEY, words VARCHAR(40))`);
      const connector = await elsewhere.open();
      const position = await connector.feed?.begin([{ table, key: ["id"], own: ["id"] }], never);
      await connector.close();
      return position as string;
    },
    async [Symbol.asyncDispose]() {
      await statements?.end();
      await subject[Symbol.asyncDispose]();
      if (!given) await server.stop();
    },
  };
}
