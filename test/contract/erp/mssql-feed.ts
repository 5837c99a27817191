import type { FeedSubject } from "./feed-subject.ts";
import { mssqlSubject } from "./mssql.ts";
import { never } from "./subject.ts";

/** Key columns of every type that SQL Server compares, with the values that are nasty for it. */
const keyValues: FeedSubject["keyValues"] = [
  { type: "TINYINT", values: ["0", "255"] },
  { type: "INT", values: ["-1", "2147483647"] },
  { type: "BIGINT", values: ["9007199254740993", "-9223372036854775808"] },
  { type: "BIT", values: ["1", "0"] },
  { type: "DECIMAL(38,10)", values: ["'1234567890123456789012345678.1234567890'", "'-0.0000000001'"] },
  { type: "DECIMAL(10,2)", values: ["0.10", "-0.01", "'12'"] },
  { type: "MONEY", values: ["'922337203685477.5807'"] },
  { type: "FLOAT", values: ["0.1", "'1e300'"] },
  { type: "REAL", values: ["1.1"] },
  { type: "DATE", values: ["'0001-01-01'", "'9999-12-31'"] },
  { type: "DATETIME", values: ["'2026-10-25T02:30:00.007'"] },
  { type: "SMALLDATETIME", values: ["'2026-03-29T02:30:00'"] },
  { type: "DATETIME2(7)", values: ["'2026-10-25T02:30:00.1234567'"] },
  { type: "DATETIMEOFFSET(3)", values: ["'2026-03-29T03:30:00.5+02:00'"] },
  { type: "TIME(7)", values: ["'23:59:59.9999999'"] },
  { type: "CHAR(10)", values: ["'ab '", "'ä'", "''"] },
  { type: "NCHAR(10)", values: ["N'🏠'"] },
  { type: "VARCHAR(40)", values: ["'Müßig – €'", "'x.y'", "'0010'"] },
  { type: "NVARCHAR(40)", values: ["N'Łódź 🏠'", "N' ab'"] },
  { type: "UNIQUEIDENTIFIER", values: ["'123e4567-e89b-12d3-a456-426614174000'"] },
  { type: "VARBINARY(8)", values: ["0x00FF27"] },
];

const dialect: Readonly<Record<string, string>> = {
  BEGIN: "BEGIN TRANSACTION",
  COMMIT: "COMMIT TRANSACTION",
  ROLLBACK: "ROLLBACK TRANSACTION",
  "SAVEPOINT here": "SAVE TRANSACTION here",
  "ROLLBACK TO SAVEPOINT here": "ROLLBACK TRANSACTION here",
};

/** SQL Server's double with change tracking, which every table of the suite has. */
export async function mssqlFeedSubject(): Promise<FeedSubject> {
  const erp = await mssqlSubject();
  await erp.run("ALTER DATABASE erp SET CHANGE_TRACKING = ON (CHANGE_RETENTION = 7 DAYS, AUTO_CLEANUP = ON)");
  const restart = async (): Promise<void> => {
    erp.double.restart();
    await erp.reconnect();
  };
  return {
    ...erp,
    async run(sql, values) {
      await erp.run(sql, values);
      const made = /^CREATE TABLE (\w+)/.exec(sql)?.[1];
      if (made !== undefined) await erp.run(`ALTER TABLE ${made} ENABLE CHANGE_TRACKING`);
    },
    async session() {
      const session = await erp.connect();
      let waiting: string[] = [];
      return {
        // The double's engine lets one session write at a time: what a transaction does is run when it ends, which the others can't tell from the real
        // order, for they see nothing of it before.
        async run(sql) {
          waiting.push(dialect[sql] ?? sql);
          if (waiting[0] === dialect.BEGIN && sql !== "COMMIT" && sql !== "ROLLBACK") return;
          const statements = waiting;
          waiting = [];
          for (const statement of statements) await session.run(statement);
        },
        [Symbol.asyncDispose]: () => session[Symbol.asyncDispose](),
      };
    },
    cut: restart,
    crash: restart,
    async forget(change) {
      await erp.run(change);
      erp.double.database.cleanUp();
    },
    async foreign() {
      await using other = await mssqlSubject({ name: "another" });
      await other.run("ALTER DATABASE another SET CHANGE_TRACKING = ON");
      const connector = await other.open();
      const position = await connector.feed?.begin([], never);
      await connector.close();
      return position as string;
    },
    keyValues,
    untold: [{ title: "TRUNCATE", statements: ["TRUNCATE TABLE fusertest_untold"] }],
  };
}
