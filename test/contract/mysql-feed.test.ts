// What only MariaDB's binlog has, and what goes wrong with it; what every feed promises is in connector-feed.test.ts.
import type { Connection, RowDataPacket } from "mysql2/promise";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Log } from "../../base/log.ts";
import type { Connector } from "../../connectors/connector.ts";
import type { Feed, FeedTable } from "../../connectors/feed.ts";
import { mysql } from "../../connectors/mysql/connector.ts";
import { has } from "../support/servers.ts";
import { follow } from "./erp/follow.ts";
import { mysqlFeedSubject } from "./erp/mysql-feed.ts";
import { contextOf, never } from "./erp/subject.ts";

const rows: FeedTable = { table: "r", key: ["id"], own: ["id"] };
const account = "'fed'@'%'";

describe.skipIf(!has("mariadb"))("MariaDB: the binlog", () => {
  let erp: Awaited<ReturnType<typeof mysqlFeedSubject>>;
  let admin: Connection;
  let connector: Connector;
  let feed: Feed;
  let n = 0;
  const next = (): number => ++n;
  beforeAll(async () => {
    erp = await mysqlFeedSubject();
    admin = await erp.server.connect();
    await admin.query("USE ??", [erp.database]);
    await admin.query("CREATE TABLE r (id INT NOT NULL PRIMARY KEY, words LONGTEXT)");
    await admin.query(`CREATE USER ${account} IDENTIFIED BY 'a secret'`);
    await admin.query(`GRANT SELECT ON ${erp.database}.* TO ${account}`);
  });
  afterAll(async () => {
    await admin?.end();
    await erp?.[Symbol.asyncDispose]();
  });
  beforeEach(async () => {
    connector = await erp.open();
    feed = connector.feed as Feed;
  });
  afterEach(() => connector.close());

  const globally = async (settings: string, work: () => Promise<void>): Promise<void> => {
    const name = settings.split("=")[0]?.trim();
    const [[before]] = (await admin.query(`SELECT @@GLOBAL.${name} AS value`)) as unknown as [{ value: string | number }[]];
    await admin.query(`SET GLOBAL ${settings}`);
    try {
      await work();
    } finally {
      await admin.query(`SET GLOBAL ${name} = ?`, [before?.value]);
    }
  };
  const errors = async (of: Feed = feed): Promise<string[]> =>
    (await of.check([rows], never))
      .filter(({ severity }) => severity === "error")
      .map(({ code, remedy }) => `${code}: ${remedy}`);

  const asFed = (log?: Log): Promise<Connector> =>
    mysql.open(
      { server: erp.server.host, port: erp.server.port, database: erp.database, user: "fed", password: { secret: "erp" } },
      async () => "a secret",
      contextOf(log === undefined ? {} : { log }),
    );

  describe("check names", () => {
    it("missing rights, each with its GRANT, after which it is content", async () => {
      for (const [grant, left] of [
        [undefined, ["REPLICATION SLAVE", "BINLOG MONITOR"]],
        ["BINLOG MONITOR", ["REPLICATION SLAVE"]],
        ["REPLICATION SLAVE", []],
      ] as const) {
        if (grant !== undefined) await admin.query(`GRANT ${grant} ON *.* TO ${account}`);
        const fed = await asFed();
        try {
          const wanted = left.map((right) => `erp-rights: GRANT ${right} ON *.* TO ${account}`);
          expect((await errors(fed.feed)).sort()).toEqual([...wanted].sort());
          const begin = (fed.feed as Feed).begin([rows], never);
          if (left.length > 0) await expect(begin).rejects.toMatchObject({ kind: "config", code: "erp-rights" });
          else expect(await begin).toContain("gtids");
        } finally {
          await fed.close();
        }
      }
    });

    it("settings of the server, each with the statement that changes it", async () => {
      expect(await errors()).toEqual([]);
      await globally("binlog_row_metadata = 'NO_LOG'", async () =>
        expect(await errors()).toEqual([expect.stringMatching(/^erp-feed-settings: SET GLOBAL binlog_row_metadata = FULL/)]),
      );
      await globally("binlog_format = 'MIXED'", async () =>
        expect(await errors()).toEqual([expect.stringMatching(/^erp-feed-settings: SET GLOBAL binlog_format = ROW/)]),
      );
      await globally("binlog_row_image = 'MINIMAL'", async () => {
        const found = await feed.check([rows], never);
        expect(found.map(({ severity, remedy }) => `${severity} ${remedy.slice(0, 36)}`)).toContain(
          "warning SET GLOBAL binlog_row_image = FULL (",
        );
      });
      await globally("expire_logs_days = 1", async () => {
        const found = await feed.check([rows], never);
        expect(found.map(({ message }) => message)).toContainEqual(expect.stringMatching(/within three days/));
      });
    });

    it("commits that wait for a replica between binlog and tables for longer than rows are confirmed after", async () => {
      const hides = "rpl_semi_sync_master_wait_point = 'AFTER_SYNC'";
      const found = async (confirmAfterMs: number): Promise<string[]> => {
        const patient = await erp.open({ limits: { confirmAfterMs } });
        const all = await errors(patient.feed);
        await patient.close();
        return all;
      };
      await globally(hides, async () => expect(await found(2_000)).toEqual([]));
      await globally("rpl_semi_sync_master_enabled = 1", async () => {
        expect(await found(2_000)).toEqual([]);
        await globally(hides, async () => {
          expect(await found(2_000)).toEqual([
            expect.stringMatching(/^erp-feed-settings: `erp: { confirmAfter: 12s }`.*AFTER_COMMIT/),
          ]);
          expect(await found(12_000)).toEqual([]);
        });
      });
    });

    it("tables that it does not tell of, or not all of", async () => {
      await admin.query("CREATE VIEW seen AS SELECT id FROM r");
      await admin.query("CREATE TABLE addresses (id INET6 PRIMARY KEY)");
      await admin.query("CREATE TABLE chinese (id VARCHAR(10) CHARACTER SET big5 PRIMARY KEY)");
      await admin.query("CREATE TABLE hanging (id INT PRIMARY KEY, r INT, FOREIGN KEY (r) REFERENCES r (id) ON DELETE CASCADE)");
      const tables = ["seen", "addresses", "chinese", "hanging", "absent"].map((table) => ({ table, key: ["id"], own: ["id"] }));
      const found = await feed.check([...tables, { table: "r", key: ["gone"], own: ["id"] }], never);
      const codes = Object.fromEntries(
        found.filter(({ place }) => !place.includes(":")).map(({ place, severity, code }) => [place, `${severity} ${code}`]),
      );
      expect(codes).toEqual({
        seen: "error erp-feed-table",
        addresses: "error erp-feed-table",
        chinese: "error erp-feed-table",
        hanging: "info erp-feed-cascade",
        absent: "error erp-object-missing",
        r: "error erp-object-missing",
      });
      await admin.query("DROP TABLE hanging");
    });
  });

  it("tells of changes that the database carries on to other tables as tables, at any depth, and of no other", async () => {
    await admin.query(
      "CREATE TABLE child (id INT PRIMARY KEY, r INT, FOREIGN KEY (r) REFERENCES r (id) ON DELETE CASCADE ON UPDATE CASCADE)",
    );
    await admin.query(
      "CREATE TABLE grandchild (id INT PRIMARY KEY, child INT, FOREIGN KEY (child) REFERENCES child (id) ON DELETE SET NULL)",
    );
    const tables = [
      { table: "grandchild", key: ["child"], own: ["id"] },
      { table: "child", key: ["r"], own: ["id"] },
    ];
    const [a, b] = [next(), next()];
    await admin.query(`INSERT INTO r VALUES (${a}, ''), (${b}, '')`);
    await admin.query(`INSERT INTO child VALUES (1, ${a}), (2, ${b})`);
    await admin.query("INSERT INTO grandchild VALUES (1, 1), (2, 2)");
    await using told = follow(feed, tables, await feed.begin(tables, never));
    await admin.query(`UPDATE r SET words = 'no key' WHERE id = ${a}`);
    await admin.query("INSERT INTO grandchild VALUES (3, 2)");
    await told.until(() => told.keys(0).includes("2"));
    expect(told.untold()).toEqual([]);
    await admin.query(`UPDATE r SET id = ${next()} WHERE id = ${b}`);
    await told.until(() => told.untold().includes(1));
    told.clear();
    await admin.query(`DELETE FROM r WHERE id = ${a}`);
    await told.until(() => told.untold().length === 2);
    await admin.query("DROP TABLE grandchild, child");
  });

  it("tells of a transaction in two phases when it is committed, and of one that was rolled back nothing", async () => {
    await using told = follow(feed, [rows], await feed.begin([rows], never));
    const [kept, undone, early] = [next(), next(), next()];
    const prepare = async (name: string, id: number): Promise<void> => {
      for (const text of [`XA START '${name}'`, `INSERT INTO r VALUES (${id}, '')`, `XA END '${name}'`, `XA PREPARE '${name}'`])
        await admin.query(text);
    };
    await prepare("undone", undone);
    await admin.query("XA ROLLBACK 'undone'");
    await prepare("kept", kept);
    const between = next();
    await erp.run(`INSERT INTO ${erp.database}.r VALUES (${between}, '')`);
    await told.until(() => told.keys().includes(String(between)));
    expect(told.keys()).toEqual([String(between)]);
    await admin.query("XA COMMIT 'kept'");
    await told.until(() => told.keys().includes(String(kept)));
    expect(told.untold()).toEqual([]);
    // Prepared before the feed began: whose keys they are nobody here knows.
    await prepare("early", early);
    await using later = follow(feed, [rows], await feed.begin([rows], never));
    await admin.query("XA COMMIT 'early'");
    await later.until(() => later.untold().includes(0));
    expect(told.keys()).not.toContain(String(undone));
  });

  it("reads row images that a session keeps short, and names the table where the key is not in them", async () => {
    await admin.query("CREATE TABLE short (id INT PRIMARY KEY, other VARCHAR(10), words TEXT)");
    await admin.query("INSERT INTO short VALUES (1, 'a', ''), (2, 'b', '')");
    const byOther = { table: "short", key: ["other"], own: ["id"] };
    const byId = { table: "short", key: ["id"], own: ["id"] };
    await using told = follow(feed, [byOther, byId], await feed.begin([byOther, byId], never));
    await admin.query("SET SESSION binlog_row_image = 'MINIMAL'");
    await admin.query("UPDATE short SET words = 'x' WHERE id = 1");
    await admin.query("UPDATE short SET id = 3 WHERE id = 2");
    await admin.query("SET SESSION binlog_row_image = 'FULL'");
    await told.until(() => told.keys(1).includes("3"));
    expect(told.keys(1).sort()).toEqual(["1", "2", "3"]);
    expect(told.untold()).toEqual([0]);
  });

  it("names a table whose key's bytes are none of its character set, in place of guessing", async () => {
    await admin.query("CREATE TABLE odd (id VARCHAR(10) CHARACTER SET latin1 PRIMARY KEY)");
    const odd = { table: "odd", key: ["id"], own: ["id"] };
    await using told = follow(feed, [odd], await feed.begin([odd], never));
    await admin.query("INSERT INTO odd VALUES (_latin1 X'81')");
    await told.until(() => told.untold().includes(0));
    expect(told.keys()).toEqual([]);
  });

  it("reads keys by their new type after an ALTER, from the same stream's position on", async () => {
    await admin.query("CREATE TABLE typed (id INT PRIMARY KEY, words TEXT)");
    const typed = { table: "typed", key: ["id"], own: ["id"] };
    await using told = follow(feed, [typed], await feed.begin([typed], never));
    await admin.query("INSERT INTO typed VALUES (7, '')");
    await admin.query("ALTER TABLE typed MODIFY id VARCHAR(10), ADD COLUMN first INT FIRST");
    await admin.query("INSERT INTO typed VALUES (1, '007', '')");
    await told.until(() => told.keys().includes("007") && told.untold().includes(0));
    await admin.query("ALTER TABLE typed RENAME COLUMN id TO name");
    await admin.query("INSERT INTO typed VALUES (1, '008', '')");
    await admin.query("ALTER TABLE typed RENAME COLUMN name TO id");
    told.clear();
    await admin.query("INSERT INTO typed VALUES (1, '009', '')");
    await told.until(() => told.keys().includes("009"));
  });

  it("reads compressed entries, entries without checksum, and rows of more than sixteen megabytes", async () => {
    await using told = follow(feed, [rows], await feed.begin([rows], never));
    for (const [setting, back] of [
      ["log_bin_compress = ON", "log_bin_compress = OFF"],
      ["binlog_checksum = NONE", "binlog_checksum = CRC32"],
    ]) {
      await admin.query(`SET GLOBAL ${setting}`);
      const ids = [next(), next()];
      await admin.query(`INSERT INTO r VALUES (${ids[0]}, REPEAT('a', 5000)), (${ids[1]}, REPEAT('ü', 5000))`);
      await admin.query(`UPDATE r SET words = REPEAT('b', 3000) WHERE id = ${ids[0]}`);
      await told
        .until(() => ids.every((id) => told.keys().includes(String(id))))
        .catch((error) => {
          throw new Error(setting, { cause: error });
        });
      // One who was away meanwhile reads on through files of both kinds.
      const away = told.position;
      await admin.query(`SET GLOBAL ${back}`);
      const later = next();
      await admin.query(`INSERT INTO r VALUES (${later}, '')`);
      await using again = follow(feed, [rows], away);
      for (const one of [told, again]) await one.until(() => one.keys().includes(String(later)));
    }
    const large = next();
    await globally("max_allowed_packet = 67108864", async () => {
      const session = await erp.session();
      await session.run(`INSERT INTO r VALUES (${large}, REPEAT('x', 20000000))`);
      await session[Symbol.asyncDispose]();
    });
    await told.until(() => told.keys().includes(String(large)));
    expect(told.untold()).toEqual([]);
  });

  it("stops with the remedy when rows no longer say what their columns are called, or rights are taken away", async () => {
    const begin = await feed.begin([rows], never);
    const told = follow(feed, [rows], begin);
    await globally("binlog_row_metadata = 'NO_LOG'", async () => {
      const session = await erp.session();
      await session.run(`INSERT INTO r VALUES (${next()}, '')`);
      await session[Symbol.asyncDispose]();
    });
    expect(await told.failed()).toMatchObject({ kind: "config", code: "erp-feed-settings" });
    const fed = await asFed();
    await admin.query(`REVOKE REPLICATION SLAVE ON *.* FROM ${account}`);
    const from = await feed.begin([rows], never);
    expect(await follow(fed.feed as Feed, [rows], from).failed()).toMatchObject({ kind: "config", code: "erp-rights" });
    await fed.close();
    await admin.query(`GRANT REPLICATION SLAVE ON *.* TO ${account}`);
  });

  it("is silent of what is changed with sql_log_bin = 0, but the table's mark is another one", async () => {
    const mark = async () => (await feed.marks([rows], never))[0];
    await using told = follow(feed, [rows], await feed.begin([rows], never));
    await admin.query(`INSERT INTO r VALUES (${next()}, '')`);
    await told.until(() => told.keys().length === 1);
    const before = await mark();
    await admin.query("SET SESSION sql_log_bin = 0");
    await expect
      .poll(
        async () => {
          await admin.query(`INSERT INTO r VALUES (${next()}, '')`);
          return await mark();
        },
        { interval: 200 },
      )
      .not.toBe(before);
    await admin.query("SET SESSION sql_log_bin = 1");
    expect(told.keys()).toHaveLength(1);
  });

  it("is lost, and no gap, when the connection ends by which it asks for columns", async () => {
    const fed = await asFed();
    await using told = follow(fed.feed as Feed, [rows], await (fed.feed as Feed).begin([rows], never));
    await told.until(() => told.batches.length > 0);
    const [asking] = await admin.query<RowDataPacket[]>(
      "SELECT ID AS id FROM information_schema.PROCESSLIST WHERE USER = 'fed' AND COMMAND <> 'Binlog Dump'",
    );
    for (const { id } of asking) await admin.query(`KILL ${id}`);
    await admin.query("FLUSH BINARY LOGS");
    await admin.query(`INSERT INTO r VALUES (${next()}, '')`);
    expect(await told.failed()).toMatchObject({ kind: "transient", code: "erp-connection-lost" });
    await fed.close();
  });

  it("holds the server back while nobody asks, and goes on without a loss", async () => {
    const begin = await feed.begin([rows], never);
    const stop = new AbortController();
    const reading = feed.read([rows], begin, stop.signal)[Symbol.asyncIterator]();
    const first = next();
    await admin.query(`INSERT INTO r VALUES (${first}, '')`);
    let batch = await reading.next();
    while (batch.value.changes.length === 0) batch = await reading.next();
    // Far more than buffers of sockets hold.
    const from = n + 1;
    const many = 5_000;
    n += many;
    await admin.query(`INSERT INTO r SELECT seq, REPEAT('x', 5000) FROM seq_${from}_to_${n}`);
    // The server waits to send, far from the end of its binlog.
    const state = async (): Promise<string> => {
      const [found] = await admin.query<RowDataPacket[]>(
        "SELECT STATE AS s FROM information_schema.PROCESSLIST WHERE COMMAND = 'Binlog Dump'",
      );
      return String(found[0]?.s);
    };
    await expect.poll(state).toMatch(/sending|writing/i);
    const seen = new Set<string | undefined>();
    let most = 0;
    while (seen.size < many) {
      const { value } = await reading.next();
      most = Math.max(most, value.changes.length);
      for (const { key } of value.changes) if (Number(key) >= from) seen.add(key);
    }
    // What waited here was bounded.
    expect(most).toBeLessThan(4_000);
    stop.abort();
    await expect(reading.next()).rejects.toMatchObject({ name: "AbortError" });
  });

  it("says nothing of the password in what it logs or throws", async () => {
    const said: unknown[] = [];
    const say = (...words: unknown[]): void => void said.push(words);
    const fed = await asFed({ debug: say, info: say, warn: say, error: say } as unknown as Log);
    const told = follow(fed.feed as Feed, [rows], await (fed.feed as Feed).begin([rows], never));
    await told.until(() => told.batches.length > 0);
    said.push(told.position);
    await erp.cut();
    const failure = (await told.failed()) as Error;
    said.push(failure, failure.message, failure.stack, failure.cause);
    await fed.close();
    expect(JSON.stringify(said)).not.toContain("a secret");
  });

  describe("RESET MASTER", () => {
    const insert = () => admin.query(`INSERT INTO r VALUES (${next()}, '')`);
    const lost = { kind: "history-lost", code: "erp-feed-other-history" };
    /** A file is told from another of its name by the second in which it was begun. */
    const reset = async (position: string): Promise<void> => {
      const { begun } = JSON.parse(position) as { begun: number };
      await expect.poll(() => Math.floor(Date.now() / 1_000), { timeout: 5_000 }).toBeGreaterThan(begun);
      await admin.query("RESET MASTER");
    };

    it("ends a feed that is being read, and its position is of another history", async () => {
      const begin = await feed.begin([rows], never);
      const told = follow(feed, [rows], begin);
      await insert();
      await told.until(() => told.keys().length === 1);
      await reset(told.position);
      await insert();
      const failure = await told.failed();
      expect(["transient", "history-lost"]).toContain((failure as { kind: string }).kind);
      expect(await follow(feed, [rows], told.position).failed()).toMatchObject(lost);
    });

    it("is known for what it is even when as many transactions were committed since, in as many files", async () => {
      await insert();
      const position = await feed.begin([rows], never);
      await reset(position);
      for (let i = 0; i < 5; i++) await insert();
      expect(await follow(feed, [rows], position).failed()).toMatchObject(lost);
      for (let i = 0; i < 3; i++) {
        await admin.query("FLUSH BINARY LOGS");
        await insert();
      }
      expect(await follow(feed, [rows], position).failed()).toMatchObject(lost);
    });

    it("is known for what it is even where nothing had been logged yet", async () => {
      const before = await feed.begin([rows], never);
      await reset(before);
      const empty = await feed.begin([rows], never);
      expect(JSON.parse(empty)).toMatchObject({ gtids: "" });
      await insert();
      await reset(empty);
      await insert();
      expect(await follow(feed, [rows], empty).failed()).toMatchObject(lost);
    });
  });
});
