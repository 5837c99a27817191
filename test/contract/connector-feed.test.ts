import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Connector } from "../../connectors/connector.ts";
import { type Feed, type FeedTable, heartbeatMs } from "../../connectors/feed.ts";
import type { FeedSubject } from "./erp/feed-subject.ts";
import { feedSubjects } from "./erp/feed-subjects.ts";
import { follow } from "./erp/follow.ts";
import { collect, never, sourceOf } from "./erp/subject.ts";

const rows: FeedTable = { table: "fusertest_rows", key: ["client", "nr"], own: ["client", "nr"] };
const lines: FeedTable = { table: "fusertest_lines", key: ["client", "nr"], own: ["line"] };
const untold: FeedTable = { table: "fusertest_untold", key: ["id"], own: ["id"] };

describe.each(feedSubjects())("$name: its own feed", ({ make }) => {
  let erp: FeedSubject;
  let connector: Connector;
  let feed: Feed;
  beforeAll(async () => {
    erp = await make();
    connector = await erp.open();
    if (connector.feed === undefined) throw new Error("this connector has no feed");
    feed = connector.feed;
    await erp.run(
      "CREATE TABLE fusertest_rows (client VARCHAR(4) NOT NULL, nr INTEGER NOT NULL, words VARCHAR(80), PRIMARY KEY (client, nr))",
    );
    await erp.run(
      "CREATE TABLE fusertest_lines (client VARCHAR(4), nr INTEGER, line INTEGER NOT NULL PRIMARY KEY, words VARCHAR(80))",
    );
    await erp.run("CREATE TABLE fusertest_untold (id INTEGER NOT NULL PRIMARY KEY, words VARCHAR(40))");
    await erp.run("CREATE TABLE fusertest_beside (id INTEGER NOT NULL PRIMARY KEY, words VARCHAR(40))");
  });
  afterAll(async () => {
    await connector?.close();
    await erp?.[Symbol.asyncDispose]();
  });

  it("can be used for the tables of the suite, and says so", async () => {
    expect((await feed.check([rows, lines, untold], never)).filter(({ severity }) => severity === "error")).toEqual([]);
  });

  it("tells every committed insert, update and delete by its key, and of other tables nothing", async () => {
    await using told = follow(feed, [rows], await feed.begin([rows], never));
    await erp.run("INSERT INTO fusertest_rows VALUES ('001', 1, 'one'), ('001', 2, 'two'), ('002', 1, 'other')");
    await erp.run("INSERT INTO fusertest_beside VALUES (1, 'beside')");
    await told.until(() => told.keys().length === 3);
    expect(told.keys().sort()).toEqual(["001.1", "001.2", "002.1"]);
    told.clear();
    await erp.run("UPDATE fusertest_rows SET words = 'changed' WHERE nr = 2");
    await told.until(() => told.keys().includes("001.2"));
    expect(told.keys()).toEqual(["001.2"]);
    told.clear();
    await erp.run("DELETE FROM fusertest_rows WHERE client = '001'");
    await told.until(() => told.keys().length === 2);
    expect(told.keys().sort()).toEqual(["001.1", "001.2"]);
    expect(told.untold()).toEqual([]);
    const changes = told.batches.flatMap((batch) => batch.changes);
    expect(changes.every(({ table, key, own }) => table === 0 && key === own)).toBe(true);
  });

  it("tells a row whose key was changed under both keys", async () => {
    await erp.run("INSERT INTO fusertest_rows VALUES ('003', 1, 'moves')");
    await using told = follow(feed, [rows], await feed.begin([rows], never));
    await erp.run("UPDATE fusertest_rows SET client = '004', nr = 9 WHERE client = '003'");
    await told.until(() => told.keys().length === 2);
    expect(told.keys().sort()).toEqual(["003.1", "004.9"]);
  });

  it("tells of a child's row the parent's key and its own, and no key where a part of it is null", async () => {
    await using told = follow(feed, [rows, lines], await feed.begin([rows, lines], never));
    await erp.run("INSERT INTO fusertest_lines VALUES ('001', 1, 11, 'first'), (NULL, 1, 12, 'nobody')");
    // A feed that tells of rows and not of each change would tell of the second one alone.
    await told.until(() => told.keys(1).length === 2);
    await erp.run("UPDATE fusertest_lines SET client = '005', nr = 5 WHERE line = 11");
    await told.until(() => told.keys(1).length === 3);
    const changes = new Set(told.batches.flatMap((batch) => batch.changes).map((change) => JSON.stringify(change)));
    expect(changes).toEqual(
      new Set([
        JSON.stringify({ table: 1, key: "001.1", own: "11" }),
        JSON.stringify({ table: 1, key: undefined, own: "12" }),
        JSON.stringify({ table: 1, key: "005.5", own: "11" }),
      ]),
    );
  });

  it("tells keys in the very form that a read gives, whatever their type", async () => {
    const tables: FeedTable[] = [];
    for (const [index, { type }] of erp.keyValues.entries()) {
      await erp.run(`CREATE TABLE fusertest_k${index} (id INTEGER NOT NULL PRIMARY KEY, k ${type})`);
      tables.push({ table: `fusertest_k${index}`, key: ["k", "id"], own: ["id"] });
    }
    await using told = follow(feed, tables, await feed.begin(tables, never));
    for (const [index, { values }] of erp.keyValues.entries()) {
      await erp.run(`INSERT INTO fusertest_k${index} VALUES ${values.map((value, id) => `(${id}, ${value})`).join(", ")}`);
    }
    await told.until(() =>
      erp.keyValues.every(({ values }, index) => told.untold().includes(index) || told.keys(index).length === values.length),
    );
    const seen: string[] = [];
    const wanted: string[] = [];
    for (const [index, { type }] of erp.keyValues.entries()) {
      const source = sourceOf(`fusertest_k${index}`, ["k", "id"], ["k", "id"]);
      const read = (await collect(connector.scan(source, never))).map(({ key }) => key);
      wanted.push(`${type}: ${read.sort().join(" ")}`);
      seen.push(`${type}: ${told.keys(index).sort().join(" ")}`);
    }
    expect(seen).toEqual(wanted);
    expect(told.untold()).toEqual([]);
  });

  it("tells nothing of work that was rolled back", async () => {
    await using told = follow(feed, [rows], await feed.begin([rows], never));
    await using session = await erp.session();
    await session.run("BEGIN");
    await session.run("INSERT INTO fusertest_rows VALUES ('010', 1, 'never')");
    await session.run("ROLLBACK");
    await session.run("BEGIN");
    await session.run("INSERT INTO fusertest_rows VALUES ('010', 2, 'kept')");
    await session.run("SAVEPOINT here");
    await session.run("INSERT INTO fusertest_rows VALUES ('010', 3, 'undone')");
    await session.run("ROLLBACK TO SAVEPOINT here");
    await session.run("COMMIT");
    await told.until(() => told.keys().length > 0);
    expect(told.keys()).toEqual(["010.2"]);
  });

  it("tells of a long transaction at once after its commit, though others were committed meanwhile and the feed began anew", async () => {
    await using session = await erp.session();
    const begin = await feed.begin([rows], never);
    await session.run("BEGIN");
    await session.run("INSERT INTO fusertest_rows VALUES ('011', 1, 'long')");
    let position: string;
    {
      await using told = follow(feed, [rows], begin);
      await erp.run("INSERT INTO fusertest_rows VALUES ('011', 2, 'short')");
      await told.until(() => told.keys().includes("011.2"));
      expect(told.keys()).toEqual(["011.2"]);
      position = told.position;
    }
    await using told = follow(feed, [rows], position);
    await session.run("COMMIT");
    await told.until(() => told.keys().includes("011.1"));
  });

  it("goes on exactly behind any position that it gave: nothing is missed", async () => {
    let position = await feed.begin([rows], never);
    const positions: { position: string; told: Set<string | undefined> }[] = [];
    const seen = new Set<string | undefined>();
    const all = Array.from({ length: 30 }, (_, index) => `020.${index}`);
    for (const some of [all.slice(0, 1), all.slice(1, 9), all.slice(9)]) {
      await using told = follow(feed, [rows], position);
      for (const key of some) {
        await erp.run(`INSERT INTO fusertest_rows VALUES ('020', ${key.slice(4)}, 'x')`);
        await told.until(() => told.keys().includes(key));
        for (const each of told.keys()) seen.add(each);
        ({ position } = told);
        positions.push({ position, told: new Set(seen) });
      }
    }
    expect(all.filter((key) => !seen.has(key))).toEqual([]);
    if (erp.keepsForOne === true) return;
    for (const { position: earlier, told: before } of positions.filter((_, index) => index % 6 === 0)) {
      await using told = follow(feed, [rows], earlier);
      await told.until(() => all.every((key) => before.has(key) || told.keys().includes(key)));
    }
  });

  it("carries positions onward while nothing changes, and while only other tables do", async () => {
    await using told = follow(feed, [rows], await feed.begin([rows], never));
    const started = performance.now();
    await told.until(() => told.batches.length >= 2);
    expect(performance.now() - started).toBeLessThan(2 * heartbeatMs);
    expect(told.keys()).toEqual([]);
    const quiet = told.position;
    await erp.run("INSERT INTO fusertest_beside VALUES (2, 'beside')");
    await told.until(() => told.position !== quiet);
    expect(told.keys()).toEqual([]);
  });

  it("names a table that was changed without naming rows", async () => {
    for (const { title, statements } of erp.untold) {
      await erp.run("DELETE FROM fusertest_untold");
      await erp.run("INSERT INTO fusertest_untold (id, words) VALUES (1, 'before')");
      await using told = follow(feed, [rows, untold], await feed.begin([rows, untold], never));
      await erp.run(statements.join(";\n"));
      await told.until(() => told.untold().length > 0);
      expect([title, told.untold()]).toEqual([title, [1]]);
      // And goes on to tell of its rows.
      await erp.run("INSERT INTO fusertest_untold (id, words) VALUES (2, 'after')");
      await told.until(() => told.keys(1).includes("2"));
    }
  });

  it("gives marks that are others once rows have changed, or says that there are none", async () => {
    if (erp.hasNoMarks === true) return expect(await feed.marks([rows, lines], never)).toEqual([undefined, undefined]);
    const mark = async () => (await feed.marks([rows, lines], never))[0];
    await erp.run(`INSERT INTO fusertest_rows VALUES ${Array.from({ length: 50 }, (_, nr) => `('030', ${nr}, 'x')`).join(", ")}`);
    await expect.poll(mark).toBeDefined();
    for (const change of [
      "INSERT INTO fusertest_rows VALUES ('031', :n, 'x')",
      "UPDATE fusertest_rows SET words = ':n' WHERE client = '030'",
      "DELETE FROM fusertest_rows WHERE client = '030' AND nr = :n",
    ]) {
      const before = await mark();
      let n = 0;
      const after = async () => {
        await erp.run(change.replace(":n", String(n++)));
        return await mark();
      };
      await expect.poll(after, { interval: 250 }).not.toBe(before);
    }
  });

  it("a connection that is cut is transient, and reading goes on behind the last position", async () => {
    const begin = await feed.begin([rows], never);
    await using told = follow(feed, [rows], begin);
    await erp.run("INSERT INTO fusertest_rows VALUES ('040', 1, 'x')");
    await told.until(() => told.keys().includes("040.1"));
    await erp.cut();
    expect(await told.failed()).toMatchObject({ kind: "transient" });
    await erp.run("INSERT INTO fusertest_rows VALUES ('040', 2, 'x')");
    await using again = follow(feed, [rows], told.position);
    await again.until(() => again.keys().includes("040.2"));
  });

  it("a server that crashes and comes back is transient, and nothing that it kept is missed", async () => {
    await using told = follow(feed, [rows], await feed.begin([rows], never));
    await erp.run("INSERT INTO fusertest_rows VALUES ('041', 1, 'x')");
    await told.until(() => told.keys().includes("041.1"));
    await erp.crash();
    expect(await told.failed()).toMatchObject({ kind: "transient" });
    await erp.run("INSERT INTO fusertest_rows VALUES ('041', 2, 'x')");
    await using again = follow(feed, [rows], told.position);
    await again.until(() => again.keys().includes("041.2"));
  });

  it("an abort ends the reading at once", async () => {
    const begin = await feed.begin([rows], never);
    const told = follow(feed, [rows], begin);
    await told.until(() => told.batches.length > 0);
    const started = performance.now();
    await told[Symbol.asyncDispose]();
    expect(performance.now() - started).toBeLessThan(5_000);
    expect(told.failure).toMatchObject({ name: "AbortError" });
  });

  it("thousands of changes a second are told without one missing, also to one who asks slowly", async () => {
    await using told = follow(feed, [rows], await feed.begin([rows], never));
    await using slow = erp.keepsForOne === true ? undefined : follow(feed, [rows], told.position, { pauseMs: 50 });
    const sessions = await Promise.all(Array.from({ length: 4 }, () => erp.session()));
    const each = 400;
    const keys: string[] = [];
    await Promise.all(
      sessions.map(async (session, client) => {
        for (let nr = 0; nr < each; nr += 2) {
          await session.run(`INSERT INTO fusertest_rows VALUES ('06${client}', ${nr}, 'a'), ('06${client}', ${nr + 1}, 'b')`);
          keys.push(`06${client}.${nr}`, `06${client}.${nr + 1}`);
        }
      }),
    );
    for (const session of sessions) await session[Symbol.asyncDispose]();
    const missing = (of: typeof told): string[] => {
      const seen = new Set(of.keys());
      return keys.filter((key) => !seen.has(key));
    };
    await told.until(() => missing(told).length === 0);
    await slow?.until(() => missing(slow).length === 0);
  });

  it("a position of another server is lost history, and so is what is none", async () => {
    const other = await erp.foreign("fusertest_rows");
    for (const position of [other, "nonsense"]) {
      const failure = await follow(feed, [rows], position).failed();
      expect(failure).toMatchObject({ kind: "history-lost" });
      expect((failure as { code: string }).code).not.toBe("erp-feed-gap");
    }
  });

  it("a position behind which the server has forgotten something is a gap", async () => {
    const begin = await feed.begin([rows], never);
    await erp.forget("INSERT INTO fusertest_rows VALUES ('050', 1, 'x')");
    expect(await follow(feed, [rows], begin).failed()).toMatchObject({ kind: "history-lost", code: "erp-feed-gap" });
    await using told = follow(feed, [rows], await feed.begin([rows], never));
    await erp.run("INSERT INTO fusertest_rows VALUES ('050', 2, 'x')");
    await told.until(() => told.keys().includes("050.2"));
  });
});
