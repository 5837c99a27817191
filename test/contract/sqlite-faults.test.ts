import { chmodSync, copyFileSync, existsSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Connector, PlanStep, WritePlan } from "../../connectors/connector.ts";
import { sqlite } from "../../connectors/sqlite/connector.ts";
import { sqliteSubject } from "./erp/sqlite.ts";
import { collect, contextOf, never, type OpenOptions, type Subject, sourceOf } from "./erp/subject.ts";

describe.each(["wal", "delete"] as const)("SQLite (journal %s): real faults", (journal) => {
  let erp: Subject & { file: string };
  let open: Connector[];
  const source = sourceOf("things", ["id"], ["id", "words"]);
  const insert: PlanStep = { kind: "insert", table: "things", values: () => ({ words: "written" }), returning: { id: "id" } };
  const plan: WritePlan = {
    commandId: "c",
    idempotency: { way: "base" },
    mayBeRepeated: false,
    steps: [insert],
    resultKey: (r) => [r.get("id") ?? null],
    found: {},
    rehearse: false,
  };
  const connect = async (options: OpenOptions = {}, file = erp.file): Promise<Connector> => {
    const connector = await sqlite.open({ file }, async () => "", contextOf(options));
    open.push(connector);
    return connector;
  };

  beforeEach(async () => {
    open = [];
    erp = await sqliteSubject(journal);
    await erp.run("CREATE TABLE things (id INTEGER PRIMARY KEY, words VARCHAR(40))");
    await erp.run("INSERT INTO things (words) VALUES ('one'), ('two'), ('three')");
  });
  afterEach(async () => {
    for (const connector of open) await connector.close();
    await erp[Symbol.asyncDispose]();
  });

  it("a file that is missing is named and never created", async () => {
    const file = `${erp.file}.missing`;
    const connector = await connect({}, file);
    await expect(collect(connector.scan(source, never))).rejects.toMatchObject({
      kind: "config",
      code: "erp-database-missing",
      place: file,
    });
    await expect(connector.write(plan, never)).rejects.toMatchObject({ kind: "config", code: "erp-database-missing" });
    expect(await connector.check(never)).toMatchObject([{ severity: "error", code: "erp-database-missing", place: file }]);
    expect(existsSync(file)).toBe(false);
  });

  it("a file that is no database is named as such", async () => {
    const file = `${erp.file}.txt`;
    writeFileSync(file, "Dear Sir or Madam, this is a letter and not a database.".repeat(50));
    await expect(collect((await connect({}, file)).scan(source, never))).rejects.toMatchObject({
      kind: "config",
      code: "erp-corrupt",
    });
  });

  it("a read can't write, whatever its text says", async () => {
    const evil = sourceOf("evil", ["id"], ["id"], {
      from: { query: "SELECT 1 AS id) AS q; DELETE FROM things; --", parameters: {} },
    });
    const connector = await connect();
    await expect(collect(connector.scan(evil, never))).rejects.toMatchObject({ kind: "config", code: "erp-sql-invalid" });
    expect((await erp.rows("SELECT COUNT(*) FROM things"))[0]?.[0]).toBe("3");
  });

  it("a write waits for another writer as long as it may, without stopping the event loop, and then says so", async () => {
    const connector = await connect({ limits: { lockTimeoutMs: 300 } });
    await erp.run("BEGIN IMMEDIATE");
    let turns = 0;
    const ticking = setInterval(() => {
      turns += 1;
    }, 10);
    await expect(connector.write(plan, never)).rejects.toMatchObject({ kind: "transient", code: "erp-locked" });
    clearInterval(ticking);
    expect(turns).toBeGreaterThan(5);
    await erp.run("ROLLBACK");
    expect(await connector.write(plan, never)).toMatchObject({ state: "applied", key: "4" });
  });

  it("a write that is let in before its time is over succeeds", async () => {
    const connector = await connect({ limits: { lockTimeoutMs: 5_000 } });
    await erp.run("BEGIN IMMEDIATE");
    const writing = connector.write(plan, never);
    await new Promise((resolve) => setTimeout(resolve, 50));
    await erp.run("COMMIT");
    expect(await writing).toMatchObject({ state: "applied" });
  });

  it("an open scan lets the ERP write and the agent read the new state by key", async () => {
    const connector = await connect({ limits: { batchRows: 1 } });
    const seen: unknown[] = [];
    for await (const _ of connector.scan(source, never)) {
      await erp.run("UPDATE things SET words = words || '!' WHERE id = 3");
      seen.push((await collect(connector.readKeys(source, ["3"], never)))[0]?.row.values[1]);
    }
    expect(seen).toEqual(["three!", "three!!", "three!!!"]);
  });

  it("another file in its place is noticed at once; an older one as a history gone back", async () => {
    const connector = await connect();
    await erp.run("PRAGMA wal_checkpoint(TRUNCATE)");
    const backup = `${erp.file}.backup`;
    copyFileSync(erp.file, backup);
    const first = await connector.identity(never);
    for (let n = 0; n < 200; n++) await erp.run("INSERT INTO things (words) VALUES (?)", ["x".repeat(1_000)]);
    await erp.run("PRAGMA wal_checkpoint(TRUNCATE)");
    const second = await connector.identity(never);
    expect(second.database).toBe(first.database);
    if (journal === "delete") expect(Number(second.position?.changes)).toBeGreaterThan(Number(first.position?.changes));
    await erp.run("CREATE TABLE added (a INTEGER)");
    await erp.run("PRAGMA wal_checkpoint(TRUNCATE)");
    const third = await connector.identity(never);
    expect(Number(third.position?.schema)).toBeGreaterThan(Number(second.position?.schema));
    expect((await collect(connector.scan(source, never))).length).toBe(203);
    // The ERP is stopped, its file put back, and started again.
    for (const suffix of ["-wal", "-shm"]) rmSync(`${erp.file}${suffix}`, { force: true });
    renameSync(backup, erp.file);
    const restored = await connector.identity(never);
    expect(restored.database).toBe(first.database);
    expect(restored.position).toEqual(first.position);
    expect((await collect(connector.readKeys(source, ["3", "100"], never))).length).toBe(1);
    expect((await collect(connector.scan(source, never))).length).toBe(3);
    expect(await connector.write(plan, never)).toMatchObject({ state: "applied", key: "4" });
  });

  it("a copy at another place is another database", async () => {
    const copy = `${erp.file}.copy`;
    await erp.run(`VACUUM INTO '${copy}'`);
    const here = await (await connect()).identity(never);
    const there = await (await connect({}, copy)).identity(never);
    expect(there.database).not.toBe(here.database);
  });

  it("constraints of every kind are refused with their own code", async () => {
    await erp.run(
      "CREATE TABLE ruled (id INTEGER PRIMARY KEY, parent INTEGER REFERENCES things(id), n INTEGER CHECK (n > 0), must TEXT NOT NULL DEFAULT 'x')",
    );
    await erp.run(
      "CREATE TRIGGER closed BEFORE INSERT ON ruled WHEN NEW.n = 99 BEGIN SELECT RAISE(ABORT, 'period is closed'); END",
    );
    const connector = await connect();
    const write = async (values: Record<string, string | number | null>) =>
      connector.write(
        { ...plan, steps: [{ kind: "insert", table: "ruled", values: () => values }], resultKey: () => ["1"] },
        never,
      );
    expect(await write({ id: 1, parent: 77, n: 1 })).toMatchObject({ state: "rejected", code: "erp-foreign-key" });
    expect(await write({ id: 1, n: 0 })).toMatchObject({ state: "rejected", code: "erp-check" });
    expect(await write({ id: 1, must: null })).toMatchObject({ state: "rejected", code: "erp-not-null" });
    expect(await write({ id: 1, n: 99 })).toMatchObject({
      state: "rejected",
      code: "erp-refused",
      message: expect.stringMatching(/period is closed/),
    });
    expect(await write({ id: 1, n: 1 })).toMatchObject({ state: "applied" });
    expect(await write({ id: 1, n: 1 })).toMatchObject({ state: "rejected", code: "erp-duplicate" });
  });

  it("check finds triggers, a missing table and the lack of a write-ahead log", async () => {
    await erp.run("CREATE TRIGGER t AFTER INSERT ON things BEGIN SELECT 1; END");
    const findings = await (await connect()).check(never, { read: ["gone"], write: ["things"] });
    const codes = findings.map(({ code }) => code);
    expect(codes).toEqual(expect.arrayContaining(["erp-triggers", "erp-object-missing"]));
    expect(codes.includes("erp-no-wal")).toBe(journal === "delete");
  });

  it("a column type that SQLite can't know is taken from the first rows and kept", async () => {
    const query = sourceOf("q", ["k"], ["k", "n", "x"], {
      from: { query: "SELECT id || '' AS k, id * 2 AS n, id / 2.0 AS x FROM things", parameters: {} },
    });
    const connector = await connect();
    expect((await connector.describeQuery(query, never)).columns.map(({ type }) => type)).toEqual(["text", "integer", "float"]);
    expect((await collect(connector.readKeys(query, ["2"], never))).map(({ row }) => row.values)).toEqual([["2", 4, 1]]);
  });

  it("a file that may only be read is read, and a write to it is refused", async () => {
    const other = new DatabaseSync(`${erp.file}.ro`);
    other.exec("CREATE TABLE things (id INTEGER PRIMARY KEY, words VARCHAR(40)); INSERT INTO things VALUES (1, 'one')");
    other.close();
    chmodSync(`${erp.file}.ro`, 0o444);
    const connector = await connect({}, `${erp.file}.ro`);
    expect((await collect(connector.scan(source, never))).length).toBe(1);
    // Root may write whatever the mode says.
    if (process.getuid?.() === 0) return;
    await expect(connector.write(plan, never)).rejects.toMatchObject({ kind: "config", code: "erp-read-only" });
  });
});
