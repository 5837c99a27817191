/** Databases whose one table is filled with whatever it takes, and connectors to them. */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { createConnection } from "mysql2/promise";
import { silentLog } from "../../base/log.ts";
import { systemClock } from "../../base/time.ts";
import type { Connector, ConnectorContext } from "../../connectors/connector.ts";
import { mysql } from "../../connectors/mysql/connector.ts";
import { sqlite } from "../../connectors/sqlite/connector.ts";
import { mariadb } from "../support/servers.ts";

export interface RowDatabase extends AsyncDisposable {
  readonly name: string;
  readonly columns: readonly string[];
  /** Ways to read it, which must agree. */
  readonly connectors: readonly Connector[];
  /** A text of these bytes, in the table's own encoding or none. */
  textOf(hex: string): string;
  /** Replaces all rows by these, given as literals; returns how many the table took. */
  fill(rows: readonly (readonly string[])[]): Promise<number>;
}

const context: ConnectorContext = {
  ...{ clock: systemClock, log: silentLog, sessionName: "fuser-fuzz" },
  limits: { statementTimeoutMs: 20_000, lockTimeoutMs: 1_000, batchRows: 7, batchBytes: 100_000, snapshotMs: 60_000 },
};

export async function sqliteRows(): Promise<RowDatabase> {
  const home = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "erpfuser-fuzz-"));
  const file = join(home, "erp.db");
  const database = new DatabaseSync(file);
  const declared = [
    "K VARCHAR(60) PRIMARY KEY",
    "TXT TEXT",
    "CH CHAR(10)",
    "GANZ INTEGER",
    "DEZ DECIMAL(12,2)",
    "FLO REAL",
    "BOO BOOLEAN",
    "DAT DATE",
    "DT DATETIME",
    "INS TIMESTAMPTZ",
    "TIM TIME",
    "BLO BLOB",
  ];
  database.exec(`PRAGMA journal_mode = wal; PRAGMA synchronous = OFF; CREATE TABLE T (${declared.join(", ")})`);
  const connector = await sqlite.open({ file }, async () => "", context);
  return {
    name: "SQLite",
    columns: declared.map((column) => column.split(" ")[0] as string),
    connectors: [connector],
    textOf: (hex) => `CAST(x'${hex}' AS TEXT)`,
    async fill(rows) {
      database.exec("DELETE FROM T");
      for (const row of rows) database.exec(`INSERT OR IGNORE INTO T VALUES (${row.join(", ")})`);
      return Number(database.prepare("SELECT COUNT(*) AS n FROM T").get()?.n);
    },
    async [Symbol.asyncDispose]() {
      await connector.close();
      database.close();
      rmSync(home, { recursive: true, force: true });
    },
  };
}

export async function mariadbRows(): Promise<RowDatabase> {
  await using opened = new AsyncDisposableStack();
  const server = opened.use(await mariadb());
  const access = await server.createDatabase("fuzz");
  const connection = await createConnection({ ...access, charset: "utf8mb4" });
  opened.defer(() => connection.end());
  const declared = [
    ...[
      "K VARCHAR(60) COLLATE utf8mb4_bin PRIMARY KEY",
      "TXT MEDIUMTEXT",
      "CH CHAR(10) CHARACTER SET latin1",
      "GANZ BIGINT",
      "DEZ DECIMAL(65,30)",
    ],
    ...[
      "FLO DOUBLE",
      "BOO BIT(1)",
      "DAT DATE",
      "DT DATETIME(6)",
      "INS TIMESTAMP(3) NULL",
      "TIM TIME(6)",
      "BLO VARBINARY(300)",
      "UNS BIGINT UNSIGNED",
    ],
    ...["F4 FLOAT", "BITS BIT(64)", "YEA YEAR", "EN ENUM('a', 'b', 'ä')", "SE SET('x', 'y')", "SMALL TINYINT"],
  ];
  await connection.query("SET SESSION sql_mode = '', time_zone = '+00:00'");
  await connection.query(`CREATE TABLE T (${declared.join(", ")})`);
  const { host, port, user, password } = access;
  const settings = { server: host, port, database: "fuzz", user, password: { secret: "erp" } };
  const connectors: Connector[] = [];
  for (const rawRows of [true, false]) {
    const connector = await mysql.open({ ...settings, rawRows }, async () => password, context);
    opened.defer(() => connector.close());
    connectors.push(connector);
  }
  const rest = opened.move();
  return {
    ...{ name: "MariaDB", columns: declared.map((column) => column.split(" ")[0] as string), connectors },
    textOf: (hex) => (hex === "" ? "''" : `CONVERT(x'${hex}' USING utf8mb4)`),
    async fill(rows) {
      await connection.query("DELETE FROM T");
      for (const row of rows) await connection.query(`INSERT IGNORE INTO T VALUES (${row.join(", ")})`);
      const [counted] = await connection.query("SELECT COUNT(*) AS n FROM T");
      return Number((counted as { n: number }[])[0]?.n);
    },
    [Symbol.asyncDispose]: () => rest.disposeAsync(),
  };
}
