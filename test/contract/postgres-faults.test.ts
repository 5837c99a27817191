import type pg from "pg";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { Connector, Idempotency, PlanStep, StepResults, WritePlan } from "../../connectors/connector.ts";
import type { PostgresSettings } from "../../connectors/postgres/config.ts";
import { postgres } from "../../connectors/postgres/connector.ts";
import type { Postgres } from "../support/postgres.ts";
import { atFirst, openProxy, type Tamper } from "../support/proxy.ts";
import { postgres as startServer } from "../support/servers.ts";
import { postgresSubject } from "./erp/postgres.ts";
import { collect, contextOf, never, type OpenOptions, type Subject, sourceOf } from "./erp/subject.ts";

/** Resets the connection in place of what would have passed. */
const cut: Tamper = (_, line) => {
  line.cut("rst");
  return Buffer.alloc(0);
};

describe("PostgreSQL: real faults", () => {
  let server: Postgres;
  let erp: Subject & { database: string };
  let admin: pg.Client;
  const source = sourceOf("things", ["id"], ["id", "words"]);

  beforeAll(async () => {
    server = await startServer();
    erp = await postgresSubject({ server });
    admin = await server.connect(erp.database);
    await erp.run("CREATE TABLE things (id SERIAL PRIMARY KEY, words VARCHAR(40), command VARCHAR(40) UNIQUE)");
    await erp.run("INSERT INTO things (words) VALUES ('one'), ('two'), ('three')");
    await erp.run("CREATE TABLE parents (id INTEGER PRIMARY KEY)");
    await erp.run("CREATE TABLE later (id INTEGER PRIMARY KEY, parent INTEGER REFERENCES parents DEFERRABLE INITIALLY DEFERRED)");
    await erp.run("CREATE ROLE agent LOGIN PASSWORD 'secret'");
    await erp.run("GRANT SELECT, INSERT, UPDATE ON things, parents, later TO agent");
    await erp.run("ALTER ROLE agent SET deadlock_timeout = '50ms'");
    await erp.run("GRANT USAGE ON SEQUENCE things_id_seq TO agent");
  });
  afterAll(async () => {
    await admin?.end();
    await erp?.[Symbol.asyncDispose]();
    await server?.stop();
  });

  function as(settings: Partial<PostgresSettings> = {}, options: OpenOptions = {}): Promise<Connector> {
    const place = { server: "127.0.0.1", port: server.port, database: erp.database };
    return postgres.open(
      { ...place, user: "agent", password: { secret: "erp" }, ...settings },
      async () => "secret",
      contextOf(options),
    );
  }

  const ours = async (like = "%"): Promise<number[]> => {
    const { rows } = await admin.query(
      "SELECT pid FROM pg_stat_activity WHERE usename = 'agent' AND ($1 = '%' OR state = 'active' AND query LIKE $1)",
      [like],
    );
    return rows.map(({ pid }: { pid: number }) => pid);
  };
  const endOurs = async (): Promise<void> => {
    for (const pid of await ours()) await admin.query("SELECT pg_terminate_backend($1, 20000)", [pid]);
  };
  const slow = sourceOf("slow", ["id"], ["id"], {
    from: { query: "SELECT id, pg_sleep(30)::text AS s FROM things", parameters: {} },
    where: [{ sql: "s = ''", parameters: {} }],
  });

  it("an abort ends the statement in the server, and the next read works", async () => {
    const connector = await as();
    const abort = new AbortController();
    const reading = collect(connector.readKeys(slow, ["1"], abort.signal)).catch((error: unknown) => error);
    await expect.poll(() => ours("%pg_sleep%")).not.toHaveLength(0);
    abort.abort();
    expect(await reading).toMatchObject({ name: "AbortError" });
    await expect.poll(() => ours("%pg_sleep%")).toHaveLength(0);
    expect(await collect(connector.scan(source, never))).toHaveLength(3);
    await connector.close();
    await expect.poll(() => ours()).toHaveLength(0);
  });

  it("a statement that takes too long is ended by the server and is tried again later", async () => {
    const connector = await as({}, { limits: { statementTimeoutMs: 500, lockTimeoutMs: 500 } });
    const refused = { kind: "transient", code: "erp-statement-timeout" };
    await expect(connector.aggregate(slow, undefined, never)).rejects.toMatchObject(refused);
    await expect.poll(() => ours("%pg_sleep%")).toHaveLength(0);
    expect(await collect(connector.readKeys(source, ["1"], never))).toHaveLength(1);
    await connector.close();
  });

  it("a connection that is ended is transient in the middle of a scan, and replaced without a word when it lay idle", async () => {
    const connector = await as({}, { limits: { batchRows: 1 } });
    await collect(connector.readKeys(source, ["1"], never));
    await endOurs();
    expect(await collect(connector.readKeys(source, ["1"], never))).toHaveLength(1);
    const scanning = (async () => {
      for await (const _ of connector.scan(source, never)) await endOurs();
    })();
    await expect(scanning).rejects.toMatchObject({ kind: "transient", code: "erp-connection-lost" });
    expect(await collect(connector.scan(source, never))).toHaveLength(3);
    await connector.close();
  });

  it("rows of one mark are read in bounded snapshots, too, and each of them once", async () => {
    await erp.run("CREATE TABLE marked (id INTEGER PRIMARY KEY, changed TIMESTAMP NOT NULL)");
    await erp.run("INSERT INTO marked SELECT n, '2026-10-25 02:30:00' FROM generate_series(1, 200) n");
    await erp.run("GRANT SELECT ON marked TO agent");
    const connector = await as({}, { limits: { batchRows: 20, snapshotMs: 50 } });
    const query = { table: "marked", column: "changed", kind: "timestamp", key: ["id"], own: ["id"] } as const;
    const seen: (string | undefined)[] = [];
    const open = "SELECT FROM pg_stat_activity WHERE usename = 'agent' AND xact_start IS NOT NULL";
    for await (const rows of connector.changedSince(query, "2026-10-25T00:00:00", never)) {
      seen.push(...rows.map(({ key }) => key));
      await expect.poll(async () => (await admin.query(open)).rowCount, { interval: 5 }).toBe(0);
    }
    expect(seen).toEqual(Array.from({ length: 200 }, (_, index) => String(index + 1)));
    await connector.close();
  });

  it("a scan lets its table be altered while its rows are still worked on, and goes on behind with each of them once", async () => {
    await erp.run("CREATE TABLE extended (id INTEGER PRIMARY KEY)");
    await erp.run("INSERT INTO extended SELECT generate_series(1, 2000)");
    await erp.run("GRANT SELECT ON extended TO agent");
    const connector = await as({}, { limits: { batchRows: 50, alterableMs: 200 } });
    const seen: (string | undefined)[] = [];
    for await (const batch of connector.scan(sourceOf("extended", ["id"], ["id"]), never)) {
      if (seen.length === 0) await admin.query("SET lock_timeout = '10s'; ALTER TABLE extended ADD COLUMN more INTEGER");
      for (let index = 0; index < batch.length; index++) seen.push(batch.key(index));
    }
    expect(seen).toEqual(Array.from({ length: 2_000 }, (_, index) => String(index + 1)));
    await connector.close();
  });

  it("a connection that is reset on its way is transient, and the next one reads", async () => {
    await using proxy = await openProxy(server);
    const connector = await as({ port: proxy.port });
    proxy.tamper("up", atFirst("FETCH", cut).tamper);
    await expect(collect(connector.scan(source, never))).rejects.toMatchObject({
      kind: "transient",
      code: "erp-connection-lost",
    });
    expect(await collect(connector.scan(source, never))).toHaveLength(3);
    await connector.close();
  });

  it("rows that row level security would hide are an error, never missing", async () => {
    await erp.run("CREATE TABLE guarded (id INTEGER PRIMARY KEY, owner TEXT)");
    await erp.run("INSERT INTO guarded VALUES (1, 'agent'), (2, 'other')");
    await erp.run("GRANT SELECT ON guarded TO agent");
    await erp.run("CREATE POLICY own ON guarded USING (owner = current_user)");
    await erp.run("ALTER TABLE guarded ENABLE ROW LEVEL SECURITY");
    const connector = await as();
    const refused = { kind: "config", code: "erp-row-security", hint: expect.stringMatching(/BYPASSRLS/) };
    await expect(collect(connector.scan(sourceOf("guarded", ["id"], ["id"]), never))).rejects.toMatchObject(refused);
    const findings = await connector.check(never, { read: ["guarded"], write: [] });
    expect(findings).toContainEqual(expect.objectContaining({ severity: "error", code: "erp-row-security", place: "guarded" }));
    await connector.close();
  });

  it("a table that is dropped, a right that is revoked and a column that is typed anew are told apart", async () => {
    for (const table of ["dropped", "revoked", "altered"]) {
      await erp.run(`CREATE TABLE ${table} (id INTEGER PRIMARY KEY)`);
      await erp.run(`GRANT SELECT ON ${table} TO agent`);
    }
    const connector = await as();
    const read = (table: string) => collect(connector.readKeys(sourceOf(table, ["id"], ["id"]), ["1"], never));
    const sources = ["dropped", "revoked"].map((table) => sourceOf(table, ["id"], ["id"]));
    for (const one of sources) expect(await collect(connector.readKeys(one, ["1"], never))).toEqual([]);
    await erp.run("DROP TABLE dropped");
    await erp.run("REVOKE SELECT ON revoked FROM agent");
    await expect(read("dropped")).rejects.toMatchObject({ kind: "config", code: "erp-object-missing" });
    await expect(read("revoked")).rejects.toMatchObject({ kind: "config", code: "erp-rights" });
    const altered = sourceOf("altered", ["id"], ["id"]);
    expect(await collect(connector.readKeys(altered, ["1"], never))).toEqual([]);
    await erp.run("INSERT INTO altered VALUES (1)");
    await erp.run("ALTER TABLE altered ALTER id TYPE TEXT");
    await expect(collect(connector.readKeys(altered, ["1"], never))).rejects.toMatchObject({ kind: "config" });
    expect((await collect(connector.readKeys(altered, ["1"], never))).map(({ row }) => row.values)).toEqual([["1"]]);
    await connector.close();
  });

  function insert(id: string, steps: PlanStep[] = [], way?: Idempotency): WritePlan {
    const step: PlanStep = {
      kind: "insert",
      table: "things",
      values: () => ({ words: "written", command: id }),
      returning: { id: "id" },
    };
    return {
      commandId: id,
      idempotency: way ?? { way: "column", table: "things", column: "command", value: id },
      mayBeRepeated: false,
      steps: [step, ...steps],
      resultKey: (r: StepResults) => [r.get("id") ?? null],
      found: { id: "id" },
      rehearse: false,
    };
  }
  const written = async (id: string): Promise<number> =>
    Number((await erp.rows(`SELECT COUNT(*) FROM things WHERE command = '${id}'`))[0]?.[0]);
  const writer = (options: OpenOptions = {}, settings: Partial<PostgresSettings> = {}) =>
    as(settings, { sessionName: "fuser-writer", ...options });
  const update = (id: number): PlanStep => ({
    kind: "update",
    table: "things",
    key: () => ({ id }),
    values: () => ({ words: "ours" }),
    expectRows: 1,
  });

  it("while one session of the agent lives a second one can't write", async () => {
    const first = await writer();
    const second = await writer({ limits: { lockTimeoutMs: 100 } });
    expect(await first.write(insert("s1"), never)).toMatchObject({ state: "applied" });
    const held = { kind: "transient", code: "erp-session-locked", message: expect.stringMatching(/\(\d+\)/) };
    await expect(second.write(insert("s2"), never)).rejects.toMatchObject(held);
    await first.close();
    await vi.waitFor(async () => expect(await second.write(insert("s2"), never)).toMatchObject({ state: "applied" }), {
      timeout: 60_000,
    });
    await second.close();
  });

  it("a session that was lost with the network, and that the server still takes for alive, is ended before the next write", async () => {
    await using proxy = await openProxy(server);
    const limits = { statementTimeoutMs: 500, lockTimeoutMs: 1_000 };
    const connector = await writer({ limits, sessionName: "fuser-lost" }, { port: proxy.port });
    expect(await connector.write(insert("gone-1"), never)).toMatchObject({ state: "applied" });
    proxy.freeze();
    proxy.stall("up", "down");
    await expect(connector.write(insert("gone-2"), never)).rejects.toMatchObject({ kind: "transient" });
    await proxy.heal();
    expect(await connector.write(insert("gone-2"), never)).toMatchObject({ state: "applied" });
    expect(await written("gone-2")).toBe(1);
    await connector.close();
  });

  it("a row that stays locked and a deadlock are transient and leave nothing of the plan", async () => {
    const connector = await writer({ limits: { lockTimeoutMs: 300 } });
    await erp.run("INSERT INTO things (id, words) VALUES (1000, 'base'), (1001, 'base'), (1002, 'base')");
    await admin.query("BEGIN");
    await admin.query("UPDATE things SET words = 'theirs' WHERE id = 1000");
    await expect(connector.write(insert("l1", [update(1000)]), never)).rejects.toMatchObject({
      kind: "transient",
      code: "erp-locked",
    });
    await admin.query("ROLLBACK");
    expect(await written("l1")).toBe(0);
    expect(await connector.write(insert("l1", [update(1000)]), never)).toMatchObject({ state: "applied" });
    await connector.close();
    const patient = await writer({ limits: { lockTimeoutMs: 20_000 } });
    // We hold 1001 and want 1000; the clerk holds 1000 and wants 1001. Another one keeps us at 1002 until he waits: who waits last finds the deadlock.
    const other = await server.connect(erp.database);
    const waiting = (count: number): Promise<void> =>
      expect
        .poll(async () => (await erp.rows("SELECT 1 FROM pg_locks WHERE NOT granted")).length, { interval: 10 })
        .toBeGreaterThanOrEqual(count);
    await admin.query("SET deadlock_timeout = '60s'");
    await admin.query("BEGIN");
    await admin.query("UPDATE things SET words = 'theirs' WHERE id = 1000");
    await other.query("BEGIN; UPDATE things SET words = 'theirs' WHERE id = 1002");
    const undone = { ...insert("l2"), steps: [...insert("l2").steps, update(1001), update(1002), update(1000)] };
    const writing = patient.write(undone, never).catch((error: unknown) => error);
    await waiting(1);
    const clerk = admin.query("UPDATE things SET words = 'theirs' WHERE id = 1001");
    await waiting(2);
    await other.query("ROLLBACK");
    await other.end();
    expect(await writing).toMatchObject({ kind: "transient", code: "erp-deadlock" });
    await clerk;
    await admin.query("ROLLBACK");
    expect(await written("l2")).toBe(0);
    await patient.close();
  });

  it("a constraint that is looked at in the commit refuses the plan for good, and the next plan is written", async () => {
    const connector = await writer();
    const orphan: PlanStep = { kind: "insert", table: "later", values: () => ({ id: 1, parent: 99 }) };
    expect(await connector.write(insert("d1", [orphan]), never)).toMatchObject({ state: "rejected", code: "erp-foreign-key" });
    expect(await written("d1")).toBe(0);
    expect(await connector.write(insert("d2"), never)).toMatchObject({ state: "applied" });
    await connector.close();
  });

  it("a commit whose answer is lost is looked up before it is tried again, and is done once", async () => {
    await using proxy = await openProxy(server);
    const connector = await writer({}, { port: proxy.port });
    expect(await connector.write(insert("c0"), never)).toMatchObject({ state: "applied" });
    // The commit arrives, its answer does not.
    proxy.tamper("down", atFirst("COMMIT\0", cut).tamper);
    const unknown = { kind: "transient", code: "erp-commit-unknown" };
    await expect(connector.write(insert("c1"), never)).rejects.toMatchObject(unknown);
    await proxy.heal();
    expect(await connector.write({ ...insert("c1"), mayBeRepeated: true }, never)).toMatchObject({
      state: "applied",
      repeated: true,
    });
    expect(await written("c1")).toBe(1);
    // The commit itself is lost.
    proxy.tamper("up", atFirst("COMMIT\0", cut).tamper);
    await expect(connector.write(insert("c2"), never)).rejects.toMatchObject(unknown);
    await proxy.heal();
    expect(await connector.write({ ...insert("c2"), mayBeRepeated: true }, never)).toMatchObject({
      state: "applied",
      repeated: false,
    });
    expect(await written("c2")).toBe(1);
    proxy.tamper("up", atFirst("COMMIT\0", cut).tamper);
    const blind: Idempotency = { way: "probe", sql: "SELECT id FROM things WHERE FALSE", parameters: {}, exact: false };
    expect(await connector.write(insert("c3", [], blind), never)).toMatchObject({ state: "uncertain" });
    await connector.close();
  });

  it("a session that ended before the commit leaves nothing, and the repetition writes once", async () => {
    const connector = await writer();
    const point = async (at: string) => {
      if (at === "before-erp-commit") await endOurs();
    };
    await expect(connector.write(insert("k1"), never, point)).rejects.toMatchObject({ code: "erp-commit-unknown" });
    expect(await written("k1")).toBe(0);
    expect(await connector.write({ ...insert("k1"), mayBeRepeated: true }, never)).toMatchObject({ repeated: false });
    expect(await written("k1")).toBe(1);
    await connector.close();
  });

  it("a rotated password is used at the next connect", async () => {
    let password = "secret";
    const settings = {
      server: "127.0.0.1",
      port: server.port,
      database: erp.database,
      user: "agent",
      password: { secret: "erp" },
    };
    const connector = await postgres.open(settings, async () => password, contextOf());
    await collect(connector.readKeys(source, ["1"], never));
    await erp.run("ALTER ROLE agent PASSWORD 'rotated'");
    await endOurs();
    await expect(collect(connector.readKeys(source, ["1"], never))).rejects.toMatchObject({
      kind: "config",
      code: "erp-login-refused",
    });
    password = "rotated";
    expect(await collect(connector.readKeys(source, ["1"], never))).toHaveLength(1);
    await connector.close();
    await erp.run("ALTER ROLE agent PASSWORD 'secret'");
  });

  it("a server that is full is transient", async () => {
    await erp.run("ALTER ROLE agent CONNECTION LIMIT 0");
    const connector = await as();
    await expect(connector.identity(never)).rejects.toMatchObject({ kind: "transient", code: "erp-too-many-connections" });
    await erp.run("ALTER ROLE agent CONNECTION LIMIT -1");
    await connector.identity(never);
    await connector.close();
  });
});

