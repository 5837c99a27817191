// What the feed makes of the limits of flashback version queries, beyond what every feed must do (connector-feed.test.ts). The double keeps the versions of rows by their
// commits, and answers as Oracle is documented to: that Oracle itself does is not verified here (`npm run contract` takes a server only for what is no feed). Its statements
// meet Oracle's grammar in oracle-statements.test.ts.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Connector } from "../../connectors/connector.ts";
import type { Feed, FeedTable } from "../../connectors/feed.ts";
import { OracleError } from "../doubles/tns/database.ts";
import { follow } from "./erp/follow.ts";
import { oracleSubject } from "./erp/oracle.ts";
import { hurried, oracleFeedSubject } from "./erp/oracle-feed.ts";
import { never } from "./erp/subject.ts";

const rows: FeedTable = { table: "fusertest_rows", key: ["id"], own: ["id"] };
const other: FeedTable = { table: "fusertest_other", key: ["id"], own: ["id"] };

describe("Oracle: row versions as a feed", () => {
  let erp: Awaited<ReturnType<typeof oracleFeedSubject>>;
  let connector: Connector;
  let feed: Feed;
  beforeAll(async () => {
    erp = await oracleFeedSubject();
    for (const { table } of [rows, other])
      await erp.run(`CREATE TABLE ${table} (id INTEGER NOT NULL PRIMARY KEY, words VARCHAR2(40))`);
    connector = await erp.open();
    feed = connector.feed as Feed;
  });
  afterAll(async () => {
    await connector?.close();
    await erp?.[Symbol.asyncDispose]();
  });
  beforeEach(async () => {
    for (const { table } of [rows, other]) await erp.run(`DELETE FROM ${table}`);
  });
  afterEach(() => {
    erp.double.interfere = () => undefined;
    erp.engine.mayFlashback = true;
    erp.engine.undo = { ...erp.engine.undo, from: 0n };
  });
  /** Lets what follows these words meet an error. */
  const fails = (words: RegExp, number: number): void => {
    erp.double.interfere = ({ sql }) => (words.test(sql) ? new OracleError(number, "told by the double") : undefined);
  };
  const findings = async (tables: readonly FeedTable[] = [rows]) =>
    (await feed.check(tables, never)).map(({ severity, code, place, message, remedy }) => ({
      severity,
      code,
      place,
      told: `${message} ${remedy}`,
    }));

  it("an open transaction is passed by for as long as it is open, and told after its commit by whoever reads then", async () => {
    const begin = await feed.begin([rows], never);
    const session = await erp.connect();
    try {
      await session.execute("INSERT INTO fusertest_rows (id, words) VALUES (1, 'long')");
      await session.execute("INSERT INTO fusertest_rows (id, words) VALUES (2, 'long')");
      await session.execute("UPDATE fusertest_rows SET words = 'longer' WHERE id = 2");
      let position: string;
      {
        await using told = follow(feed, [rows], begin);
        // Others commit meanwhile, ten minutes long.
        erp.engine.scn += 600n;
        await told.until(() => told.position !== begin);
        expect(told.keys()).toEqual([]);
        position = told.position;
      }
      await using told = follow(feed, [rows], position);
      await session.commit();
      await told.until(() => told.keys().length === 2);
    } finally {
      await session.close({ drop: true });
    }
  });

  it("a number that a crashed instance gives anew is told under what is committed with it then", async () => {
    let position: string;
    {
      await using told = follow(feed, [rows], await feed.begin([rows], never));
      await erp.run("INSERT INTO fusertest_rows (id, words) VALUES (1, 'seen')");
      await told.until(() => told.keys().includes("1"));
      ({ position } = told);
    }
    // What was seen had not reached the disk: the number of its commit is free again.
    erp.engine.scn -= 1n;
    await erp.run("INSERT INTO fusertest_rows (id, words) VALUES (2, 'anew')");
    await using told = follow(feed, [rows], position);
    await told.until(() => told.keys().includes("2"));
  });

  it("a position far ahead of the server is of another history", async () => {
    const position = (await feed.begin([rows], never)).replace(/ (\d+) (\d+) /, (_, since, scn) => ` ${since}0 ${scn}0 `);
    expect(await follow(feed, [rows], position).failed()).toMatchObject({ kind: "history-lost", code: "erp-feed-other-history" });
  });

  it("what a change of the definition hides is owed a compare, be it that the server stops at it without a word, that it says so, or that it comes between two looks", async () => {
    const position = await feed.begin([rows, other], never);
    await erp.run("INSERT INTO fusertest_rows (id, words) VALUES (1, 'hidden')");
    await erp.run("ALTER TABLE fusertest_rows ADD more VARCHAR2(10)");
    {
      await using told = follow(feed, [rows, other], position);
      await told.until(() => told.untold().length > 0);
      expect([told.keys(), told.untold()]).toEqual([[], [0]]);
    }
    await using told = follow(feed, [rows, other], await feed.begin([rows, other], never));
    // So young that Oracle refuses: said again and again, until it tells rows again.
    const session = await erp.connect();
    await session.execute("TRUNCATE TABLE fusertest_rows").finally(() => session.close({ drop: true }));
    for (const id of [1, 2]) {
      told.clear();
      await erp.run(`INSERT INTO fusertest_other VALUES (${id}, 'beside')`);
      await told.until(() => told.keys(1).includes(String(id)));
      expect(told.untold()).toEqual([0]);
    }
    erp.engine.passTime(60_000);
    await erp.run("INSERT INTO fusertest_other VALUES (3, 'beside')");
    await told.until(() => told.keys(1).includes("3"));
    await erp.run("INSERT INTO fusertest_rows (id, words) VALUES (3, 'after')");
    await told.until(() => told.keys().includes("3"));
    expect(told.untold()).toEqual([0]);
  });

  it("two changes of a definition within one second, of which the server says nothing but their time, are told apart", async () => {
    erp.engine.youngMs = 0;
    await using told = follow(feed, [rows, other], await feed.begin([rows, other], never));
    const session = await erp.connect();
    try {
      for (const column of ["one", "two"]) {
        told.clear();
        await session.execute(`ALTER TABLE fusertest_rows ADD ${column} VARCHAR2(10)`);
        await told.until(() => told.untold().length > 0);
      }
    } finally {
      await session.close({ drop: true });
      erp.engine.passTime(60_000);
      erp.engine.youngMs = 5_000;
    }
  });

  it("a table that goes away and comes back is owed a compare, holds up no other, and is told of again", async () => {
    const table = { ...rows, table: "fusertest_fleeting" };
    const make = () => erp.run("CREATE TABLE fusertest_fleeting (id INTEGER NOT NULL PRIMARY KEY)");
    await make();
    await using told = follow(feed, [table, other], await feed.begin([table, other], never));
    await told.until(() => told.batches.length > 0);
    await erp.run("DROP TABLE fusertest_fleeting");
    await erp.run("INSERT INTO fusertest_other VALUES (1, 'beside')");
    await told.until(() => told.keys(1).includes("1") && told.untold().length > 0);
    told.clear();
    await make();
    await told.until(() => told.untold().length > 0);
    await erp.run("INSERT INTO fusertest_fleeting VALUES (7)");
    await told.until(() => told.keys().includes("7"));
    expect(told.untold()).toEqual([0]);
    // Between a look and a question, too.
    told.clear();
    erp.double.interfere = ({ sql }) =>
      sql.includes('"FUSERTEST_FLEETING" VERSIONS') ? new OracleError(942, "table or view does not exist") : undefined;
    await erp.run("INSERT INTO fusertest_other VALUES (2, 'beside')");
    await told.until(() => told.keys(1).includes("2"));
    expect(told.untold()).toEqual([0]);
    await erp.run("DROP TABLE fusertest_fleeting");
  });

  it.each([30052, 8181, 8180, 1555])("ORA-%i leads to a gap, however the server loses the moment", async (number) => {
    const position = await feed.begin([rows], never);
    await erp.run("INSERT INTO fusertest_rows (id, words) VALUES (1, 'lost')");
    fails(/VERSIONS BETWEEN/, number);
    expect(await follow(feed, [rows], position).failed()).toMatchObject({ kind: "history-lost", code: "erp-feed-gap" });
  });

  it("undo that lacks for one table alone, and more versions than are taken at once, owe that table a compare", async () => {
    await using told = follow(feed, [rows, other], await feed.begin([rows, other], never));
    fails(/"FUSERTEST_ROWS" VERSIONS BETWEEN/, 1555);
    await erp.run("INSERT INTO fusertest_other VALUES (1, 'told')");
    await told.until(() => told.keys(1).includes("1") && told.untold().length > 0);
    expect(told.untold()).toEqual([0]);
    erp.double.interfere = () => undefined;
    await erp.run("INSERT INTO fusertest_rows (id) VALUES (1)");
    await told.until(() => told.keys().includes("1"));
    told.clear();
    erp.engine.admin.exec(
      "INSERT INTO FUSERTEST_OTHER (ID) WITH n (id) AS (SELECT 2 UNION ALL SELECT id + 1 FROM n WHERE id < 20100) SELECT id FROM n",
    );
    await erp.run("INSERT INTO fusertest_rows (id) VALUES (2)");
    await told.until(() => told.keys().includes("2"));
    expect([told.keys(1), told.untold()]).toEqual([[], [1]]);
  });

  it("a row that was deleted and made anew in one transaction is told, and one that came and went within it is not", async () => {
    await erp.run("INSERT INTO fusertest_rows (id) VALUES (1)");
    await using told = follow(feed, [rows], await feed.begin([rows], never));
    await using session = await erp.session();
    for (const statement of [
      "BEGIN",
      "INSERT INTO fusertest_rows (id) VALUES (7)",
      "DELETE FROM fusertest_rows WHERE id = 7",
      "DELETE FROM fusertest_rows WHERE id = 1",
      "INSERT INTO fusertest_rows (id) VALUES (9)",
      "UPDATE fusertest_rows SET id = 8 WHERE id = 9",
      "COMMIT",
    ])
      await session.run(statement);
    await told.until(() => told.keys().length > 1);
    expect(told.keys().sort()).toEqual(["1", "8"]);
  });

  it("without FLASHBACK on the table check prints the grant, and the feed can't be used", async () => {
    const position = await feed.begin([rows], never);
    erp.engine.mayFlashback = false;
    await erp.run("INSERT INTO fusertest_rows (id) VALUES (1)");
    expect((await findings()).filter(({ severity }) => severity === "error")).toMatchObject([
      { code: "erp-rights", place: "fusertest_rows", told: expect.stringContaining('GRANT FLASHBACK ON "FUSERTEST_ROWS" TO') },
    ]);
    expect(await follow(feed, [rows], position).failed()).toMatchObject({ kind: "config", code: "erp-rights" });
  });

  it("without a way to ask for the system change number check prints the grant, and no position is made up", async () => {
    fails(/GET_SYSTEM_CHANGE_NUMBER/, 904);
    expect((await findings()).filter(({ severity }) => severity === "error")).toMatchObject([
      { code: "erp-rights", told: expect.stringContaining("GRANT EXECUTE ON SYS.DBMS_FLASHBACK TO") },
    ]);
    await expect(feed.begin([rows], never)).rejects.toMatchObject({ kind: "config", code: "erp-rights" });
  });

  it("check refuses views, temporary, clustered and external tables, of which Oracle keeps no versions, and keys that are not there", async () => {
    const { admin, owner } = erp.engine;
    const made = ["SEEN", "PASSING", "SHARED", "OUTSIDE"].map((name) => `FUSERTEST_${name}`);
    for (const name of made) {
      const kind = name === "FUSERTEST_SEEN" ? "VIEW" : "TABLE";
      admin.exec(`INSERT INTO ALL_OBJECTS (OWNER, OBJECT_NAME, OBJECT_TYPE) VALUES ('${owner}', '${name}', '${kind}')`);
    }
    for (const name of made)
      admin.exec(
        `INSERT INTO ALL_TAB_COLUMNS (OWNER, TABLE_NAME, COLUMN_NAME, DATA_TYPE, NULLABLE) VALUES ('${owner}', '${name}', 'ID', 'NUMBER', 'N')`,
      );
    admin.exec(`INSERT INTO ALL_TABLES VALUES ('${owner}', 'FUSERTEST_PASSING', 5, 'Y', NULL), ('${owner}', 'FUSERTEST_SHARED', 5, 'N', 'C'), ('${owner}', 'FUSERTEST_OUTSIDE', 5, 'N', NULL);
      INSERT INTO ALL_EXTERNAL_TABLES VALUES ('${owner}', 'FUSERTEST_OUTSIDE')`);
    const asked = [...made, "fusertest_nothing"].map((table) => ({ ...rows, table }));
    const found = await findings([...asked, { ...rows, own: ["nr"] }]);
    const errors = found.filter(({ severity }) => severity === "error");
    expect(errors.map(({ code }) => code)).toEqual(Array.from({ length: 6 }, () => "erp-feed-table"));
    expect(
      errors.map(({ told }) => /it is (.*?) Use|no table|no column \w+/.exec(told)).map((match) => match?.[1] ?? match?.[0]),
    ).toEqual(["a view", "a temporary table", "part of a cluster", "an external table", "no table", "no column nr"]);
  });

  it("check tells how far the undo reaches, that rounds read whole tables, and what can't be recognised without V$DATABASE", async () => {
    const { admin, owner } = erp.engine;
    const of = async (code: string) => (await findings()).filter((finding) => finding.code === code);
    expect(await of("erp-feed-settings")).toMatchObject([{ severity: "info", told: expect.stringContaining("can't be seen") }]);
    admin.exec("CREATE TABLE V$PARAMETER (NAME TEXT, VALUE TEXT); INSERT INTO V$PARAMETER VALUES ('undo_retention', '120')");
    expect(await of("erp-feed-settings")).toMatchObject([
      { severity: "warning", told: expect.stringContaining("UNDO_RETENTION = 900") },
    ]);
    admin.exec("UPDATE V$PARAMETER SET VALUE = '43200'");
    expect(await of("erp-feed-settings")).toMatchObject([{ severity: "info", told: expect.stringContaining("43200 s") }]);
    expect(await of("erp-rights")).toMatchObject([{ severity: "warning", told: expect.stringContaining("V_$DATABASE") }]);
    expect(await of("erp-poll-reads-all")).toMatchObject([
      { severity: "info", place: "fusertest_rows", told: expect.stringMatching(/reads the whole table.*ORA_ROWSCN/) },
    ]);
    admin.exec(`UPDATE ALL_TABLES SET NUM_ROWS = 2000000 WHERE TABLE_NAME = 'FUSERTEST_ROWS' AND OWNER = '${owner}'`);
    expect(await of("erp-poll-reads-all")).toMatchObject([
      { severity: "warning", told: expect.stringContaining("2000000 rows") },
    ]);
  });

  it.each(["18.9.0.0.0", "19.10.0.0.0"])(
    "a server of the release %s, which tells wrong versions, is refused",
    async (version) => {
      await using old = await oracleSubject({ version });
      const opened = await old.open({ clock: hurried });
      try {
        const told = await opened.feed?.check([], never);
        expect(told?.filter(({ severity }) => severity === "error")).toMatchObject([
          { message: expect.stringContaining("wrong versions") },
        ]);
        await expect(opened.feed?.begin([], never)).rejects.toMatchObject({ kind: "config", code: "erp-feed-settings" });
      } finally {
        await opened.close();
      }
    },
  );

  it("gives signs of life while a statement takes long, and leaves nothing behind when it is given up then", async () => {
    await using told = follow(feed, [rows], await feed.begin([rows], never));
    await told.until(() => told.batches.length > 0);
    erp.double.interfere = ({ sql }) => (sql.includes("VERSIONS BETWEEN") ? "silent" : undefined);
    await erp.run("INSERT INTO fusertest_rows (id) VALUES (1)");
    told.clear();
    await told.until(() => told.batches.length > 1);
    expect(told.keys()).toEqual([]);
  });

  it("never reads rows without a bound", () => {
    const reads = [...erp.engine.executed].filter((sql) => sql.includes("VERSIONS BETWEEN"));
    expect(reads.length).toBeGreaterThan(1);
    expect(reads.filter((sql) => !/ WHERE ROWNUM <= \d+$/.test(sql))).toEqual([]);
  });
});
