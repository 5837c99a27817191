import { type Connection, createConnection } from "mysql2/promise";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Connector, Idempotency, PlanStep, StepResults, WritePlan } from "../../connectors/connector.ts";
import type { MysqlSettings } from "../../connectors/mysql/config.ts";
import { mysql } from "../../connectors/mysql/connector.ts";
import type { MariaDb } from "../support/mariadb.ts";
import { openProxy } from "../support/proxy.ts";
import { freePort, has, mariadb } from "../support/servers.ts";
import { mysqlSubject } from "./erp/mysql.ts";
import { collect, contextOf, never, type OpenOptions, type Subject, sourceOf } from "./erp/subject.ts";

describe.skipIf(!has("mariadb"))("MariaDB: real faults", () => {
  let server: MariaDb;
  let erp: Subject & { database: string };
  let admin: Connection;
  const source = sourceOf("things", ["id"], ["id", "words"]);

  beforeAll(async () => {
    server = await mariadb();
    erp = await mysqlSubject(server);
    admin = await createConnection({
      host: server.host,
      port: server.port,
      user: server.user,
      password: server.password,
      database: erp.database,
    });
    await erp.run("CREATE TABLE things (id INT AUTO_INCREMENT PRIMARY KEY, words VARCHAR(40), command VARCHAR(40) UNIQUE)");
    await erp.run("INSERT INTO things (words) VALUES ('one'), ('two'), ('three')");
    await admin.query("CREATE USER reader@'%' IDENTIFIED BY 'secret'");
    await admin.query(`GRANT SELECT ON ${erp.database}.things TO reader@'%'`);
  });
  afterAll(async () => {
    await admin?.end().catch(() => admin.destroy());
    await erp?.[Symbol.asyncDispose]();
    await server?.stop();
  });

  function as(settings: Partial<MysqlSettings>, password = "secret", options: OpenOptions = {}): Promise<Connector> {
    const all = {
      server: server.host,
      port: server.port,
      database: erp.database,
      user: "reader",
      password: { secret: "erp" },
      ...settings,
    };
    return mysql.open(all, async () => password, contextOf(options));
  }

  async function refusal(connector: Connector, table = "things"): Promise<unknown> {
    try {
      return await collect(connector.scan(sourceOf(table, ["id"], ["id"]), never)).catch((error: unknown) => error);
    } finally {
      await connector.close();
    }
  }

  it("a wrong password, an unknown database, host or port, and a missing right are told apart", async () => {
    expect(await refusal(await as({}, "wrong"))).toMatchObject({ kind: "config", code: "erp-login-refused" });
    expect(await refusal(await as({ database: "nowhere", user: "root" }, server.password))).toMatchObject({
      kind: "config",
      code: "erp-database-missing",
    });
    expect(await refusal(await as({ server: "no-such-host.invalid" }))).toMatchObject({
      kind: "transient",
      code: "erp-unreachable",
      hint: expect.stringMatching(/server/),
    });
    expect(await refusal(await as({ port: await freePort() }))).toMatchObject({ kind: "transient", code: "erp-unreachable" });
    await erp.run("CREATE TABLE hidden (id INT PRIMARY KEY)");
    expect(await refusal(await as({}), "hidden")).toMatchObject({ kind: "config", code: "erp-rights" });
    expect(await refusal(await as({}))).toHaveLength(3);
  });

  it("polls of a cursor column use a connection that is there, and a column that is typed anew is described again", async () => {
    await erp.run("CREATE TABLE polled (id INT PRIMARY KEY, changed DATETIME NOT NULL)");
    await erp.run("INSERT INTO polled VALUES (1, '2026-05-01 12:00:00'), (2, '2026-05-01 13:00:00')");
    await admin.query(`GRANT SELECT ON ${erp.database}.polled TO reader@'%'`);
    const query = { table: "polled", column: "changed", kind: "timestamp" as const, key: ["id"], own: [] };
    const connector = await as({});
    const poll = async () => (await Array.fromAsync(connector.changedSince(query, "2026-05-01T12:30:00", never))).flat();
    const connections = async (): Promise<number> => {
      const [rows] = await admin.query("SHOW GLOBAL STATUS LIKE 'Connections'");
      return Number((rows as { Value: string }[])[0]?.Value);
    };
    try {
      expect(await poll()).toEqual([{ key: "2", own: undefined, mark: "2026-05-01T13:00:00" }]);
      const before = await connections();
      for (let turn = 0; turn < 5; turn++) expect(await poll()).toHaveLength(1);
      expect(await connections()).toBe(before);
      await erp.run("ALTER TABLE polled MODIFY changed DATE NOT NULL");
      await expect(poll()).rejects.toMatchObject({ kind: "transient", code: "erp-schema-changed" });
      expect(await poll()).toEqual([]);
    } finally {
      await connector.close();
    }
  });

  it("check says all of it before anything runs", async () => {
    const findings = async (connector: Connector, needs = { read: ["things"], write: [] as string[] }) => {
      try {
        return await connector.check(never, needs);
      } finally {
        await connector.close();
      }
    };
    expect(await findings(await as({}, "wrong"))).toMatchObject([{ severity: "error", code: "erp-login-refused" }]);
    expect(await findings(await as({ server: "no-such-host.invalid" }))).toMatchObject([
      { severity: "error", code: "erp-unreachable" },
    ]);
    expect((await findings(await as({}))).filter(({ severity }) => severity !== "info")).toEqual([]);
    await erp.run("CREATE TABLE old_engine (id INT PRIMARY KEY) ENGINE = MyISAM");
    const root = await findings(await as({ user: "root" }, server.password), { read: [], write: ["old_engine"] });
    expect(root.map(({ code }) => code)).toEqual(expect.arrayContaining(["erp-rights-too-many", "erp-table-not-transactional"]));
    const reader = await findings(await as({}), { read: ["hidden", "gone"], write: ["things"] });
    expect(reader.filter(({ severity }) => severity === "error").map(({ code, place }) => [code, place])).toEqual(
      expect.arrayContaining([
        ["erp-rights", "hidden"],
        ["erp-rights", "things"],
      ]),
    );
  });

  it("encryption that is required and not to be had is a fault of the configuration; preferred goes on and check warns", async () => {
    expect(await refusal(await as({ tls: { mode: "required" } }))).toMatchObject({ kind: "config", code: "erp-tls-refused" });
    const preferred = await as({ tls: { mode: "preferred" } });
    expect((await preferred.check(never)).map(({ code }) => code)).toContain("erp-not-encrypted");
    expect(await refusal(preferred)).toHaveLength(3);
    expect(await refusal(await as({ tls: { ca: "/nowhere/ca.pem" } }))).toMatchObject({
      kind: "config",
      code: "erp-tls-refused",
    });
  });

  it("a table dropped and a right revoked while it runs stop with a fault of the configuration", async () => {
    await erp.run("CREATE TABLE short_lived (id INT PRIMARY KEY)");
    await erp.run("CREATE TABLE taken_away (id INT PRIMARY KEY)");
    for (const table of ["short_lived", "taken_away"])
      await admin.query(`GRANT SELECT ON ${erp.database}.${table} TO reader@'%'`);
    const connector = await as({});
    const read = (table: string) => collect(connector.readKeys(sourceOf(table, ["id"], ["id"]), ["1"], never));
    expect([...(await read("short_lived")), ...(await read("taken_away"))]).toEqual([]);
    await admin.query(`REVOKE SELECT ON ${erp.database}.taken_away FROM reader@'%'`);
    await expect(read("taken_away")).rejects.toMatchObject({ kind: "config", code: "erp-rights" });
    await erp.run("DROP TABLE short_lived");
    await expect(read("short_lived")).rejects.toMatchObject({ kind: "config", code: "erp-object-missing" });
    await connector.close();
  });

  const ours = async (like = "%"): Promise<{ id: string; info: string | null }[]> => {
    const [rows] = await admin.query(
      "SELECT ID AS id, INFO AS info FROM information_schema.PROCESSLIST WHERE USER = 'reader' AND COALESCE(INFO, '') LIKE ?",
      [like],
    );
    return rows as { id: string; info: string | null }[];
  };

  it("an abort ends the statement in the server, and the next read works", async () => {
    const connector = await as({});
    const abort = new AbortController();
    const slow = sourceOf("slow", ["id"], ["id"], {
      from: { query: "SELECT id, SLEEP(30) AS s FROM things", parameters: {} },
      where: [{ sql: "s = 0", parameters: {} }],
    });
    const reading = collect(connector.readKeys(slow, ["1"], abort.signal));
    await expect.poll(() => ours("%SLEEP%")).not.toHaveLength(0);
    abort.abort();
    await expect(reading).rejects.toMatchObject({ name: "AbortError" });
    await expect.poll(() => ours("%SLEEP%")).toHaveLength(0);
    expect(await collect(connector.scan(source, never))).toHaveLength(3);
    await connector.close();
    await expect.poll(() => ours()).toHaveLength(0);
  });

  it("a statement that takes too long is ended in the server and is tried again later", async () => {
    const connector = await as({}, "secret", { limits: { statementTimeoutMs: 300, snapshotMs: 300 } });
    const slow = sourceOf("slow", ["id"], ["id"], {
      from: { query: "SELECT id, SLEEP(30) AS s FROM things", parameters: {} },
      where: [{ sql: "s = 0", parameters: {} }],
    });
    await expect(connector.aggregate(slow, undefined, never)).rejects.toMatchObject({
      kind: "transient",
      code: "erp-statement-timeout",
    });
    await expect.poll(() => ours("%SLEEP%")).toHaveLength(0);
    await connector.close();
  });

  it("a killed connection is transient in the middle of a scan, and replaced without a word when it lay idle", async () => {
    const connector = await as({}, "secret", { limits: { batchRows: 1 } });
    await collect(connector.readKeys(source, ["1"], never));
    for (const { id } of await ours()) await admin.query(`KILL ${id}`);
    expect(await collect(connector.readKeys(source, ["1"], never))).toHaveLength(1);
    // More than the buffers of two sockets hold: else it may all be sent before the kill.
    const big = sourceOf("big", ["id"], ["id", "pad"], {
      from: {
        query: "SELECT a.id + 10 * b.id + 100 * c.id AS id, REPEAT('x', 1000000) AS pad FROM things a, things b, things c",
        parameters: {},
      },
    });
    const scanning = (async () => {
      for await (const _ of connector.scan(big, never))
        for (const { id } of await ours()) await admin.query(`KILL ${id}`).catch(() => {});
    })();
    await expect(scanning).rejects.toMatchObject({ kind: "transient", code: "erp-connection-lost" });
    expect(await collect(connector.scan(source, never))).toHaveLength(3);
    await connector.close();
  });

  it("a child query that fails leaves no connection behind that reads tables as empty", async () => {
    const connector = await as({ user: "root" }, server.password);
    const child = { sql: "SELECT words FROM no_such_table WHERE id = :row.id", parameters: {} };
    const broken = sourceOf("things", ["id"], ["id"], { children: [child] });
    for (let attempt = 0; attempt < 4; attempt++) {
      await expect(collect(connector.readKeys(broken, ["1"], never))).rejects.toMatchObject({
        kind: "config",
        code: "erp-object-missing",
      });
      expect((await collect(connector.readKeys(source, ["1"], never))).length).toBe(1);
    }
    await connector.close();
  });

  it("a column whose type is changed meanwhile is described again, never read wrongly", async () => {
    await erp.run("CREATE TABLE altered (id INT PRIMARY KEY, n INT)");
    await erp.run("INSERT INTO altered VALUES (1, 12)");
    const connector = await as({ user: "root" }, server.password);
    const altered = sourceOf("altered", ["id"], ["id", "n"]);
    expect((await collect(connector.readKeys(altered, ["1"], never)))[0]?.row.values).toEqual([1, 12]);
    await erp.run("ALTER TABLE altered MODIFY n VARCHAR(10), MODIFY id VARCHAR(10)");
    await expect(collect(connector.readKeys(altered, ["1"], never))).rejects.toMatchObject({
      kind: "transient",
      code: "erp-schema-changed",
    });
    expect((await collect(connector.readKeys(altered, ["1"], never)))[0]?.row.values).toEqual(["1", "12"]);
    await erp.run("ALTER TABLE altered MODIFY n INT, MODIFY id INT");
    await expect(collect(connector.readKeys(altered, ["1"], never))).rejects.toMatchObject({ code: "erp-schema-changed" });
    await collect(connector.readKeys(altered, ["1"], never));
    await erp.run("ALTER TABLE altered MODIFY id VARCHAR(10)");
    await erp.run("INSERT INTO altered VALUES ('A1', 13)");
    expect(await collect(connector.readKeys(altered, ["A1"], never))).toHaveLength(1);
    await connector.close();
  });

  it("a composite text key is read by its index", async () => {
    await erp.run(
      "CREATE TABLE composite (a CHAR(4) NOT NULL, b CHAR(8) NOT NULL, c CHAR(4) NOT NULL, words VARCHAR(60), PRIMARY KEY (a, b, c))",
    );
    await erp.run("INSERT INTO composite SELECT '0001', LPAD(seq, 8, '0'), '01', 'words' FROM seq_1_to_20000");
    await erp.run("ANALYZE TABLE composite");
    const connector = await erp.open();
    const keys = Array.from({ length: 200 }, (_, index) => `0001.${String(index * 97 + 1).padStart(8, "0")}.01`);
    const handlerReads = async (): Promise<number> => {
      const [rows] = await admin.query(
        "SELECT SUM(VARIABLE_VALUE) AS n FROM information_schema.GLOBAL_STATUS WHERE VARIABLE_NAME IN ('HANDLER_READ_KEY', 'HANDLER_READ_NEXT', 'HANDLER_READ_RND_NEXT')",
      );
      return Number((rows as { n: string }[])[0]?.n);
    };
    const before = await handlerReads();
    expect(
      await collect(connector.readKeys(sourceOf("composite", ["a", "b", "c"], ["a", "b", "c", "words"]), keys, never)),
    ).toHaveLength(200);
    expect((await handlerReads()) - before).toBeLessThan(1_000);
    await connector.close();
  });

  it("its position grows with every change, and its identity stays over a restart", async () => {
    const connector = await as({ user: "root" }, server.password);
    const first = await connector.identity(never);
    await erp.run("INSERT INTO things (words) VALUES ('more')");
    const second = await connector.identity(never);
    expect(second.database).toBe(first.database);
    expect(BigInt(second.position?.["0"] ?? 0)).toBeGreaterThan(BigInt(first.position?.["0"] ?? 0));
    await connector.close();
  });

  const insert = (
    id: string,
    idempotency: Idempotency = { way: "column", table: "things", column: "command", value: id },
  ): WritePlan => {
    const step: PlanStep = {
      kind: "insert",
      table: "things",
      values: () => ({ words: "written", command: id }),
      returning: { id: "id" },
    };
    return {
      commandId: id,
      idempotency,
      mayBeRepeated: false,
      steps: [step],
      resultKey: (r: StepResults) => [r.get("id") ?? null],
      found: { id: "id" },
      rehearse: false,
    };
  };
  const written = async (id: string): Promise<number> =>
    Number((await erp.rows(`SELECT COUNT(*) FROM things WHERE command = '${id}'`))[0]?.[0]);
  const writer = (options: OpenOptions = {}) =>
    as({ user: "root" }, server.password, { sessionName: "fuser-writer", ...options });

  it("while one session of the agent lives a second one can't write", async () => {
    const first = await writer();
    const second = await writer();
    expect(await first.write(insert("s1"), never)).toMatchObject({ state: "applied" });
    await expect(second.write(insert("s2"), never)).rejects.toMatchObject({
      kind: "transient",
      code: "erp-session-locked",
      message: expect.stringMatching(/\(\d+\)/),
    });
    await first.close();
    expect(await second.write(insert("s2"), never)).toMatchObject({ state: "applied" });
    await second.close();
  });

  it("a session that was lost with the network, and that the server still takes for alive, is ended before the next write", async () => {
    await using proxy = await openProxy(server);
    const limits = { statementTimeoutMs: 500, lockTimeoutMs: 1_000 };
    const connector = await as({ user: "root", port: proxy.port }, server.password, { sessionName: "fuser-lost", limits });
    expect(await connector.write(insert("gone-1"), never)).toMatchObject({ state: "applied" });
    proxy.freeze();
    proxy.stall("up", "down");
    await expect(connector.write(insert("gone-2"), never)).rejects.toMatchObject({ kind: "transient" });
    await proxy.heal();
    expect(await connector.write(insert("gone-2"), never)).toMatchObject({ state: "applied" });
    expect(await written("gone-2")).toBe(1);
    await connector.close();
  });

  it("a plan describes tables only where an earlier one has not, and one that is refused after an upgrade of the ERP fits the new table", async () => {
    const descriptions = async (): Promise<number> => {
      const [rows] = await admin.query("SHOW GLOBAL STATUS LIKE 'Com_select'");
      return Number((rows as { Value: string }[])[0]?.Value);
    };
    await erp.run("CREATE TABLE upgraded (id INT AUTO_INCREMENT PRIMARY KEY, words VARCHAR(40), command VARCHAR(40) UNIQUE)");
    const plan = (id: string): WritePlan => {
      const step: PlanStep = {
        kind: "insert",
        table: "upgraded",
        values: () => ({ words: "written", command: id }),
        blanks: { text: "", integer: "0" },
        returning: { id: "id" },
      };
      return { ...insert(id, { way: "column", table: "upgraded", column: "command", value: id }), steps: [step] };
    };
    const connector = await writer();
    const selects = async (id: string): Promise<number> => {
      const before = await descriptions();
      expect(await connector.write(plan(id), never)).toMatchObject({ state: "applied" });
      return (await descriptions()) - before;
    };
    const first = await selects("u1");
    expect(await selects("u2")).toBeLessThan(first - 3);
    await erp.run("ALTER TABLE upgraded ADD COLUMN urgency INT NOT NULL");
    expect(await connector.write(plan("u3"), never)).toMatchObject({ state: "applied" });
    expect(await erp.rows("SELECT urgency FROM upgraded WHERE command = 'u3'")).toEqual([["0"]]);
    expect(await connector.write(plan("u3"), never)).toMatchObject({ state: "applied", repeated: true });
    await connector.close();
  });

  const killWriter = async (): Promise<void> => {
    const [rows] = await admin.query("SELECT IS_USED_LOCK('fuser-writer') AS id");
    await admin.query(`KILL ${(rows as { id: number }[])[0]?.id}`);
  };

  it("a connection killed before the commit leaves nothing, and the repetition writes once", async () => {
    const connector = await writer();
    const point = async (at: string) => {
      if (at === "before-erp-commit") await killWriter();
    };
    await expect(connector.write(insert("k1"), never, point)).rejects.toMatchObject({
      kind: "transient",
      code: "erp-commit-unknown",
    });
    expect(await written("k1")).toBe(0);
    expect(await connector.write({ ...insert("k1"), mayBeRepeated: true }, never)).toMatchObject({
      state: "applied",
      repeated: false,
    });
    expect(await connector.write({ ...insert("k1"), mayBeRepeated: true }, never)).toMatchObject({
      state: "applied",
      repeated: true,
    });
    expect(await written("k1")).toBe(1);
    const probe: Idempotency = {
      way: "probe",
      sql: "SELECT id FROM things WHERE words = 'nothing'",
      parameters: {},
      exact: false,
    };
    expect(await connector.write(insert("k2", probe), never, point)).toMatchObject({ state: "uncertain" });
    await connector.close();
  });

  it("locks are transient and leave nothing of the plan", async () => {
    const connector = await writer();
    await erp.run("INSERT INTO things (id, words) VALUES (1000, 'base'), (1001, 'base')");
    const update = (id: number): PlanStep => ({
      kind: "update",
      table: "things",
      key: () => ({ id }),
      values: () => ({ words: "ours" }),
      expectRows: 1,
    });
    const plan: WritePlan = { ...insert("l1"), steps: [...insert("l1").steps, update(1000), update(1001)] };
    await admin.query("START TRANSACTION");
    await admin.query("UPDATE things SET words = 'theirs' WHERE id = 1000");
    await expect(connector.write(plan, never)).rejects.toMatchObject({ kind: "transient", code: "erp-locked" });
    await admin.query("ROLLBACK");
    expect(await written("l1")).toBe(0);
    expect(await connector.write(plan, never)).toMatchObject({ state: "applied", repeated: false });
    await connector.close();
  });

  /** Until a session waits for a row. */
  const waiting = async (): Promise<void> => {
    const locks = "SELECT COUNT(*) AS n FROM information_schema.INNODB_TRX WHERE trx_state = 'LOCK WAIT'";
    // The server looks at its transactions ten times a second at the most.
    const count = async (): Promise<number> => Number(((await admin.query(locks))[0] as { n: number }[])[0]?.n);
    await expect.poll(count, { interval: 150, timeout: 15_000 }).toBe(1);
  };

  it("the victim of a deadlock leaves nothing of the plan, and the repetition writes once", async () => {
    const connector = await writer({ limits: { lockTimeoutMs: 20_000 } });
    await erp.run("INSERT INTO things (id, words) SELECT seq, 'base' FROM seq_1020_to_1060");
    const update = (id: number): PlanStep => ({
      kind: "update",
      table: "things",
      key: () => ({ id }),
      values: () => ({ words: "ours" }),
      expectRows: 1,
    });
    const plan: WritePlan = { ...insert("dead"), steps: [...insert("dead").steps, update(1020), update(1021)] };
    // Without locks on the gaps between rows, for which our insert would wait first.
    await admin.query("SET TRANSACTION ISOLATION LEVEL READ COMMITTED");
    await admin.query("START TRANSACTION");
    // The one that has changed more is spared.
    await admin.query("UPDATE things SET words = 'theirs' WHERE id BETWEEN 1021 AND 1060");
    const writing = connector.write(plan, never).catch((error: unknown) => error);
    await waiting();
    await admin.query("UPDATE things SET words = 'theirs' WHERE id = 1020");
    expect(await writing).toMatchObject({ kind: "transient", code: "erp-deadlock" });
    await admin.query("ROLLBACK");
    expect(await written("dead")).toBe(0);
    expect(await connector.write({ ...plan, mayBeRepeated: true }, never)).toMatchObject({ state: "applied", repeated: false });
    expect(await written("dead")).toBe(1);
    await connector.close();
  });

  it("a row that stays locked is told as such, even where a statement may take less time than a wait for a lock", async () => {
    const connector = await writer({ limits: { statementTimeoutMs: 100, lockTimeoutMs: 2_000 } });
    await erp.run("INSERT INTO things (id, words) VALUES (1010, 'base')");
    const update: PlanStep = {
      kind: "update",
      table: "things",
      key: () => ({ id: 1010 }),
      values: () => ({ words: "ours" }),
      expectRows: 1,
    };
    await admin.query("START TRANSACTION");
    await admin.query("UPDATE things SET words = 'theirs' WHERE id = 1010");
    await expect(connector.write({ ...insert("l2"), steps: [update] }, never)).rejects.toMatchObject({
      kind: "transient",
      code: "erp-locked",
    });
    await admin.query("ROLLBACK");
    await connector.close();
  });

  it("a number that another session takes first is taken anew", async () => {
    await erp.run("CREATE TABLE numbered (nr INT PRIMARY KEY)");
    await erp.run("INSERT INTO numbered VALUES (7)");
    const connector = await writer();
    let first = true;
    const steps: PlanStep[] = [
      { kind: "number", as: "nr", from: { max: { table: "numbered", column: "nr", where: () => ({}) } } },
      { kind: "sql", sql: "DO SLEEP(0.2)", parameters: () => ({}), when: () => first },
      { kind: "insert", table: "numbered", values: (r) => ({ nr: r.get("nr") ?? null }) },
    ];
    const writing = connector.write({ ...insert("n1", { way: "base" }), steps, resultKey: (r) => [r.get("nr") ?? null] }, never);
    await expect
      .poll(
        async () =>
          Number(
            (
              (await admin.query("SELECT COUNT(*) AS n FROM information_schema.PROCESSLIST WHERE INFO LIKE 'DO SLEEP%'"))[0] as {
                n: number;
              }[]
            )[0]?.n,
          ),
        { interval: 10 },
      )
      .toBe(1);
    first = false;
    await erp.run("INSERT INTO numbered VALUES (8)");
    expect(await writing).toMatchObject({ state: "applied", key: "9" });
    await connector.close();
  });

  it("a procedure that commits by itself makes the outcome uncertain, a table without transactions is refused", async () => {
    await erp.run("CREATE PROCEDURE commits() BEGIN INSERT INTO things (words) VALUES ('by procedure'); COMMIT; END");
    const connector = await writer();
    const call: PlanStep = { kind: "sql", sql: "CALL commits()", parameters: () => ({}) };
    expect(await connector.write({ ...insert("p1"), steps: [...insert("p1").steps, call] }, never)).toMatchObject({
      state: "uncertain",
    });
    const bad: PlanStep = { kind: "insert", table: "old_engine", values: () => ({ id: 1 }) };
    await expect(connector.write({ ...insert("p2"), steps: [bad] }, never)).rejects.toMatchObject({
      kind: "config",
      code: "erp-table-not-transactional",
    });
    expect(await connector.write(insert("p3"), never)).toMatchObject({ state: "applied" });
    await connector.close();
  });

  it("a procedure that commits and then meets a lock, or begins anew, is not called again; a deadlock's victim is", async () => {
    await erp.run("INSERT INTO things (id, words) VALUES (1100, 'base'), (1101, 'base')");
    await erp.run(
      "CREATE PROCEDURE commits_and_waits() BEGIN INSERT INTO things (words) VALUES ('half'); COMMIT; UPDATE things SET words = 'ours' WHERE id = 1100; END",
    );
    await erp.run(
      "CREATE PROCEDURE commits_anew() BEGIN INSERT INTO things (words) VALUES ('anew'); COMMIT; START TRANSACTION; END",
    );
    await erp.run("CREATE PROCEDURE stays() BEGIN UPDATE things SET words = 'ours' WHERE id = 1100; END");
    const connector = await writer();
    const call = (procedure: string): PlanStep => ({ kind: "call", procedure, args: () => ({}) });
    const base: Idempotency = { way: "probe", sql: "SELECT id FROM things WHERE words = 'never'", parameters: {}, exact: true };
    await admin.query("START TRANSACTION");
    await admin.query("UPDATE things SET words = 'theirs' WHERE id = 1100");
    const held = connector.write({ ...insert("w1", base), steps: [call("commits_and_waits")] }, never);
    expect(await held).toMatchObject({ state: "uncertain" });
    await expect(connector.write({ ...insert("w2", base), steps: [call("stays")] }, never)).rejects.toMatchObject({
      kind: "transient",
      code: "erp-locked",
    });
    // Ours waits for 1100 and holds 1101; theirs waits for 1101: the server ends the transaction that has written less.
    await admin.query("INSERT INTO things (words) VALUES ('weight'), ('weight'), ('weight'), ('weight')");
    const mine: PlanStep = {
      kind: "sql",
      sql: "UPDATE things SET words = 'ours' WHERE id = 1101",
      parameters: () => ({}),
    };
    await connector.close();
    const patient = await writer({ limits: { lockTimeoutMs: 8_000 } });
    const victim = patient.write({ ...insert("w3", base), steps: [mine, call("stays")] }, never).catch((error: unknown) => error);
    await waiting();
    await admin.query("UPDATE things SET words = 'theirs' WHERE id = 1101");
    expect(await victim).toMatchObject({ kind: "transient", code: "erp-deadlock" });
    await admin.query("ROLLBACK");
    const anew: PlanStep = { kind: "sql", sql: "CALL commits_anew()", parameters: () => ({}) };
    expect(await patient.write({ ...insert("w4", base), steps: [anew] }, never)).toMatchObject({ state: "uncertain" });
    expect(
      await erp.rows("SELECT words, COUNT(*) FROM things WHERE words IN ('half', 'anew') GROUP BY words ORDER BY words"),
    ).toEqual([
      ["anew", "1"],
      ["half", "1"],
    ]);
    await patient.close();
  });

  it("a procedure's result set and the message of its refusal reach the plan", async () => {
    await erp.run(
      "CREATE PROCEDURE gives(IN x INT) BEGIN IF x > 5 THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'period is closed'; END IF; SELECT x + 1 AS nr; END",
    );
    const connector = await writer();
    const call = (x: number): PlanStep => ({ kind: "sql", sql: "CALL gives(:x)", parameters: () => ({ x }), out: { nr: "nr" } });
    const good = await connector.write({ ...insert("g1"), steps: [call(1), ...insert("g1").steps] }, never);
    expect((good as { results: StepResults }).results.get("nr")).toBe(2);
    expect(await connector.write({ ...insert("g2"), steps: [...insert("g2").steps, call(6)] }, never)).toMatchObject({
      state: "rejected",
      code: "erp-refused",
      message: expect.stringMatching(/period is closed/),
    });
    expect(await written("g2")).toBe(0);
    await connector.close();
  });

  it("a lookup tells what is there and writes nothing", async () => {
    const connector = await writer();
    expect(await connector.lookup(insert("q1"), never)).toEqual({ state: "absent" });
    await connector.write(insert("q1"), never);
    expect(await connector.lookup(insert("q1"), never)).toMatchObject({ state: "found" });
    expect(await connector.lookup(insert("q1", { way: "base" }), never)).toMatchObject({ state: "unknown" });
    expect(await written("q1")).toBe(1);
    await connector.close();
  });

  it("a rotated password is used at the next connect", async () => {
    let password = "secret";
    const connector = await mysql.open(
      { server: server.host, port: server.port, database: erp.database, user: "reader", password: { secret: "erp" } },
      async () => password,
      contextOf(),
    );
    await collect(connector.readKeys(source, ["1"], never));
    await admin.query("ALTER USER reader@'%' IDENTIFIED BY 'rotated'");
    for (const { id } of await ours()) await admin.query(`KILL ${id}`);
    await expect(collect(connector.readKeys(source, ["1"], never))).rejects.toMatchObject({ code: "erp-login-refused" });
    password = "rotated";
    expect(await collect(connector.readKeys(source, ["1"], never))).toHaveLength(1);
    await connector.close();
    await admin.query("ALTER USER reader@'%' IDENTIFIED BY 'secret'");
  });

  it("a password that has run out, and an account that is locked, stop with the remedy, in a session that is there and in a new one", async () => {
    const read = (connector: Connector) => collect(connector.readKeys(source, ["1"], never));
    const connector = await as({});
    expect(await read(connector)).toHaveLength(1);
    const refused = (words: RegExp) => ({ kind: "config", code: "erp-login-refused", hint: expect.stringMatching(words) });
    for (const disconnects of ["OFF", "ON"]) {
      await admin.query(`SET GLOBAL disconnect_on_expired_password = ${disconnects}`);
      await admin.query("ALTER USER reader@'%' PASSWORD EXPIRE");
      for (const { id } of await ours()) await admin.query(`KILL ${id}`);
      await expect(read(connector)).rejects.toMatchObject(refused(/EXPIRE NEVER/));
      const findings = await connector.check(never);
      expect(findings).toMatchObject([
        { severity: "error", code: "erp-login-refused", remedy: expect.stringMatching(/secret set/) },
      ]);
      await admin.query("ALTER USER reader@'%' IDENTIFIED BY 'secret'");
      expect(await read(connector)).toHaveLength(1);
    }
    await admin.query("SET GLOBAL disconnect_on_expired_password = OFF");
    await admin.query("ALTER USER reader@'%' ACCOUNT LOCK");
    for (const { id } of await ours()) await admin.query(`KILL ${id}`);
    await expect(read(connector)).rejects.toMatchObject(refused(/ACCOUNT UNLOCK/));
    await admin.query("ALTER USER reader@'%' ACCOUNT UNLOCK");
    expect(await read(connector)).toHaveLength(1);
    await connector.close();
  });

  it("a server that is killed and comes back is met again without help", async () => {
    const connector = await writer({ sessionName: "fuser-restart" });
    expect(await connector.write(insert("r1"), never)).toMatchObject({ state: "applied" });
    await collect(connector.scan(source, never));
    await server.kill9();
    await expect(collect(connector.readKeys(source, ["1"], never))).rejects.toMatchObject({
      kind: "transient",
      code: expect.stringMatching(/erp-(unreachable|connection-lost)/),
    });
    await expect(connector.write(insert("r2"), never)).rejects.toMatchObject({ kind: "transient" });
    await server.restart();
    expect(await collect(connector.readKeys(source, ["1"], never))).toHaveLength(1);
    expect(await connector.write({ ...insert("r2"), mayBeRepeated: true }, never)).toMatchObject({
      state: "applied",
      repeated: false,
    });
    await connector.close();
  });
});