describe("PostgreSQL: a server that goes, comes back and changes its part", () => {
  it("is met again without help after a crash, tells of a standby, and of the timeline that a promotion begins", async () => {
    await using server = await startServer();
    const erp = await postgresSubject({ server });
    await erp.run("CREATE TABLE things (id SERIAL PRIMARY KEY, words VARCHAR(40), command VARCHAR(40) UNIQUE)");
    await erp.run("INSERT INTO things (words) VALUES ('one')");
    const connector = await erp.open();
    const read = () => collect(connector.readKeys(sourceOf("things", ["id"], ["id"]), ["1"], never));
    const change: WritePlan = {
      commandId: "p",
      idempotency: { way: "base" },
      mayBeRepeated: false,
      steps: [{ kind: "update", table: "things", key: () => ({ id: 1 }), values: () => ({ words: "two" }), expectRows: 1 }],
      resultKey: () => ["1"],
      found: {},
      rehearse: false,
    };
    try {
      expect(await read()).toHaveLength(1);
      const first = await connector.identity(never);
      await erp.run("INSERT INTO things (words) VALUES ('more')");
      const second = await connector.identity(never);
      expect(Object.keys(second.position ?? {})).toEqual(["1"]);
      expect(second.server).toBe("timeline 1");
      expect(BigInt(second.position?.["1"] ?? 0)).toBeGreaterThan(BigInt(first.position?.["1"] ?? 0));
      await erp[Symbol.asyncDispose]();
      await server.kill9();
      const away = { kind: "transient", code: expect.stringMatching(/erp-(unreachable|connection-lost)/) };
      await expect(read()).rejects.toMatchObject(away);
      await server.restart();
      expect(await read()).toHaveLength(1);
      const third = await connector.identity(never);
      expect(third.database).toBe(second.database);
      expect(BigInt(third.position?.["1"] ?? 0)).toBeGreaterThanOrEqual(BigInt(second.position?.["1"] ?? 0));

      await server.give("/dev/null", "standby.signal");
      await server.restart();
      expect(await read()).toHaveLength(1);
      await expect(connector.write(change, never)).rejects.toMatchObject({ kind: "config", code: "erp-read-only" });
      expect((await connector.check(never, { read: ["things"], write: [] })).map(({ code }) => code)).toContain("erp-standby");
      const standby = await connector.check(never, { read: [], write: ["things"] });
      expect(standby).toContainEqual(expect.objectContaining({ severity: "error", code: "erp-read-only" }));
      const replayed = await connector.identity(never);
      expect(BigInt(replayed.position?.["1"] ?? 0)).toBeGreaterThanOrEqual(BigInt(third.position?.["1"] ?? 0));
      expect(replayed).not.toHaveProperty("server");

      // Of several servers none is read that is not the primary: it may lack what was read already. For a feed its missing slot is no gap.
      const { host, port, user, password } = server;
      const several = { server: [`${host}:${port}`, `localhost:${port}`], database: erp.database, user };
      const listed = await postgres.open({ ...several, password: { secret: "erp" } }, async () => password, contextOf());
      try {
        const waits = { kind: "transient", code: "erp-read-only" };
        await expect(collect(listed.readKeys(sourceOf("things", ["id"], ["id"]), ["1"], never))).rejects.toMatchObject(waits);
        const fed = [{ table: "things", key: ["id"], own: ["id"] }];
        const position = JSON.stringify({ system: "1", timeline: "1", database: erp.database, lsn: "0/1", tables: {} });
        await expect(listed.feed?.read(fed, position, never)[Symbol.asyncIterator]().next()).rejects.toMatchObject(waits);
        await expect(listed.write(change, never)).rejects.toMatchObject(waits);
      } finally {
        await listed.close();
      }

      const promoting = await server.connect();
      await promoting.query("SELECT pg_promote()");
      await promoting.end();
      const promoted = await connector.identity(never);
      expect(promoted.database).toBe(first.database);
      expect(promoted.server).toBe("timeline 2");
      // Where the old timeline ended an account that may replicate is told: what was seen up to there is not lost.
      expect(Object.keys(promoted.position ?? {})).toEqual(["2"]);
      expect(BigInt(promoted.past?.["1"] ?? 0)).toBeGreaterThanOrEqual(BigInt(replayed.position?.["1"] ?? 0));
      expect(BigInt(promoted.position?.["2"] ?? 0)).toBeGreaterThanOrEqual(BigInt(promoted.past?.["1"] ?? 0));
      expect(await connector.write(change, never)).toMatchObject({ state: "applied" });
    } finally {
      await connector.close();
    }
  });
});
