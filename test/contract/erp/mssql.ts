import tedious, { type Connection } from "tedious";
import { mssql } from "../../../connectors/mssql/connector.ts";
import { mssqlSyntax } from "../../../connectors/mssql/sql.ts";
import { type DoubleOptions, startTdsDouble, type TdsDouble } from "../../doubles/tds/tds-double.ts";
import type { NamedPlace, NamedServer } from "./named.ts";
import { contextOf, type Procedures, type Subject } from "./subject.ts";

const { Request, TYPES } = tedious;
const password = "secret";

interface MssqlSubject extends Subject {
  double: TdsDouble;
  /** The suite's own connection, after a restart. */
  reconnect(): Promise<void>;
  /** A session beside it. */
  connect(): Promise<Subject>;
}

/** SQL Server's double: the real driver, and behind the wire an engine of ours. What it was asked and does not know fails the test in the end. */
export async function mssqlSubject(options: DoubleOptions = {}): Promise<MssqlSubject> {
  const double = await startTdsDouble({ password, ...options });
  const place = { connector: "mssql", host: "127.0.0.1", port: double.port, user: "erp", password, database: "erp" };
  let subject = await subjectAt(place, "off");
  return {
    ...subject,
    run: (sql, values) => subject.run(sql, values),
    rows: (sql) => subject.rows(sql),
    double,
    connect: () => subjectAt(place, "off"),
    async reconnect() {
      await subject[Symbol.asyncDispose]();
      subject = await subjectAt(place, "off");
    },
    async [Symbol.asyncDispose]() {
      await subject[Symbol.asyncDispose]();
      await double[Symbol.asyncDispose]();
      const { refused } = double.database;
      if (refused.length > 0) throw new Error(`The double was asked what it does not know:\n${refused.join("\n")}`);
    },
  };
}

/** A database that is there already. */
async function subjectAt(place: NamedPlace, mode: "off" | "required"): Promise<Subject> {
  const connection = await connected(place, mode);
  const { host, port, user, database } = place;
  return {
    name: "SQL Server",
    open: (options) =>
      mssql.open(
        { server: host, port, database, user, password: { secret: "erp" }, tls: { mode } },
        async () => place.password,
        contextOf(options),
      ),
    async run(sql, values) {
      await ask(connection, sql, values);
    },
    rows: (sql) => ask(connection, sql),
    literal: (text) => `N'${text.replaceAll("'", "''")}'`,
    swallow: (table, column) =>
      `CREATE TRIGGER fuser_swallow ON ${table} AFTER INSERT AS UPDATE t SET ${column} = NULL FROM ${table} AS t JOIN inserted AS i ON t.id = i.id`,
    unswallow: () => "DROP TRIGGER fuser_swallow",
    procedures,
    type: (name) =>
      ({
        key: "NVARCHAR(60)",
        germanKey: "NVARCHAR(60) COLLATE German_PhoneBook_CI_AS",
        autoKey: "INT IDENTITY(1,1) PRIMARY KEY",
        stamp: "DATETIME",
        words: "NVARCHAR(40)",
      })[name],
    [Symbol.asyncDispose]: () => closed(connection),
  };
}

/** T-SQL's OUTPUT is IN as well; `commits` leaves as many transactions open as it found, or the server itself would complain. */
const procedures: Procedures = {
  make: {
    next: [
      `CREATE PROCEDURE fusertest_next (@circle NVARCHAR(20), @step INT OUTPUT, @nr BIGINT OUTPUT, @stamp DATETIME2(1) OUTPUT, @amount DECIMAL(20,4) OUTPUT, @words NVARCHAR(40) OUTPUT) AS BEGIN
        UPDATE fusertest_counters SET value = value + @step WHERE name = @circle;
        SET @nr = (SELECT value FROM fusertest_counters WHERE name = @circle);
        SET @step = @step * 2; SET @stamp = '2026-10-25T02:30:00.5'; SET @amount = 1234567890.1234; SET @words = N'Größe 🏠';
      END`,
    ],
    list: [
      `CREATE PROCEDURE fusertest_list @circle NVARCHAR(20) AS BEGIN
        SELECT name, value FROM fusertest_counters ORDER BY CASE WHEN name = @circle THEN 0 ELSE 1 END, name;
        SELECT 1 AS another;
        INSERT INTO fusertest_counters VALUES ('listed', 0);
      END`,
    ],
    twice: ["CREATE FUNCTION fusertest_twice (@n INT) RETURNS INT AS BEGIN RETURN @n + @n; END"],
    refuse: [
      `CREATE PROCEDURE fusertest_refuse @words NVARCHAR(60) AS BEGIN
        INSERT INTO fusertest_counters VALUES ('refused', 0);
        THROW 50001, @words, 1;
      END`,
    ],
    commits: [
      `CREATE PROCEDURE fusertest_commits @circle NVARCHAR(20) AS BEGIN
        INSERT INTO fusertest_counters VALUES (@circle, 0);
        COMMIT TRANSACTION; BEGIN TRANSACTION;
      END`,
    ],
    commitsAndFails: [
      `CREATE PROCEDURE fusertest_commits_and_fails @circle NVARCHAR(20) AS BEGIN
        INSERT INTO fusertest_counters VALUES (@circle, 0);
        COMMIT TRANSACTION; BEGIN TRANSACTION;
        THROW 50001, 'too late', 1;
      END`,
    ],
  },
  drop: [
    ...["next", "list", "refuse", "commits", "commits_and_fails"].map((name) => `DROP PROCEDURE IF EXISTS fusertest_${name}`),
    "DROP FUNCTION IF EXISTS fusertest_twice",
  ],
};

