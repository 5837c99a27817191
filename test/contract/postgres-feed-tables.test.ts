import type pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { FeedBatch, FeedChange, FeedTable } from "../../connectors/feed.ts";
import { lsnOf } from "../../connectors/postgres/feed-position.ts";
import type { FeedFollower } from "../support/feed-follower.ts";
import type { Postgres } from "../support/postgres.ts";
import { type FeedBench, feedBench, statementOf } from "../support/postgres-feed.ts";
import { postgres, postgresPrograms } from "../support/servers.ts";
import { never } from "./erp/subject.ts";

describe.each(postgresPrograms())("$name: tables of its feed", (program) => {
  let server: Postgres;
  beforeAll(async () => {
    server = await postgres({ program });
  });
  afterAll(async () => {
    await server?.stop();
  });

  /** All that is told of some statements, the feed begun before them: they are one transaction, and a slow server's comes in parts. */
  async function told(bench: FeedBench, tables: readonly FeedTable[], statements: string): Promise<FeedFollower> {
    const position = await bench.begin(tables);
    const results: unknown = await bench.admin.query(`${statements}; SELECT pg_current_wal_insert_lsn()::text AS "beforeCommit"`);
    const { beforeCommit } = (results as pg.QueryResult[]).at(-1)?.rows[0] ?? {};
    const follower = await bench.follow(tables, position);
    await follower.until(({ position: at }) => lsnOf(JSON.parse(at).lsn) > lsnOf(beforeCommit));
    await follower.stop();
    return follower;
  }
  const changes = ({ batches }: FeedFollower): readonly FeedChange[] => batches.flatMap((batch) => batch.changes);
  const untold = ({ batches }: FeedFollower): number[] => batches.flatMap((batch) => [...batch.untold]);
  const errors = async ({ feed }: FeedBench, tables: readonly FeedTable[]) =>
    (await feed.check(tables, never)).filter(({ severity }) => severity === "error");

  it("keys come before and after they change, of children by their own key where the parent's is not told", async () => {
    await using bench = await feedBench(server);
    await bench.admin.query("CREATE TABLE flat (house int, no text, words text, PRIMARY KEY (no, house))");
    await bench.admin.query("CREATE TABLE ticket (id int PRIMARY KEY, house int, flat text, words text)");
    const flat = { table: "flat", key: ["house", "no"], own: ["house", "no"] };
    const ticket = { table: "ticket", key: ["house", "flat"], own: ["id"] };
    const follower = await told(
      bench,
      [flat, ticket, { ...ticket, key: ["house"] }],
      `INSERT INTO flat VALUES (1, 'EG links', 'a'); UPDATE flat SET no = 'EG.rechts'; UPDATE flat SET words = 'b'; DELETE FROM flat;
       INSERT INTO ticket VALUES (7, 1, 'x', 'a'), (8, NULL, 'x', 'a'); UPDATE ticket SET flat = 'y' WHERE id = 7; UPDATE ticket SET id = 9 WHERE id = 7; DELETE FROM ticket`,
    );
    const row = (key: string) => ({ table: 0, key, own: key });
    expect(changes(follower).filter(({ table }) => table === 0)).toEqual(
      ["1.EG%20links", "1.EG%20links", "1.EG%2Erechts", "1.EG%2Erechts", "1.EG%2Erechts"].map(row),
    );
    const child = (own: string, key?: string) => ({ table: 1, key, own });
    expect(changes(follower).filter(({ table }) => table === 1)).toEqual([
      child("7", "1.x"),
      child("8"),
      child("7", "1.y"),
      child("7"),
      child("9", "1.y"),
      child("8"),
      child("9"),
    ]);
    expect(changes(follower).filter(({ table }) => table === 2)).toContainEqual({ table: 2, key: "1", own: "7" });
    expect(untold(follower)).toEqual([]);
  });

  it("of a child that moved, its parent now is told last, though the server tells all of the old row", async () => {
    await using bench = await feedBench(server);
    await bench.admin.query("CREATE TABLE ticket (id int PRIMARY KEY, flat int)");
    await bench.admin.query("ALTER TABLE ticket REPLICA IDENTITY FULL");
    const tables = [{ table: "ticket", key: ["flat"], own: ["id"] }];
    const follower = await told(bench, tables, "INSERT INTO ticket VALUES (7, 1); UPDATE ticket SET flat = 2");
    expect(changes(follower).map(({ own, key }) => [own, key])).toEqual([
      ["7", "1"],
      ["7", "1"],
      ["7", "2"],
    ]);
  });

  it("a publication that is narrowed while the feed is read is refused, and once it is wide again its tables are to be compared", async () => {
    await using bench = await feedBench(server);
    await bench.admin.query("CREATE TABLE rent (id int PRIMARY KEY, words text); CREATE TABLE beside (id int PRIMARY KEY)");
    await bench.admin.query("INSERT INTO rent VALUES (1, 'x'), (2, 'x')");
    const tables = [{ table: "rent", key: ["id"], own: ["id"] }];
    let position = await bench.begin(tables);
    const operations = "SET (publish = 'insert, update')";
    const narrowings = [operations, operations, "SET TABLE rent WHERE (id > 5)", "DROP TABLE rent"];
    for (const [index, narrowing] of narrowings.entries()) {
      await using follower = await bench.follow(tables, position);
      await follower.until(({ batches }) => batches.length > 0);
      // The first time nobody looks meanwhile.
      if (index === 0) await follower.stop();
      await bench.admin.query(`ALTER PUBLICATION ${bench.name} ${narrowing}`);
      await bench.admin.query(`DELETE FROM rent WHERE id = ${index}`);
      const refused = { kind: "config", code: "erp-feed-unpublished" };
      if (index > 0) await expect(follower.until(() => false)).rejects.toMatchObject(refused);
      ({ position } = follower);
      for (const { remedy } of await errors(bench, tables)) await bench.admin.query(statementOf(remedy));
      await using again = await bench.follow(tables, position);
      await again.until(({ batches }) => batches.some((batch) => batch.untold.includes(0)));
      ({ position } = again);
    }
    // One more table beside is nothing to them.
    await bench.admin.query(`ALTER PUBLICATION ${bench.name} ADD TABLE beside`);
    await using last = await bench.follow(tables, position);
    await bench.admin.query("INSERT INTO rent VALUES (3, 'x')");
    await last.until(({ keys }) => keys().includes("3"));
    expect(untold(last)).toEqual([]);
  });

  it("a source whose key is not what the server tells of old rows is refused, until it is by one of the printed ways", async () => {
    await using bench = await feedBench(server);
    const tables = [{ table: "person", key: ["number"], own: ["number"] }];
    await bench.admin.query("CREATE TABLE person (id serial PRIMARY KEY, number text NOT NULL UNIQUE, words text)");
    expect(await errors(bench, tables)).toContainEqual(
      expect.objectContaining({
        code: "erp-feed-identity",
        place: "person",
        remedy: expect.stringContaining("REPLICA IDENTITY FULL"),
      }),
    );
    const unsaid = await told(bench, tables, "INSERT INTO person (number) VALUES ('0815'); DELETE FROM person");
    expect(untold(unsaid)).toEqual([0]);
    await bench.admin.query("ALTER TABLE person REPLICA IDENTITY USING INDEX person_number_key");
    expect(await errors(bench, tables)).toEqual([]);
    const indexed = await told(
      bench,
      tables,
      "INSERT INTO person (number) VALUES ('1'); UPDATE person SET number = '2'; DELETE FROM person",
    );
    expect(indexed.keys()).toEqual(["1", "1", "2", "2"]);
    await bench.admin.query("ALTER TABLE person REPLICA IDENTITY FULL");
    const full = await told(
      bench,
      tables,
      "INSERT INTO person (number) VALUES ('1'); UPDATE person SET number = '2'; UPDATE person SET words = 'x'; DELETE FROM person",
    );
    expect(full.keys()).toEqual(["1", "1", "2", "2", "2"]);
    expect([...untold(indexed), ...untold(full)]).toEqual([]);
  });

  it("a table that would refuse the ERP's updates once it is published is told before anybody publishes it", async () => {
    await using bench = await feedBench(server);
    const tables = [{ table: "log", key: ["id"], own: ["id"] }];
    await bench.admin.query("CREATE TABLE log (id int NOT NULL, words text)");
    const findings = await errors(bench, tables);
    expect(findings.map(({ code }) => code)).toEqual(["erp-feed-identity", "erp-feed-unpublished"]);
    expect(findings[0]?.message).toContain("refuses every UPDATE and DELETE");
    // What it is said to prevent.
    await bench.admin.query(`CREATE PUBLICATION ${bench.name} FOR TABLE log`);
    await bench.admin.query("INSERT INTO log VALUES (1, 'x')");
    await expect(bench.admin.query("UPDATE log SET words = 'y'")).rejects.toMatchObject({ code: "55000" });
    await bench.admin.query("ALTER TABLE log REPLICA IDENTITY FULL");
    await bench.admin.query("UPDATE log SET words = 'y'");
    expect(await errors(bench, tables)).toEqual([]);
  });

  it("a publication that keeps rows, columns or operations back is refused with what widens it", async () => {
    await using bench = await feedBench(server);
    const tables = [{ table: "rent", key: ["id"], own: ["id"] }];
    await bench.admin.query("CREATE TABLE rent (id int PRIMARY KEY, flat int NOT NULL, words text)");
    for (const narrow of ["FOR TABLE rent WHERE (id > 5)", "FOR TABLE rent (id) WITH (publish = 'insert, update')"]) {
      await bench.admin.query(`CREATE PUBLICATION ${bench.name} ${narrow}`);
      const findings = await errors(bench, tables);
      expect(findings.map(({ code }) => code)).toEqual(["erp-feed-unpublished"]);
      await bench.admin.query(statementOf(findings[0]?.remedy ?? ""));
      expect(await errors(bench, tables)).toEqual([]);
      await bench.admin.query(`DROP PUBLICATION ${bench.name}`);
    }
    const child = [{ table: "rent", key: ["flat"], own: ["id"] }];
    await bench.admin.query(`CREATE PUBLICATION ${bench.name} FOR TABLE rent (id)`);
    expect((await errors(bench, child)).map(({ code }) => code)).toEqual(["erp-feed-table"]);
    expect((await errors(bench, [{ ...child[0], table: "nowhere" } as FeedTable])).map(({ code }) => code)).toContain(
      "erp-object-missing",
    );
    await bench.admin.query("CREATE VIEW rents AS SELECT * FROM rent");
    expect((await errors(bench, [{ ...child[0], table: "rents" } as FeedTable])).map(({ code }) => code)).toContain(
      "erp-feed-table",
    );
  });

  it.each([false, true])(
    "rows of partitions are told as those of their table, be it published as root (%s) or not",
    async (root) => {
      await using bench = await feedBench(server);
      const tables = [{ table: "public.entry", key: ["year", "no"], own: ["year", "no"] }];
      await bench.admin.query(
        "CREATE TABLE entry (words text, no int, year int, PRIMARY KEY (year, no)) PARTITION BY RANGE (year)",
      );
      await bench.admin.query("CREATE TABLE entry_2025 PARTITION OF entry FOR VALUES FROM (2025) TO (2026)");
      await bench.admin.query(`CREATE PUBLICATION ${bench.name} FOR TABLE entry WITH (publish_via_partition_root = ${root})`);
      expect(await errors(bench, tables)).toEqual([]);
      const position = await bench.begin(tables);
      await using follower = await bench.follow(tables, position);
      await bench.admin.query("INSERT INTO entry VALUES ('x', 1, 2025)");
      await follower.until(({ keys }) => keys().includes("2025.1"));
      const before = follower.batches.length;
      await bench.admin.query("CREATE TABLE entry_2026 (no int NOT NULL, year int NOT NULL, words text, PRIMARY KEY (year, no))");
      await bench.admin.query("INSERT INTO entry_2026 VALUES (5, 2026, 'there before')");
      await bench.admin.query("ALTER TABLE entry ATTACH PARTITION entry_2026 FOR VALUES FROM (2026) TO (2027)");
      await bench.admin.query("INSERT INTO entry VALUES ('x', 2, 2026)");
      await follower.until(({ keys }) => keys().includes("2026.2"));
      await follower.until(({ batches }) => batches.slice(before).some((batch) => batch.untold.includes(0)));
    },
  );

  it("a key column that is given another type is not read by the old one", async () => {
    await using bench = await feedBench(server);
    const tables = [{ table: "rent", key: ["id"], own: ["id"] }];
    await bench.admin.query("CREATE TABLE rent (id char(6) PRIMARY KEY)");
    const position = await bench.begin(tables);
    await bench.admin.query(
      "INSERT INTO rent VALUES ('7'); ALTER TABLE rent ALTER id TYPE int USING id::int; INSERT INTO rent VALUES (8)",
    );
    await using follower = await bench.follow(tables, position);
    await follower.until(({ keys }) => keys().includes("8"));
    expect(untold(follower)).toContain(0);
    expect(follower.keys()).toEqual(["8"]);
  });

  it("a value that lies outside its row is taken from the old row, where the server sends it along", async () => {
    await using bench = await feedBench(server);
    const tables = [
      { table: "long", key: ["id"], own: ["id"] },
      { table: "long", key: ["parent"], own: ["id"] },
    ];
    await bench.admin.query("CREATE TABLE long (id text PRIMARY KEY, parent text, words text)");
    await bench.admin.query("ALTER TABLE long ALTER id SET STORAGE EXTERNAL, ALTER parent SET STORAGE EXTERNAL");
    const id = "k".repeat(2_400);
    await bench.admin.query("INSERT INTO long VALUES ($1, $2, 'a')", [id, "p".repeat(9_000)]);
    const follower = await told(bench, tables, "UPDATE long SET words = 'b'");
    expect(changes(follower)).toEqual([
      { table: 0, key: id, own: id },
      { table: 1, key: undefined, own: id },
    ]);
    expect(untold(follower)).toEqual([]);
  });

  it("a commit that waits for a standby is told for the time being, and again once its row can be read", async () => {
    await using bench = await feedBench(server);
    const tables = [{ table: "rent", key: ["id"], own: ["id"] }];
    await bench.admin.query("CREATE TABLE rent (id int PRIMARY KEY)");
    const position = await bench.begin(tables);
    const writer: pg.Client = await server.connect(bench.database);
    // Batch by batch: nothing is stored, and so confirmed, before it is asked for.
    const stop = new AbortController();
    const reading = bench.feed.read(tables, position, stop.signal)[Symbol.asyncIterator]();
    const next = async (id: number): Promise<FeedBatch> => {
      for (;;) {
        const { value: batch } = await reading.next();
        if (batch?.changes.some(({ key }: FeedChange) => key === String(id))) return batch;
      }
    };
    const waits = async (): Promise<boolean> => {
      const asleep = "SELECT FROM pg_stat_activity WHERE pid = $1 AND wait_event = 'SyncRep'";
      return (await bench.admin.query(asleep, [(writer as unknown as { processID: number }).processID])).rowCount === 1;
    };
    let id = 0;
    await bench.admin.query("ALTER SYSTEM SET synchronous_standby_names = 'nobody'");
    await bench.admin.query("SELECT pg_reload_conf()");
    let waiting: Promise<unknown> | undefined;
    let early: FeedBatch;
    try {
      // Commits wait once the server's processes have heard of it, one after the other.
      do {
        await waiting;
        id += 1;
        let done = false;
        waiting = writer.query(`INSERT INTO rent VALUES (${id})`).then(() => {
          done = true;
        });
        await expect.poll(async () => done || (await waits()), { interval: 5 }).toBe(true);
      } while (!(await waits()));
      early = await next(id);
      expect((await bench.admin.query("SELECT FROM rent WHERE id = $1", [id])).rowCount).toBe(0);
    } finally {
      await bench.admin.query("ALTER SYSTEM RESET synchronous_standby_names");
      await bench.admin.query("SELECT pg_reload_conf()");
    }
    await waiting;
    await writer.end();
    const seen = await next(id);
    expect((await bench.admin.query("SELECT FROM rent WHERE id = $1", [id])).rowCount).toBe(1);
    expect(seen.position).not.toBe(early.position);
    stop.abort();
    await reading.return?.();
    await using again = await bench.follow(tables, early.position);
    await again.until(({ keys }) => keys().includes(String(id)));
  });

  it("of a flood every key is told, and once", async () => {
    await using bench = await feedBench(server);
    const tables = [{ table: "rent", key: ["id"], own: ["id"] }];
    await bench.admin.query("CREATE TABLE rent (id int PRIMARY KEY, words text)");
    const position = await bench.begin(tables);
    await using follower = await bench.follow(tables, position);
    const work = (async () => {
      for (let n = 0; n < 100; n++) {
        await bench.admin.query(`INSERT INTO rent SELECT ${n} * 100 + k, 'some words' FROM generate_series(1, 100) k`);
      }
    })();
    await follower.until(({ keys, batches }) => batches.length > 0 && keys().length >= 10_000);
    await work;
    expect(follower.keys()).toHaveLength(10_000);
    expect(new Set(follower.keys()).size).toBe(10_000);
  });
});
