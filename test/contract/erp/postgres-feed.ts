import type { Postgres, PostgresProgram } from "../../support/postgres.ts";
import { publishAll } from "../../support/postgres-feed.ts";
import { postgres } from "../../support/servers.ts";
import type { FeedSubject } from "./feed-subject.ts";
import { postgresSubject } from "./postgres.ts";
import { never } from "./subject.ts";

/** Key columns of every type that PostgreSQL has for one, with the values that are nasty for it. */
const keyValues: FeedSubject["keyValues"] = [
  { type: "INTEGER", values: ["0", "-1", "2147483647", "-2147483648"] },
  { type: "SMALLINT", values: ["-32768"] },
  { type: "BIGINT", values: ["9007199254740991", "9007199254740993", "-9223372036854775808"] },
  { type: "NUMERIC(38,10)", values: ["1234567890123456789012345678.1234567890", "-0.0000000001", "0"] },
  { type: "NUMERIC", values: ["0.10", "1e30", "'NaN'", "0.00000000000000000000000000000000001"] },
  { type: "REAL", values: ["0.1", "16777216", "1e-7", "3.4e38", "'-0'"] },
  { type: "DOUBLE PRECISION", values: ["0.1", "1e300", "5e-324", "'NaN'", "'-Infinity'", "123456789.123"] },
  { type: "BOOLEAN", values: ["true", "false"] },
  { type: "DATE", values: ["'2026-03-29'", "'9999-12-31'", "'0044-03-15 BC'", "'infinity'"] },
  { type: "TIME(3)", values: ["'23:59:59.999'", "'24:00:00'"] },
  { type: "TIMETZ", values: ["'12:30:00+02'"] },
  { type: "TIMESTAMP", values: ["'2026-03-29 02:30:00'", "'1753-01-01 00:00:00.000001'", "'-infinity'"] },
  {
    type: "TIMESTAMPTZ",
    values: ["'2026-10-25 02:30:00+02'", "'2026-10-25 02:30:00+01'", "'1969-12-31 23:59:59.999999Z'", "'infinity'"],
  },
  { type: "INTERVAL", values: ["'1 month -3 days 02:00:00.5'"] },
  { type: "CHAR(10)", values: ["'ab '", "'AB'", "'ä'", "''"] },
  { type: "VARCHAR(300)", values: ["'ab '", "'0004711'", "'x.y'", "'a/b'", "'Straße 🏠'", "repeat('ü', 300)"] },
  { type: "TEXT", values: ["'Müßig – €'", "E'Zeile\\nzwei'", "repeat('lang ', 500)"] },
  { type: '"char"', values: ["'x'"] },
  { type: "NAME", values: ["'a name'"] },
  { type: "BYTEA", values: ["'\\x00ff27'", "''"] },
  { type: "UUID", values: ["'123e4567-e89b-12d3-a456-426614174000'"] },
  { type: "OID", values: ["4294967295"] },
  { type: "JSONB", values: [`'{"b": 1, "a": [2]}'`] },
  { type: "INTEGER[]", values: ["'{1,2}'"] },
  { type: "INET", values: ["'10.0.0.1/8'"] },
  { type: "fusertest_mood", values: ["'ü'", "'z'"] },
  { type: "fusertest_rent", values: ["12.5", "0"] },
];

const untold: FeedSubject["untold"] = [
  { title: "TRUNCATE", statements: ["TRUNCATE fusertest_untold"] },
  { title: "ALTER TABLE", statements: ["ALTER TABLE fusertest_untold ADD COLUMN more INT DEFAULT 5"] },
  {
    title: "rows rewritten in place",
    statements: ["ALTER TABLE fusertest_untold ALTER words TYPE VARCHAR(50) USING upper(words)"],
  },
  {
    title: "a renamed table in its place",
    statements: [
      "CREATE TABLE fusertest_other (LIKE fusertest_untold INCLUDING ALL)",
      "ALTER TABLE fusertest_untold RENAME TO fusertest_old",
      "ALTER TABLE fusertest_other RENAME TO fusertest_untold",
      "DROP TABLE fusertest_old",
    ],
  },
  {
    title: "a table that is made anew",
    statements: ["DROP TABLE fusertest_untold", "CREATE TABLE fusertest_untold (id INT NOT NULL PRIMARY KEY, words VARCHAR(40))"],
  },
];

/** A PostgreSQL with a publication of all tables, and what a feed's tests do to it. */
export async function postgresFeedSubject(program: PostgresProgram): Promise<FeedSubject> {
  const server = await postgres({ program });
  const subject = await postgresSubject({ server });
  const { database } = subject;
  await publishAll(server, database);
  let admin = await server.connect(database);
  const asAdmin = async (text: string): Promise<unknown> => admin.query(text);
  return {
    ...subject,
    keepsForOne: true,
    keyValues,
    untold,
    // The subject's own connection does not outlive a crash.
    async run(sql, values) {
      if (values !== undefined) return subject.run(sql, values);
      await asAdmin(sql);
    },
    session: () => session(server, database),
    async cut() {
      await asAdmin("SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE active");
    },
    async crash() {
      await server.kill9();
      await server.restart();
      await admin.end().catch(() => {});
      admin = await server.connect(database);
    },
    async forget(change) {
      await asAdmin(change);
      await asAdmin("SELECT pg_replication_slot_advance(slot_name, pg_current_wal_lsn()) FROM pg_replication_slots");
    },
    async foreign(table) {
      await using other = await postgres({ program });
      await using elsewhere = await postgresSubject({ server: other });
      await publishAll(other, elsewhere.database);
      await elsewhere.run(`CREATE TABLE ${table} (id INT NOT NULL PRIMARY KEY, words VARCHAR(40))`);
      const connector = await elsewhere.open();
      const position = await connector.feed?.begin([{ table, key: ["id"], own: ["id"] }], never);
      await connector.close();
      return position as string;
    },
    async [Symbol.asyncDispose]() {
      await admin.end();
      await subject[Symbol.asyncDispose]();
      await server.stop();
    },
  };
}

async function session(server: Postgres, database: string): ReturnType<FeedSubject["session"]> {
  const client = await server.connect(database);
  return {
    async run(sql) {
      await client.query(sql);
    },
    async [Symbol.asyncDispose]() {
      await client.end();
    },
  };
}