/** Closes it, whether the server was faster or not. */
async function closed(connection: Connection): Promise<void> {
  const open = (connection as unknown as { closed: boolean }).closed !== true;
  const ended = new Promise<void>((resolve) => connection.once("end", () => resolve()));
  connection.close();
  if (open) await ended;
}

async function connected({ host, port, user, password, database }: NamedPlace, mode: "off" | "required"): Promise<Connection> {
  const connection = new tedious.Connection({
    server: host,
    authentication: { type: "default", options: { userName: user, password } },
    options: { port, database, encrypt: mode === "required", trustServerCertificate: true },
  });
  connection.on("error", () => {});
  await new Promise<void>((resolve, reject) => connection.connect((error) => (error ? reject(error) : resolve())));
  return connection;
}

type PlainValue = string | number | null | Uint8Array;

/** Runs a statement as a client of the ERP would; its rows as text. */
async function ask(connection: Connection, sql: string, values: readonly PlainValue[] = []): Promise<(string | null)[][]> {
  const rows: (string | null)[][] = [];
  await new Promise<void>((resolve, reject) => {
    const request = new Request(numbered(sql), (error) => (error ? reject(error) : resolve()));
    for (const [index, value] of values.entries()) bind(request, `v${index}`, value);
    request.on("row", (cells: unknown) => {
      rows.push((cells as Cell[]).map(textOf));
    });
    if (values.length > 0) connection.execSql(request);
    else connection.execSqlBatch(request);
  });
  return rows;
}

function bind(request: InstanceType<typeof Request>, name: string, value: PlainValue): void {
  if (typeof value === "number") request.addParameter(name, Number.isSafeInteger(value) ? TYPES.BigInt : TYPES.Float, value);
  else if (value instanceof Uint8Array) request.addParameter(name, TYPES.VarBinary, Buffer.from(value));
  else request.addParameter(name, TYPES.NVarChar, value);
}

/** `?` outside of quotes becomes `@v0`, `@v1`, … */
function numbered(sql: string): string {
  let next = 0;
  return sql.replace(/'(?:[^']|'')*'|\?/g, (found) => (found === "?" ? `@v${next++}` : found));
}

interface Cell {
  value: unknown;
  metadata: { type: { name: string } };
}

/** Without the padding of CHAR, as every client shows it. */
function textOf({ value, metadata }: Cell): string | null {
  if (value === null || value === undefined) return null;
  if (value instanceof Date) return value.toISOString();
  return /^N?Char$/.test(metadata.type.name) ? String(value).trimEnd() : String(value);
}

/** An SQL Server that a user names. NOEXEC compiles a statement and does not run it; names are looked up only when it runs. */
export const namedMssql: NamedServer = {
  port: 1433,
  syntax: mssqlSyntax,
  subject: (place) => subjectAt(place, "required"),
  async look(place) {
    const connection = await connected(place, "required");
    return {
      tables: async () => (await ask(connection, "SELECT name FROM sys.tables")).map(([name]) => name ?? ""),
      async drop(table) {
        await ask(connection, `DROP TABLE ${mssqlSyntax.quote(table)}`);
      },
      async parse(text) {
        try {
          await ask(connection, `SET PARSEONLY ON; ${text}\n; SET PARSEONLY OFF`);
          return undefined;
        } catch (error) {
          await ask(connection, "SET PARSEONLY OFF");
          return (error as Error).message;
        }
      },
      [Symbol.asyncDispose]: () => closed(connection),
    };
  },
};
