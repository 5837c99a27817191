// Every statement that the connector for SQL Server makes is one for a grammar of T-SQL: the double alone would take what no SQL Server takes.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Connector, Idempotency, WritePlan } from "../../connectors/connector.ts";
import { tsqlFault } from "../support/tsql-grammar.ts";
import { follow } from "./erp/follow.ts";
import { mssqlSubject } from "./erp/mssql.ts";
import { collect, never, sourceOf } from "./erp/subject.ts";

const sessionName = "fuser-statements";

describe("SQL Server: the connector's statements", () => {
  let erp: Awaited<ReturnType<typeof mssqlSubject>>;
  let connector: Connector;
  /** What the connector's sessions said, and not the suite's own. */
  const said: { session: number; text: string }[] = [];
  beforeAll(async () => {
    erp = await mssqlSubject({ versions: { committed: false, snapshot: true } });
    connector = await erp.open({ sessionName, limits: { batchRows: 3 } });
    erp.double.onStatement = (text, session) => {
      if (session.program === sessionName) said.push({ session: session.id, text });
      return undefined;
    };
    await erp.run(
      "CREATE TABLE fusertest_all (k VARCHAR(10) NOT NULL, part INT NOT NULL, cost MONEY, exact DECIMAL(30,4), changed DATETIME2(3), id BIGINT, PRIMARY KEY (k, part))",
    );
    await erp.run("CREATE TABLE fusertest_counters (name NVARCHAR(20) NOT NULL PRIMARY KEY, value VARCHAR(8) NOT NULL)");
    await erp.run("CREATE TABLE fusertest_ledger (command_id NVARCHAR(60) NOT NULL PRIMARY KEY, results NVARCHAR(2000))");
    await erp.run("INSERT INTO fusertest_counters VALUES ('n', '0041')");
    await erp.run("CREATE PROCEDURE fusertest_two @a MONEY, @b VARCHAR(10), @c DECIMAL(30,4) OUTPUT AS SET @c = @a");
    await erp.run("CREATE FUNCTION fusertest_twice (@n INT) RETURNS INT AS BEGIN RETURN @n + @n END");
    for (let part = 1; part <= 8; part++)
      await erp.run("INSERT INTO fusertest_all (k, part, changed) VALUES ('a', ?, '2026-01-01T00:00:00')", [part]);
  });
  afterAll(async () => {
    await connector?.close();
    await erp?.[Symbol.asyncDispose]();
  });

  const all = sourceOf("fusertest_all", ["k", "part"], ["k", "part", "cost", "exact", "changed"], {
    where: [{ sql: "part > :vars.n -- not the first", parameters: { "vars.n": 0 } }],
    flags: [{ sql: "cost IS NULL", parameters: {} }],
    scope: [{ column: "k", value: "a" }],
    children: [{ sql: "SELECT name FROM fusertest_counters WHERE name = :row.k ORDER BY name", parameters: {} }],
  });
  const loose = sourceOf("q", ["k"], ["k", "most"], {
    from: { query: "SELECT k, MAX(part) AS most FROM fusertest_all GROUP BY k", parameters: {} },
  });

  function planOf(idempotency: Idempotency): WritePlan {
    return {
      commandId: "c",
      idempotency,
      mayBeRepeated: true,
      steps: [
        {
          kind: "number",
          as: "next",
          from: { counter: { table: "fusertest_counters", column: "value", key: () => ({ name: "n" }) } },
        },
        { kind: "number", as: "most", from: { max: { table: "fusertest_counters", column: "value", where: () => ({}) } } },
        {
          kind: "insert",
          table: "fusertest_all",
          values: (results) => ({ k: "new", part: results.get("next") ?? null, cost: "12.5", exact: null }),
          returning: { id: "id", cost: "cost", exact: "exact" },
        },
        {
          kind: "update",
          table: "fusertest_all",
          key: (results) => ({ k: "new", part: results.get("next") ?? null }),
          values: () => ({ cost: "13", changed: "2026-01-01T00:00:00" }),
          base: () => ({ cost: "12.5" }),
          expectRows: 1,
        },
        { kind: "call", procedure: "fusertest_two", args: () => ({ a: "1", b: "x" }), out: { c: "c" } },
        { kind: "call", procedure: "fusertest_twice", args: () => ({ n: 1 }), returns: "twice" },
        {
          kind: "sql",
          sql: "UPDATE fusertest_all SET cost = 1 WHERE id = :id",
          parameters: (r) => ({ id: r.get("id") ?? null }),
        },
      ],
      resultKey: (results) => ["new", results.get("next") ?? null],
      found: { k: "k" },
      rehearse: false,
    };
  }

  async function readFeed(): Promise<void> {
    const { feed } = connector;
    if (feed === undefined) throw new Error("no feed");
    await erp.run("ALTER DATABASE erp SET CHANGE_TRACKING = ON");
    await erp.run("ALTER TABLE fusertest_all ENABLE CHANGE_TRACKING");
    const tables = [{ table: "fusertest_all", key: ["cost"], own: ["k", "part"] }];
    expect(await feed.check(tables, never)).toEqual([]);
    await using told = follow(feed, tables, await feed.begin(tables, never));
    await erp.run("UPDATE fusertest_all SET cost = 2 WHERE part = 1");
    await told.until(() => told.keys().includes("2%2E0000"));
    expect(await feed.marks(tables, never)).toEqual([expect.stringMatching(/^\d+$/)]);
  }

  it("are all well-formed, those of reads, polls, writes, checks and the feed alike", async () => {
    expect((await collect(connector.scan(all, never))).length).toBe(8);
    expect((await collect(connector.scan(loose, never))).length).toBe(1);
    expect((await collect(connector.readKeys(all, ["a.1", "a.2", "b.1"], never))).length).toBe(2);
    await connector.describeQuery(all, never);
    await connector.describe(never);
    await connector.identity(never);
    const polled = { table: "fusertest_all", column: "changed", kind: "timestamp", key: ["k", "part"], own: ["id"] } as const;
    expect((await Array.fromAsync(connector.changedSince(polled, "2026-01-01T00:00:00", never))).flat().length).toBe(8);
    await connector.aggregate(all, polled, never);
    await connector.check(never, { read: ["fusertest_all"], write: ["fusertest_all", "nowhere"], calls: ["fusertest_two"] });
    const plan = planOf({ way: "ledger", table: "fusertest_ledger", commandId: "c" });
    expect(await connector.write(plan, never)).toMatchObject({ state: "applied", key: "new.42" });
    expect(await connector.lookup(plan, never)).toMatchObject({ state: "found", key: "new.42" });
    await readFeed();
    const texts = [...new Set(erp.double.statements)].filter((text) => !/^(set|ALTER|CREATE) /.test(text));
    expect(texts.length).toBeGreaterThan(30);
    expect(texts.map((text) => [tsqlFault(text), text]).filter(([fault]) => fault !== undefined)).toEqual([]);
  }, 120_000);

  it("change no schema and lock no table; a session has its limit for locks, and gives way in deadlocks, before it reads, and reads in portions or by key", () => {
    const own = said.map(({ session, text }) => ({ session, text: text.replaceAll(/'(?:[^']|'')*'/g, "''") }));
    expect(new Set(own.map(({ session }) => session)).size).toBeGreaterThan(2);
    const forbidden =
      /(^|;)\s*(CREATE|ALTER|DROP|TRUNCATE|GRANT|REVOKE|DENY|DELETE|MERGE|BACKUP|RESTORE|DBCC|BULK)\b|TABLOCK|HOLDLOCK|XLOCK|SERIALIZABLE|REPEATABLE|NOLOCK|UNCOMMITTED/i;
    expect(own.filter(({ text }) => forbidden.test(text))).toEqual([]);
    const ofTables = own.filter(({ text }) => /\bfusertest_/.test(text));
    expect(ofTables.length).toBeGreaterThan(15);
    const limited = new Set<number>();
    for (const { session, text } of own) {
      if (/SET LOCK_TIMEOUT [1-9]\d*; SET DEADLOCK_PRIORITY LOW; SET XACT_ABORT ON;/.test(text)) limited.add(session);
      if (/\bfusertest_/.test(text)) expect([limited.has(session), text]).toEqual([true, text]);
    }
    const bounded = /\bTOP \(|\bWHERE\b[\s\S]*(=|\bIN \()|COUNT_BIG\(\*\)|\bMAX\(|^\s*(INSERT|EXEC|DECLARE)/;
    expect(ofTables.filter(({ text }) => /\bFROM\b/.test(text) && !bounded.test(text))).toEqual([]);
    const locking = ofTables.filter(({ text }) => /UPDLOCK/.test(text));
    expect(locking.length).toBeGreaterThan(0);
    expect(locking.filter(({ text }) => !/UPDLOCK, ROWLOCK\) WHERE .+ = /.test(text))).toEqual([]);
  });

  it("is held against a grammar that does refuse", () => {
    expect(tsqlFault("SELECT a FROM t LIMIT 3")).toBeDefined();
    expect(tsqlFault("SELECT TOP 3 a FROM t WHERE a = TRUE AND")).toBeDefined();
    expect(tsqlFault("SELECT TOP (3) [a] FROM [t] WHERE [a] >= @p0 ORDER BY [a]")).toBeUndefined();
  });
});
