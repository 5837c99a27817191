// What change tracking needs, and how it ends: SQL Server's own states, told by its double. What every feed promises is in connector-feed.test.ts.
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Connector } from "../../connectors/connector.ts";
import type { Feed, FeedTable } from "../../connectors/feed.ts";
import { follow } from "./erp/follow.ts";
import { mssqlSubject } from "./erp/mssql.ts";
import { never } from "./erp/subject.ts";

const rows: FeedTable = { table: "fusertest_rows", key: ["id"], own: ["id"] };
const others: FeedTable = { table: "fusertest_others", key: ["id"], own: ["id"] };

describe("SQL Server: change tracking", () => {
  let erp: Awaited<ReturnType<typeof mssqlSubject>>;
  let connector: Connector;
  let feed: Feed;
  beforeEach(async () => {
    erp = await mssqlSubject();
    connector = await erp.open();
    feed = connector.feed as Feed;
    await erp.run("CREATE TABLE fusertest_rows (id INT NOT NULL PRIMARY KEY, parent INT)");
    await erp.run("CREATE TABLE fusertest_others (id INT NOT NULL PRIMARY KEY)");
  });
  afterEach(async () => {
    await connector.close();
    await erp[Symbol.asyncDispose]();
  });
  const track = async (): Promise<void> => {
    await erp.run("ALTER DATABASE erp SET CHANGE_TRACKING = ON");
    for (const { table } of [rows, others]) await erp.run(`ALTER TABLE ${table} ENABLE CHANGE_TRACKING`);
  };
  const remedies = async (tables: FeedTable[]) => (await feed.check(tables, never)).map(({ code, remedy }) => [code, remedy]);

  it("is asked for with the statements that a DBA runs, for the database and for each table", async () => {
    expect(await remedies([rows])).toEqual([
      ["erp-feed-settings", "ALTER DATABASE [erp] SET CHANGE_TRACKING = ON (CHANGE_RETENTION = 7 DAYS, AUTO_CLEANUP = ON)"],
      ["erp-feed-settings", "ALTER TABLE [fusertest_rows] ENABLE CHANGE_TRACKING"],
    ]);
    await erp.run("CREATE TABLE fusertest_keyless (id INT)");
    await track();
    expect(await remedies([rows, others])).toEqual([]);
    const keyless = { table: "fusertest_keyless", key: ["id"], own: ["id"] };
    const child = { table: "fusertest_rows", key: ["parent"], own: ["parent"] };
    const away = { table: "fusertest_away", key: ["id"], own: ["id"] };
    expect((await remedies([keyless, child, away])).map(([code]) => code)).toEqual(Array(3).fill("erp-feed-table"));
    await erp.run("DROP TABLE fusertest_keyless");
  });

  it("that is off, or switched off while it is read, is a fault of the settings", async () => {
    const settings = { kind: "config", code: "erp-feed-settings" };
    await expect(feed.begin([rows], never)).rejects.toMatchObject(settings);
    await track();
    await using told = follow(feed, [rows, others], await feed.begin([rows, others], never));
    await told.until(() => told.batches.length > 0);
    await erp.run("ALTER TABLE fusertest_rows DISABLE CHANGE_TRACKING");
    expect(await told.failed()).toMatchObject(settings);
  });

  it("whose version is behind the feed's position is another history: a backup was restored", async () => {
    await track();
    await erp.run("INSERT INTO fusertest_rows VALUES (1, 1)");
    const position = await feed.begin([rows], never);
    erp.double.database.tracked = 0n;
    erp.double.database.minimumVersions.clear();
    expect(await follow(feed, [rows], position).failed()).toMatchObject({ kind: "history-lost", code: "erp-feed-other-history" });
  });

  it("that forgot one table alone names that table, and goes on with the others", async () => {
    await track();
    await using told = follow(feed, [rows, others], await feed.begin([rows, others], never));
    await erp.run("INSERT INTO fusertest_rows VALUES (1, 1)");
    await told.until(() => told.keys().includes("1"));
    const { database } = erp.double;
    database.tracked = (database.tracked ?? 0n) + 1n;
    database.minimumVersions.set("fusertest_others", database.tracked);
    await erp.run("INSERT INTO fusertest_rows VALUES (2, 1)");
    await told.until(() => told.keys().includes("2"));
    expect(told.untold()).toEqual([1]);
  });

  it("that cleans up while its changes are read names the table: what was read may lack some of them", async () => {
    await track();
    await erp.run("INSERT INTO fusertest_rows VALUES (1, 1), (2, 1)");
    const position = await feed.begin([rows], never);
    const { double } = erp;
    await using told = follow(feed, [rows, others], position);
    await told.until(() => told.batches.length > 0);
    double.onStatement = (text) => {
      if (!text.includes("CHANGETABLE(CHANGES [fusertest_rows]")) return undefined;
      double.onStatement = undefined;
      double.database.minimumVersions.set("fusertest_rows", (double.database.tracked ?? 0n) + 1n);
      return undefined;
    };
    await erp.run("DELETE FROM fusertest_rows WHERE id = 1");
    await told.until(() => told.untold().includes(0));
    expect(told.keys()).toEqual([]);
  });

  it.each([
    ["truncated", ["TRUNCATE TABLE fusertest_rows"]],
    [
      "changed while it was not tracked",
      [
        "ALTER TABLE fusertest_rows DISABLE CHANGE_TRACKING",
        "DELETE FROM fusertest_rows",
        "ALTER TABLE fusertest_rows ENABLE CHANGE_TRACKING",
      ],
    ],
    [
      "made anew",
      [
        "DROP TABLE fusertest_rows",
        "CREATE TABLE fusertest_rows (id INT NOT NULL PRIMARY KEY, parent INT)",
        "ALTER TABLE fusertest_rows ENABLE CHANGE_TRACKING",
      ],
    ],
  ])("of a table that was %s between two looks names it, though no version was given out for that", async (_, statements) => {
    await track();
    await erp.run("INSERT INTO fusertest_rows VALUES (1, 1)");
    const position = await feed.begin([rows, others], never);
    for (const statement of statements) await erp.run(statement);
    await using told = follow(feed, [rows, others], position);
    await told.until(() => told.untold().length > 0);
    expect(told.untold()).toEqual([0]);
    await erp.run("INSERT INTO fusertest_rows VALUES (2, 1)");
    await told.until(() => told.keys().includes("2"));
    expect(told.untold()).toEqual([0]);
  });

  it("asks for keys without touching the rows, where the primary key is all that is wanted", async () => {
    await track();
    await using told = follow(feed, [rows], await feed.begin([rows], never));
    await erp.run("INSERT INTO fusertest_rows VALUES (1, 1)");
    await told.until(() => told.keys().includes("1"));
    const asked = erp.double.statements.filter((text) => text.includes("CHANGETABLE("));
    expect(asked.length).toBeGreaterThan(0);
    expect(asked.filter((text) => text.includes("JOIN"))).toEqual([]);
  });

  it("of a child's row that is gone tells its own key alone", async () => {
    await track();
    await erp.run("INSERT INTO fusertest_rows VALUES (1, 7)");
    const child: FeedTable = { table: "fusertest_rows", key: ["parent"], own: ["id"] };
    await using told = follow(feed, [child], await feed.begin([child], never));
    await erp.run("UPDATE fusertest_rows SET parent = 8");
    await told.until(() => told.keys().includes("8"));
    told.clear();
    await erp.run("DELETE FROM fusertest_rows");
    await told.until(() => told.batches.some(({ changes }) => changes.length > 0));
    expect(told.batches.flatMap(({ changes }) => changes)).toEqual([{ table: 0, key: undefined, own: "1" }]);
  });
});
