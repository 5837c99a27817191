import type pg from "pg";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Feed, FeedTable } from "../../connectors/feed.ts";
import { postgresFeed } from "../../connectors/postgres/feed.ts";
import { followFeed } from "../support/feed-follower.ts";
import type { Postgres } from "../support/postgres.ts";
import { type FeedBench, feedBench, statementOf } from "../support/postgres-feed.ts";
import { atFirst, openProxy } from "../support/proxy.ts";
import { postgres, postgresPrograms } from "../support/servers.ts";
import { never } from "./erp/subject.ts";

const rent: FeedTable = { table: "rent", key: ["id"], own: ["id"] };
const tables = [rent];

describe.each(postgresPrograms())("$name: faults of its feed", (program) => {
  let server: Postgres;
  let bench: FeedBench;
  let admin: pg.Client;
  let last = 0;

  beforeAll(async () => {
    server = await postgres({ program });
    bench = await feedBench(server);
    ({ admin } = bench);
    await admin.query("CREATE TABLE rent (id int PRIMARY KEY, words text)");
  });
  afterAll(async () => {
    await bench?.[Symbol.asyncDispose]();
    await server?.stop();
  });
  afterEach(async () => {
    await bench.unread();
    await bench.feed.drop?.(never);
  });

  const insert = async (): Promise<string> => {
    last += 1;
    await admin.query("INSERT INTO rent VALUES ($1, 'x')", [last]);
    return String(last);
  };
  const value = async (text: string): Promise<unknown> => Object.values((await admin.query(text)).rows[0] ?? {})[0];
  /** What reading from there ends with. */
  const refusal = async (position: string): Promise<unknown> => {
    await using follower = await bench.follow(tables, position);
    return await follower
      .until(({ batches }) => batches.length > 0)
      .then(
        () => "it was read",
        (error: unknown) => error,
      );
  };
  const codes = async (): Promise<[string, string][]> =>
    (await bench.feed.check(tables, never)).map(({ severity, code }) => [severity, code]);
  const forged = (position: string, change: object): string => JSON.stringify({ ...JSON.parse(position), ...change });

  it("without a publication nothing begins, and what check prints mends it", async () => {
    await expect(bench.feed.begin(tables, never)).rejects.toMatchObject({ kind: "config", code: "erp-feed-unpublished" });
    const finding = (await bench.feed.check(tables, never)).find(({ severity }) => severity === "error");
    expect(finding).toMatchObject({ code: "erp-feed-unpublished", message: expect.stringContaining(bench.name) });
    await admin.query(statementOf(finding?.remedy ?? ""));
    expect((await codes()).filter(([severity]) => severity === "error")).toEqual([]);
    const position = await bench.feed.begin(tables, never);
    const id = await insert();
    await using follower = await bench.follow(tables, position);
    await follower.until(({ keys }) => keys().includes(id));
  });

  it("a slot that is gone or has gone on without us is a gap; a new one makes up for it", async () => {
    const position = await bench.begin(tables);
    await admin.query("SELECT pg_drop_replication_slot($1)", [bench.name]);
    expect(await refusal(position)).toMatchObject({ kind: "history-lost", code: "erp-feed-gap" });
    const again = await bench.begin(tables);
    await insert();
    await admin.query("SELECT pg_replication_slot_advance($1, pg_current_wal_lsn())", [bench.name]);
    expect(await refusal(again)).toMatchObject({ kind: "history-lost", code: "erp-feed-gap" });
    const third = await bench.begin(tables);
    const id = await insert();
    await using follower = await bench.follow(tables, third);
    await follower.until(({ keys }) => keys().includes(id));
  });

  it("a slot that the server gave up for its disk's sake is a gap, told by check before", async () => {
    const position = await bench.begin(tables);
    expect(await codes()).toContainEqual(["warning", "erp-feed-disk"]);
    await admin.query("ALTER SYSTEM SET max_slot_wal_keep_size = '1MB'");
    await admin.query("SELECT pg_reload_conf()");
    try {
      await expect
        .poll(
          async () => {
            await insert();
            await admin.query("SELECT pg_switch_wal()");
            await admin.query("CHECKPOINT");
            return value(`SELECT wal_status FROM pg_replication_slots WHERE slot_name = '${bench.name}'`);
          },
          { interval: 10 },
        )
        .toBe("lost");
      expect(await codes()).toContainEqual(["warning", "erp-feed-gap"]);
      expect(await refusal(position)).toMatchObject({ kind: "history-lost", code: "erp-feed-gap" });
    } finally {
      await admin.query("ALTER SYSTEM RESET max_slot_wal_keep_size");
      await admin.query("SELECT pg_reload_conf()");
    }
    await bench.begin(tables);
    expect(await codes()).not.toContainEqual(["warning", "erp-feed-gap"]);
  });

  it("slots that are used up are told by check and at the beginning, until one is free", async () => {
    await bench.begin(tables);
    await bench.feed.drop?.(never);
    const filler = await admin.query(
      "SELECT pg_create_physical_replication_slot('filler_' || n) FROM generate_series(1, current_setting('max_replication_slots')::int) n",
    );
    try {
      expect(await codes()).toContainEqual(["error", "erp-feed-slots"]);
      const refused = { kind: "config", code: "erp-feed-slots", hint: expect.stringContaining("max_replication_slots") };
      await expect(bench.feed.begin(tables, never)).rejects.toMatchObject(refused);
      await admin.query("SELECT pg_drop_replication_slot('filler_1')");
      expect((await codes()).filter(([severity]) => severity === "error")).toEqual([]);
      await bench.begin(tables);
      // Our own is none that lacks.
      expect((await codes()).filter(([severity]) => severity === "error")).toEqual([]);
    } finally {
      await admin.query("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name LIKE 'filler%'");
    }
    expect(filler.rowCount).toBe(10);
  });

  it("a position of another server, of another timeline or ahead of the server is another history", async () => {
    const position = await bench.begin(tables);
    for (const change of [{ system: "1" }, { timeline: "7" }, { database: "other" }, { lsn: "FF/0" }, { lsn: "nonsense" }]) {
      expect(await refusal(forged(position, change))).toMatchObject({ kind: "history-lost", code: "erp-feed-other-history" });
    }
    expect(await refusal("0-1-100")).toMatchObject({ kind: "history-lost", code: "erp-feed-other-history" });
  });

  it("while somebody else reads from the slot, reading and dropping wait for their turn", async () => {
    const position = await bench.begin(tables);
    await using first = await bench.follow(tables, position);
    const id = await insert();
    await first.until(({ keys }) => keys().includes(id));
    const second = followFeed(bench.feed, tables, position);
    await expect(second.until(() => false)).rejects.toMatchObject({ kind: "transient", code: "erp-session-locked" });
    await expect(bench.feed.drop?.(never)).rejects.toMatchObject({ kind: "transient", code: "erp-session-locked" });
    await expect(bench.feed.begin(tables, never)).rejects.toMatchObject({ kind: "transient", code: "erp-session-locked" });
    expect(await bench.feed.kept?.(never)).toMatchObject({ what: `the replication slot ${bench.name}`, isRead: true });
    await first.stop();
    await bench.unread();
    expect(await bench.feed.kept?.(never)).toMatchObject({ isRead: false });
    await bench.feed.drop?.(never);
    expect(await bench.feed.kept?.(never)).toBeUndefined();
    expect(await value("SELECT count(*)::int FROM pg_replication_slots")).toBe(0);
  });

  it("a right that was taken away is told with the statement that gives it back", async () => {
    const position = await bench.begin(tables);
    await admin.query("ALTER ROLE agent NOREPLICATION");
    try {
      const hint = 'Let the DBA run: ALTER ROLE "agent" REPLICATION;';
      expect(await refusal(position)).toMatchObject({ kind: "config", code: "erp-rights", hint });
      await expect(bench.feed.begin(tables, never)).rejects.toMatchObject({ kind: "config", code: "erp-rights", hint });
      expect(await codes()).toContainEqual(["error", "erp-rights"]);
    } finally {
      await admin.query("ALTER ROLE agent REPLICATION");
    }
    expect(await refusal(position)).toBe("it was read");
  });

  it("a table that was made anew is noticed, for nothing of it is published", async () => {
    await admin.query("CREATE TABLE ledger (id int PRIMARY KEY)");
    const both = [rent, { ...rent, table: "ledger" }];
    const position = await bench.begin(both);
    await using follower = await bench.follow(both, position);
    await follower.until(({ batches }) => batches.length > 0);
    await admin.query("DROP TABLE ledger; CREATE TABLE ledger (id int PRIMARY KEY)");
    await expect(follower.until(() => false)).rejects.toMatchObject({
      kind: "config",
      code: "erp-feed-unpublished",
      message: expect.stringContaining("ledger"),
    });
    const [finding] = (await bench.feed.check(both, never)).filter(({ severity }) => severity === "error");
    await admin.query(statementOf(finding?.remedy ?? ""));
    await using second = await bench.follow(both, follower.position);
    await second.until(({ batches }) => batches.some(({ untold }) => untold.includes(1)));
  });

  it("a reader who takes nothing is not cut off, and the server sends no more than fits", async () => {
    await admin.query("ALTER ROLE agent SET wal_sender_timeout = '3s'");
    const position = await bench.begin(tables);
    await using follower = await bench.follow(tables, position);
    const id = await insert();
    await follower.until(({ keys }) => keys().includes(id));
    const release = follower.hold();
    await admin.query("INSERT INTO rent SELECT n, repeat(md5(n::text), 60) FROM generate_series(100001, 120000) n");
    const sender = async (what: string, view: string): Promise<unknown> =>
      value(`SELECT ${what} FROM ${view} JOIN pg_replication_slots s ON s.active_pid = pid WHERE slot_name = '${bench.name}'`);
    await expect.poll(() => sender("wait_event", "pg_stat_activity")).toBe("WalSenderWriteData");
    const pid = await sender("pid", "pg_stat_activity");
    const words = new Set<unknown>();
    // Without a word it would be cut off before the second one.
    await expect.poll(async () => words.add(await sender("reply_time::text", "pg_stat_replication")).size).toBeGreaterThan(2);
    expect(await sender("pid", "pg_stat_activity")).toBe(pid);
    expect(follower.keys().length).toBeLessThan(10_000);
    release();
    await follower.until(({ keys }) => keys().includes("120000"));
    expect(follower.keys()).toHaveLength(20_001);
    await admin.query("ALTER ROLE agent RESET wal_sender_timeout");
  });

  it("the server can be shut down while a reader takes nothing, and what it wrote is told afterwards", async () => {
    const position = await bench.begin(tables);
    const follower = await bench.follow(tables, position);
    const before = await insert();
    await follower.until(({ keys }) => keys().includes(before));
    follower.hold();
    const taken = await insert();
    await follower.until(({ keys }) => keys().includes(taken));
    const later = await insert();
    await server.restart();
    expect(await server.log()).not.toMatch(/not properly shut down/);
    admin = await bench.reconnect();
    await follower.stop();
    await using second = await bench.follow(tables, follower.position);
    await second.until(({ keys }) => keys().includes(later));
  });

  it("a server that does not answer the feed's session is left: on an abort at once, else after a while", async () => {
    await using proxy = await openProxy(server);
    await using far = await feedBench(server, { port: proxy.port });
    await far.admin.query("CREATE TABLE rent (id int PRIMARY KEY)");
    const position = await far.begin(tables);
    const { server: way } = far;
    const { clock } = way.context;
    const hasty = { ...clock, after: (ms: number, act: () => void) => clock.after(ms > 20_000 ? 50 : ms, act) };
    const quick = postgresFeed({ ...way, context: { ...way.context, clock: hasty } });
    for (const words of ["IDENTIFY_SYSTEM", "START_REPLICATION"]) {
      const swallowed = () => atFirst(words, () => Buffer.alloc(0));
      const work = (feed: Feed, signal: AbortSignal): Promise<unknown> =>
        words === "IDENTIFY_SYSTEM"
          ? feed.begin(tables, signal)
          : feed.read(tables, position, signal)[Symbol.asyncIterator]().next();
      const { tamper, seen } = swallowed();
      proxy.tamper("up", tamper);
      const abort = new AbortController();
      const opening = work(far.feed, abort.signal).catch((error: unknown) => error);
      await seen;
      abort.abort();
      expect(await opening).toMatchObject({ name: "AbortError" });
      proxy.tamper("up", swallowed().tamper);
      await expect(work(quick, never)).rejects.toMatchObject({ kind: "transient", code: "erp-connection-lost" });
    }
    await proxy.heal();
  });

  it("what may have been committed before the slot and could not be seen yet is compared once it can", async () => {
    await bench.begin(tables);
    const other = await server.connect(bench.database);
    const { server: way } = bench;
    const { clock } = way.context;
    let now = 0;
    const feed = postgresFeed({
      ...way,
      context: { ...way.context, clock: { ...clock, monotonic: () => (now += 500) } },
      async ask(statement, operation, signal) {
        const rows = await way.ask(statement, operation, signal);
        if (operation.startsWith("make") && "lsn" in (rows[0] ?? {})) await other.query("BEGIN; SELECT txid_current()");
        return rows;
      },
    });
    const position = await feed.begin(tables, never);
    await using first = await bench.follow(tables, position);
    await first.until(({ batches }) => batches.length > 1);
    expect(first.batches.flatMap(({ untold }) => untold)).toEqual([]);
    await first.stop();
    await using second = await bench.follow(tables, first.position);
    await other.query("COMMIT");
    await other.end();
    await second.until(({ batches }) => batches.some(({ untold }) => untold.includes(0)));
    await second.stop();
    await using third = await bench.follow(tables, second.position);
    await third.until(({ batches }) => batches.length > 1);
    expect(third.batches.flatMap(({ untold }) => untold)).toEqual([]);
  });

  it("a slot is made once the transactions of the ERP that are open have ended, which may take longer than a lock is waited for", async () => {
    await using hasty = await feedBench(server, { limits: { lockTimeoutMs: 20 } });
    await hasty.admin.query("CREATE TABLE rent (id int PRIMARY KEY)");
    const clerk = await server.connect(hasty.database);
    await clerk.query("BEGIN; INSERT INTO rent VALUES (1)");
    const beginning = hasty.begin(tables);
    const waits = `SELECT FROM pg_stat_activity WHERE query LIKE '%pg_create_logical%' AND wait_event_type = 'Lock' AND query_start < clock_timestamp() - interval '200 ms'`;
    await expect.poll(async () => (await admin.query(waits)).rowCount).toBe(1);
    await clerk.query("COMMIT");
    await beginning;
    await clerk.end();
  });

  it("a session that is ended and a connection that breaks are tried again, from the same position", async () => {
    const position = await bench.begin(tables);
    await using first = await bench.follow(tables, position);
    await first.until(({ batches }) => batches.length > 0);
    await admin.query("SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE active");
    await expect(first.until(() => false)).rejects.toMatchObject({ kind: "transient", code: "erp-connection-lost" });
    await using second = await bench.follow(tables, first.position);
    await second.until(({ batches }) => batches.length > 0);
    await server.kill9();
    await expect(second.until(() => false)).rejects.toMatchObject({ kind: "transient" });
    await server.restart();
    admin = await bench.reconnect();
    const id = await insert();
    await using third = await bench.follow(tables, second.position);
    await third.until(({ keys }) => keys().includes(id));
  });
});

describe("PostgreSQL: a server that does not write what logical replication needs", () => {
  it("is told by check with the statement that changes it, and no slot is made", async () => {
    await using server = await postgres({ settings: ["wal_level=replica"] });
    await using bench = await feedBench(server);
    await bench.admin.query("CREATE TABLE rent (id int PRIMARY KEY)");
    const findings = (await bench.feed.check(tables, never)).filter(({ code }) => code === "erp-feed-settings");
    expect(findings).toMatchObject([{ severity: "error", remedy: expect.stringContaining("SET wal_level = 'logical'") }]);
    const refused = { kind: "config", code: "erp-feed-settings", hint: expect.stringContaining("SET wal_level = 'logical'") };
    await expect(bench.begin(tables)).rejects.toMatchObject(refused);
    expect((await bench.admin.query("SELECT FROM pg_replication_slots")).rowCount).toBe(0);
  });
});
