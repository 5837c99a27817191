import { setTimeout as sleep } from "node:timers/promises";
import type pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { FeedBatch, FeedTable } from "../../connectors/feed.ts";
import { lsnOf } from "../../connectors/postgres/feed-position.ts";
import type { Postgres } from "../support/postgres.ts";
import { type FeedBench, feedBench } from "../support/postgres-feed.ts";
import { postgres, postgresPrograms } from "../support/servers.ts";
import { never } from "./erp/subject.ts";

const rent: FeedTable = { table: "rent", key: ["id"], own: ["id"] };

describe.each(postgresPrograms())("$name: what its feed tells", (program) => {
  let server: Postgres;
  let bench: FeedBench;
  let admin: pg.Client;
  let position: string;

  beforeAll(async () => {
    server = await postgres({ program, settings: ["max_prepared_transactions=5"] });
    bench = await feedBench(server);
    admin = bench.admin;
    await admin.query("CREATE TABLE rent (id int PRIMARY KEY, flat int, words text)");
    await admin.query("CREATE TABLE beside (id int PRIMARY KEY)");
    position = await bench.begin([rent]);
  });
  afterAll(async () => {
    await bench?.[Symbol.asyncDispose]();
    await server?.stop();
  });

  it("a transaction that stays open for long is told at once after its commit, and what was rolled back is not", async () => {
    const other = await server.connect(bench.database);
    await using follower = await bench.follow([rent], position);
    await other.query(
      "BEGIN; INSERT INTO rent VALUES (100, 1, 'slow'); SAVEPOINT s; INSERT INTO rent VALUES (101, 1, 'not'); ROLLBACK TO s",
    );
    await admin.query("INSERT INTO rent VALUES (102, 1, 'quick'); INSERT INTO rent VALUES (103, 1, 'never'); ");
    await admin.query("BEGIN; INSERT INTO rent VALUES (104, 1, 'never'); ROLLBACK");
    await follower.until(({ keys }) => keys().includes("103"));
    expect(follower.keys()).toEqual(["102", "103"]);
    await other.query("SAVEPOINT t; INSERT INTO rent VALUES (105, 1, 'kept'); RELEASE t; COMMIT");
    await follower.until(({ keys }) => keys().includes("105"));
    expect(follower.keys()).toEqual(["102", "103", "100", "105"]);
    ({ position } = follower);
    await other.end();
  });

  it("a prepared transaction is told once it is committed", async () => {
    await using follower = await bench.follow([rent], position);
    await admin.query("BEGIN; INSERT INTO rent VALUES (200, 1, 'two phases'); PREPARE TRANSACTION 'two'");
    await admin.query("INSERT INTO rent VALUES (201, 1, 'one')");
    await follower.until(({ keys }) => keys().includes("201"));
    expect(follower.keys()).toEqual(["201"]);
    await admin.query("COMMIT PREPARED 'two'");
    await follower.until(({ keys }) => keys().includes("200"));
    ({ position } = follower);
  });

  it("a large transaction comes in parts, and a reader who ends within it is told all of it again", async () => {
    await admin.query("INSERT INTO rent SELECT n, 1, repeat('long ', 100) FROM generate_series(10001, 13000) n");
    const wanted = Array.from({ length: 3_000 }, (_, index) => String(10_001 + index));
    const first = await bench.follow([rent], position);
    const parts = () => first.batches.filter(({ changes }) => changes.length > 0);
    await first.until(() => parts().length >= 3);
    await first.stop();
    const within = parts()[2];
    expect(
      parts()
        .slice(0, 3)
        .every(({ changes, position: at }) => changes.length <= 500 && at === within?.position),
    ).toBe(true);
    await using second = await bench.follow([rent], within?.position ?? "");
    await second.until(({ keys }) => keys().includes("13000"));
    expect(second.keys()).toEqual(wanted);
    ({ position } = second);
  });

  it("of two commits side by side the second is told again when only the first was confirmed", async () => {
    await using narrow = await feedBench(server, { limits: { batchRows: 1 } });
    await narrow.admin.query("CREATE TABLE rent (id int PRIMARY KEY)");
    const start = await narrow.begin([rent]);
    const other = await server.connect(narrow.database);
    await narrow.admin.query("BEGIN; INSERT INTO rent VALUES (1)");
    await other.query("BEGIN; INSERT INTO rent VALUES (2)");
    // Nothing else is written in between: one commit begins where the other ends.
    await Promise.all([narrow.admin.query("COMMIT"), other.query("COMMIT")]);
    await other.end();
    // Whoever asks for the batch behind the first commit's confirms it, and nothing more.
    const reading = narrow.feed.read([rent], start, never)[Symbol.asyncIterator]();
    const told: string[] = [];
    let between = start;
    while (told.length < 2) {
      const { position: at, changes } = (await reading.next()).value as FeedBatch;
      told.push(...changes.map(({ key }) => String(key)));
      between = at;
    }
    await reading.return?.();
    await using again = await narrow.follow([rent], between);
    await again.until(({ keys }) => keys().length > 0);
    expect(again.keys()).toEqual([told[1]]);
  });

  it("nothing is lost when the reader ends at any moment while many write at once", async () => {
    const writers = await Promise.all(Array.from({ length: 4 }, () => server.connect(bench.database)));
    let next = 20_000;
    let writing = true;
    const work = writers.map(async (writer) => {
      while (writing) {
        next += 1;
        const id = next;
        await writer.query(`INSERT INTO rent VALUES (${id}, 2, 'x')`);
        await sleep(5);
      }
    });
    const told = new Set<string>();
    try {
      for (let turn = 0; turn < 3 || told.size < 50; turn++) {
        await using follower = await bench.follow([rent], position);
        await follower.until(({ batches }) => batches.length >= 1 + (turn % 4));
        await follower.stop();
        for (const key of follower.keys()) told.add(key);
        ({ position } = follower);
      }
    } finally {
      writing = false;
      await Promise.all(work);
      await Promise.all(writers.map((writer) => writer.end()));
    }
    await admin.query("INSERT INTO rent VALUES (9999, 2, 'last')");
    await using follower = await bench.follow([rent], position);
    await follower.until(({ keys }) => keys().includes("9999"));
    for (const key of follower.keys()) told.add(key);
    const { rows } = await admin.query<{ id: number }>("SELECT id FROM rent WHERE flat = 2");
    expect(rows.map(({ id }) => String(id)).filter((id) => !told.has(id))).toEqual([]);
    ({ position } = follower);
  });

  it("TRUNCATE and ALTER TABLE are told as tables to compare, rows around them by their keys", async () => {
    await using follower = await bench.follow([rent], position);
    await admin.query("TRUNCATE rent; INSERT INTO rent VALUES (1, 1, 'new')");
    await follower.until(({ batches }) => batches.some(({ untold }) => untold.includes(0)));
    await follower.until(({ keys }) => keys().includes("1"));
    const before = follower.batches.length;
    await admin.query("ALTER TABLE rent ADD COLUMN more int DEFAULT 7; INSERT INTO rent VALUES (2, 1, 'new')");
    await follower.until(({ keys }) => keys().includes("2"));
    expect(follower.batches.slice(before).some(({ untold }) => untold.includes(0))).toBe(true);
    ({ position } = follower);
    expect(await bench.feed.marks([rent], never)).toHaveLength(1);
  });

  it("a quiet table's position moves on with the server's log, which is given free", async () => {
    await using follower = await bench.follow([rent], position);
    const confirmed = async (): Promise<string> =>
      (
        await admin.query<{ at: string }>(
          "SELECT confirmed_flush_lsn::text AS at FROM pg_replication_slots WHERE slot_name = $1",
          [bench.name],
        )
      ).rows[0]?.at ?? "";
    await follower.until(({ batches }) => batches.length >= 1);
    const before = await confirmed();
    await admin.query("INSERT INTO beside SELECT n FROM generate_series(1, 2000) n ON CONFLICT DO NOTHING");
    const { rows } = await admin.query<{ at: string }>("SELECT pg_current_wal_lsn()::text AS at");
    await follower.until(({ position: at }) => lsnOf(JSON.parse(at).lsn) >= lsnOf(rows[0]?.at ?? ""));
    await expect.poll(confirmed).not.toBe(before);
    expect(follower.keys()).toEqual([]);
    ({ position } = follower);
  });
});
