import type oracledb from "oracledb";
import { type Clock, systemClock } from "../../../base/time.ts";
import type { FeedSubject } from "./feed-subject.ts";
import { inOracle, oracleSubject } from "./oracle.ts";
import { never } from "./subject.ts";

const moment = "'YYYY-MM-DD HH24:MI:SS.FF'";
/** Key columns of the types that Oracle compares, with the values that are nasty for it. */
const keyValues: FeedSubject["keyValues"] = [
  { type: "INTEGER", values: ["-1", "0"] },
  { type: "NUMBER(19)", values: ["9007199254740993"] },
  { type: "NUMBER(38,10)", values: ["'1234567890123456789012345678.123456789'", "'-0.0000000001'"] },
  { type: "NUMBER(10,2)", values: ["0.1", "-0.01", "12"] },
  { type: "NUMBER", values: ["'12.50'"] },
  { type: "DATE", values: ["TO_DATE('2026-03-29 02:30:00', 'YYYY-MM-DD HH24:MI:SS')"] },
  { type: "TIMESTAMP(9)", values: [`TO_TIMESTAMP('2026-10-25 02:30:00.123456789', ${moment})`] },
  { type: "TIMESTAMP(3) WITH TIME ZONE", values: [`FROM_TZ(TO_TIMESTAMP('2026-10-25 01:00:00.250', ${moment}), '+00:00')`] },
  { type: "CHAR(10)", values: ["'ab '", "'ä'"] },
  { type: "VARCHAR2(40)", values: ["'Müßig – €'", "'x.y'", "'0010'", "' ab '"] },
  { type: "NVARCHAR2(40)", values: ["'Łódź 🏠'"] },
];

/** The feed rests a second or more between two rounds: here a hundredth of it. Time limits of statements stay as they are. */
export const hurried: Clock = {
  ...systemClock,
  monotonic: () => systemClock.monotonic() * 10,
  sleep: (ms, signal) => systemClock.sleep(ms / 100, signal),
};
/** Older than what Oracle takes for just defined. */
const agesMs = 60_000;

/** Oracle's double, whose rows have versions by the numbers of the commits. */
export async function oracleFeedSubject(): Promise<FeedSubject & Awaited<ReturnType<typeof oracleSubject>>> {
  const erp = await oracleSubject();
  return {
    ...erp,
    open: (options) => erp.open({ clock: hurried, ...options }),
    async run(sql, values) {
      await erp.run(sql, values);
      if (/^(CREATE|ALTER|TRUNCATE)\b/i.test(sql)) erp.engine.passTime(agesMs);
    },
    async session() {
      const session = await erp.connect();
      let waiting: string[] = [];
      return {
        // The double's engine lets one session write at a time: what a transaction does is run when it ends. (That an open one is not told is in oracle-feed.test.ts.)
        async run(sql) {
          waiting.push(sql);
          if (waiting[0] === "BEGIN" && sql !== "COMMIT" && sql !== "ROLLBACK") return;
          const statements = waiting;
          waiting = [];
          for (const statement of statements) await runOne(session, statement);
          if (sql !== "ROLLBACK") await session.commit();
        },
        [Symbol.asyncDispose]: () => session.close({ drop: true }),
      };
    },
    async cut() {
      erp.double.breakAll();
      await erp.reconnect();
    },
    async crash() {
      await erp.double.stop();
      await erp.double.start();
      await erp.reconnect();
    },
    async forget(change) {
      await erp.run(change);
      erp.engine.undo = { ...erp.engine.undo, from: erp.engine.scn };
    },
    async foreign() {
      await using other = await oracleSubject({ database: "OTHER" });
      const connector = await other.open();
      const position = await connector.feed?.begin([], never);
      await connector.close();
      return position as string;
    },
    hasNoMarks: true,
    keyValues,
    untold: [
      { title: "TRUNCATE", statements: ["TRUNCATE TABLE fusertest_untold"] },
      { title: "an altered table", statements: ["ALTER TABLE fusertest_untold ADD remark VARCHAR2(40)"] },
    ],
  };
}

async function runOne(session: oracledb.Connection, statement: string): Promise<void> {
  if (statement === "BEGIN" || statement === "COMMIT") return;
  if (statement === "ROLLBACK") return await session.rollback();
  for (const one of inOracle(statement)) await session.execute(one);
}
