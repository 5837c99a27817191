// What befalls an SQL Server, told by its double: each error is classified, survived or stopped with what to do, and nothing is lost or done twice.
import { readFileSync } from "node:fs";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Connector, PlanStep, WritePlan } from "../../connectors/connector.ts";
import { mssql } from "../../connectors/mssql/connector.ts";
import { SqlError } from "../doubles/tds/engine/sql-error.ts";
import { startTdsDouble } from "../doubles/tds/tds-double.ts";
import { signedCertificate } from "../support/certificates.ts";
import { tempDirectory } from "../support/servers.ts";
import { mssqlSubject } from "./erp/mssql.ts";
import { collect, contextOf, never, sourceOf } from "./erp/subject.ts";

const rows = sourceOf("fusertest_rows", ["id"], ["id", "words"]);

function planOf(commandId: string, words = "new"): WritePlan {
  return {
    commandId,
    idempotency: { way: "ledger", table: "fusertest_ledger", commandId },
    mayBeRepeated: false,
    steps: [{ kind: "insert", table: "fusertest_rows", values: () => ({ id: Number(commandId), words }) }],
    resultKey: () => [commandId],
    found: {},
    rehearse: false,
  };
}

describe("SQL Server: faults", () => {
  let erp: Awaited<ReturnType<typeof mssqlSubject>>;
  let connector: Connector;
  beforeAll(async () => {
    erp = await mssqlSubject();
    await erp.run("CREATE TABLE fusertest_rows (id INT NOT NULL PRIMARY KEY, words NVARCHAR(20))");
    await erp.run("CREATE TABLE fusertest_ledger (command_id NVARCHAR(60) NOT NULL PRIMARY KEY, results NVARCHAR(2000))");
  });
  afterAll(async () => {
    await erp?.[Symbol.asyncDispose]();
  });
  beforeEach(async () => {
    await erp.run("DELETE FROM fusertest_rows");
    await erp.run("INSERT INTO fusertest_rows VALUES (1, 'one')");
    connector = await erp.open();
  });
  afterEach(async () => {
    erp.double.onStatement = undefined;
    erp.double.onLogin = undefined;
    await connector.close();
  });

  /** Lets the next statement that holds these words meet something. */
  function once(words: string, fault: ReturnType<NonNullable<typeof erp.double.onStatement>>): void {
    erp.double.onStatement = (text) => {
      if (!text.includes(words)) return undefined;
      erp.double.onStatement = undefined;
      return fault;
    };
  }
  /** Another connector in its place, of so little patience. */
  async function impatient(limits: { statementTimeoutMs?: number; lockTimeoutMs: number }): Promise<void> {
    await connector.close();
    connector = await erp.open({ limits });
  }
  const read = async () => (await collect(connector.readKeys(rows, ["1"], never))).map(({ row }) => row.values);
  const words = async () => (await erp.rows("SELECT id, words FROM fusertest_rows ORDER BY id")).map((row) => row.join(" "));

  it.each<[number, string, string]>([
    [1205, "transient", "erp-deadlock"],
    [1222, "transient", "erp-locked"],
    [3960, "transient", "erp-deadlock"],
    [9002, "transient", "erp-disk-full"],
    [1105, "transient", "erp-disk-full"],
    [229, "config", "erp-rights"],
    [208, "config", "erp-object-missing"],
  ])("error %i is %s, and the same read passes afterwards", async (number, kind, code) => {
    once("FROM [fusertest_rows]", { error: new SqlError(number, "as the server says it") });
    await expect(read()).rejects.toMatchObject({ kind, code });
    expect(await read()).toEqual([[1, "one"]]);
  });

  it.each<[number, string]>([
    [547, "erp-foreign-key"],
    [2601, "erp-duplicate"],
    [515, "erp-not-null"],
    [8152, "erp-value-too-long"],
    [8114, "erp-value-type"],
    [50_001, "erp-refused"],
  ])("error %i refuses a command for good and leaves nothing of it behind", async (number, code) => {
    once("INSERT INTO [fusertest_rows]", { error: new SqlError(number, "The duplicate key value is (geheim).") });
    const outcome = await connector.write(planOf("7"), never);
    expect(outcome).toMatchObject({ state: "rejected", code });
    if (number < 50_000 && number !== 515) expect(JSON.stringify(outcome)).not.toContain("geheim");
    expect(await words()).toEqual(["1 one"]);
    expect(await connector.write({ ...planOf("7"), rehearse: true }, never)).toMatchObject({ state: "rehearsed" });
  });

  it("the victim of a deadlock wrote nothing, and its command is carried out at the next try", async () => {
    once("INSERT INTO [fusertest_rows]", { error: new SqlError(1205, "deadlocked", { severity: 13 }) });
    await expect(connector.write(planOf("8"), never)).rejects.toMatchObject({ kind: "transient", code: "erp-deadlock" });
    expect(await words()).toEqual(["1 one"]);
    expect(await connector.write({ ...planOf("8"), mayBeRepeated: true }, never)).toMatchObject({ repeated: false });
    expect(await words()).toEqual(["1 one", "8 new"]);
  });

  it("a writer waits for another's lock no longer than it may", async () => {
    const other = await erp.open({ sessionName: "other", limits: { statementTimeoutMs: 20_000 } });
    await impatient({ lockTimeoutMs: 100 });
    const slow = Promise.withResolvers<void>();
    const begun = Promise.withResolvers<void>();
    const writing = other.write(planOf("9"), never, async (point) => {
      if (point !== "before-erp-commit") return;
      begun.resolve();
      await slow.promise;
    });
    await begun.promise;
    await expect(connector.write(planOf("10"), never)).rejects.toMatchObject({ kind: "transient", code: "erp-locked" });
    slow.resolve();
    expect(await writing).toMatchObject({ state: "applied" });
    await other.close();
    expect(await connector.write(planOf("10"), never)).toMatchObject({ state: "applied" });
  });

  it("of two agents with one name only one writes at a time", async () => {
    await connector.write(planOf("11"), never);
    const other = await erp.open({ limits: { lockTimeoutMs: 50 } });
    await expect(other.write(planOf("12"), never)).rejects.toMatchObject({ kind: "transient", code: "erp-session-locked" });
    await connector.close();
    expect(await other.write(planOf("12"), never)).toMatchObject({ state: "applied" });
    await other.close();
  });

  it("a statement that is not answered ends within its time, and the connection is good for the next", async () => {
    await impatient({ statementTimeoutMs: 700, lockTimeoutMs: 300 });
    await read();
    once("FROM [fusertest_rows]", "hang");
    await expect(read()).rejects.toMatchObject({ kind: "transient", code: "erp-statement-timeout" });
    expect(await read()).toEqual([[1, "one"]]);
  });

  it("a restarted server is survived by reads and writes without a word", async () => {
    expect(await read()).toEqual([[1, "one"]]);
    await connector.write(planOf("13"), never);
    erp.double.restart();
    await erp.reconnect();
    expect(await read()).toEqual([[1, "one"]]);
    expect(await connector.write(planOf("14"), never)).toMatchObject({ state: "applied" });
  });

  it("a database that moves to another server is asked again over a connection of its own, and once only", async () => {
    await read();
    let asked = 0;
    erp.double.onStatement = (text) => {
      if (!text.includes("FROM [fusertest_rows]")) return undefined;
      asked += 1;
      return { error: new SqlError(40613, "Database 'erp' is not currently available.") };
    };
    await expect(read()).rejects.toMatchObject({ kind: "transient", code: "erp-unreachable" });
    expect(asked).toBeLessThanOrEqual(3);
    erp.double.onStatement = undefined;
    expect(await read()).toEqual([[1, "one"]]);
  });

  it("a connection that breaks within a write is transient, and nothing of it stands", async () => {
    once("INSERT INTO [fusertest_rows]", "reset");
    await expect(connector.write(planOf("15"), never)).rejects.toMatchObject({ kind: "transient", code: "erp-connection-lost" });
    expect(await words()).toEqual(["1 one"]);
  });

  it("a commit whose answer is lost is looked up, and its command is never carried out twice", async () => {
    once("COMMIT TRANSACTION", "reset-after");
    await expect(connector.write(planOf("16"), never)).rejects.toMatchObject({ kind: "transient", code: "erp-commit-unknown" });
    expect(await words()).toEqual(["1 one", "16 new"]);
    const again = await connector.write({ ...planOf("16"), mayBeRepeated: true }, never);
    expect(again).toMatchObject({ state: "applied", repeated: true });
    expect(await words()).toEqual(["1 one", "16 new"]);
  });

  it.each([
    ["commits", "COMMIT TRANSACTION"],
    ["commits and fails", "COMMIT TRANSACTION; THROW 50001, 'too late', 1"],
    ["commits and begins anew", "COMMIT TRANSACTION; BEGIN TRANSACTION"],
    ["commits, begins anew and fails", "COMMIT TRANSACTION; BEGIN TRANSACTION; THROW 50001, 'too late', 1"],
  ])("a procedure of the ERP that %s makes the command uncertain, whatever the step wants of it", async (_, body) => {
    await erp.run(`CREATE PROCEDURE fusertest_own AS ${body}`);
    const id = "20";
    const own: PlanStep = { kind: "sql", sql: "EXEC fusertest_own", parameters: () => ({}), out: { number: "nr" } };
    expect(await connector.write({ ...planOf(id), steps: [...planOf(id).steps, own] }, never)).toMatchObject({
      state: "uncertain",
    });
    expect(await words()).toEqual(["1 one", `${id} new`]);
    await erp.run("DELETE FROM fusertest_ledger");
    await erp.run("DROP PROCEDURE fusertest_own");
  });

  it.each<[string, number, RegExp]>([
    ["a wrong password", 18456, /state 8/],
    ["an expired password", 18487, /expired/],
    ["a password that must be changed", 18488, /must be changed/],
    ["a database that is not there", 4060, /no such database/],
  ])("%s stops with what to do, in check too", async (_, number, said) => {
    erp.double.onLogin = () => new SqlError(number, "Login failed for user 'erp'.", { state: 8, severity: 14 });
    await expect(read()).rejects.toMatchObject({ kind: "config", message: expect.stringMatching(said) });
    const [finding] = await connector.check(never);
    expect(finding).toMatchObject({ severity: "error", remedy: expect.stringMatching(/secret|login/) });
  });

  it("a rowversion column brings nothing that lies above an open transaction, and everything after its commit", async () => {
    await erp.run("CREATE TABLE fusertest_versions (id INT NOT NULL PRIMARY KEY, words NVARCHAR(20), rv ROWVERSION)");
    const query = { table: "fusertest_versions", column: "rv", kind: "sequence", key: ["id"], own: [] } as const;
    const since = async (from: string) => (await Array.fromAsync(connector.changedSince(query, from, never))).flat();
    await erp.run("INSERT INTO fusertest_versions (id, words) VALUES (1, 'one'), (2, 'two')");
    const [last] = (await Array.fromAsync(connector.changedSince(query, undefined, never))).flat();
    expect(last).toMatchObject({ key: "2" });
    // A transaction that is still open has given out the version behind the last one; a later row has a higher one.
    const open = { id: 0, login: "clerk", program: "erp" };
    erp.double.database.nextVersion(open, true);
    await erp.run("UPDATE fusertest_versions SET words = 'later' WHERE id = 1");
    expect((await since(last?.mark ?? "")).map(({ key }) => key)).toEqual(["2"]);
    erp.double.database.openVersions.delete(open);
    const seen = await since(last?.mark ?? "");
    expect(seen.map(({ key }) => key)).toEqual(["2", "1"]);
    expect(BigInt(seen[1]?.mark ?? 0)).toBeGreaterThan(BigInt(seen[0]?.mark ?? 0));
  });
});

describe("SQL Server: encryption", () => {
  let home: Awaited<ReturnType<typeof tempDirectory>>;
  let own: ReturnType<typeof signedCertificate>;
  const pair = () => ({ cert: readFileSync(own.cert), key: readFileSync(own.key) });
  beforeAll(async () => {
    home = await tempDirectory();
    own = signedCertificate(home.path, "own");
  });
  afterAll(async () => {
    await home?.[Symbol.asyncDispose]();
  });

  it("is verified where the authority is named, and a server of another one is refused", async () => {
    const other = signedCertificate(home.path, "other");
    await using double = await startTdsDouble({ tls: pair() });
    const identify = async (tls: { ca?: string; mode?: "off" }) => {
      const settings = { server: "127.0.0.1", port: double.port, database: "erp", user: "erp", password: { secret: "erp" }, tls };
      const connector = await mssql.open(settings, async () => "secret", contextOf());
      try {
        return await connector.identity(never);
      } finally {
        await connector.close();
      }
    };
    expect(await identify({ ca: own.ca })).toMatchObject({ product: "SQL Server" });
    expect(await identify({})).toMatchObject({ product: "SQL Server" });
    await expect(identify({ ca: other.ca })).rejects.toMatchObject({ kind: "config", code: "erp-tls-refused" });
  });

  it("of TLS 1.0 alone is refused with what to do, and taken with `legacy`, of which check warns", async () => {
    const old = { ...pair(), minVersion: "TLSv1", maxVersion: "TLSv1", ciphers: "DEFAULT@SECLEVEL=0" } as const;
    await using double = await startTdsDouble({ tls: old });
    const opened = (tls: { ca?: string; legacy?: true }) => {
      const settings = { server: "127.0.0.1", port: double.port, database: "erp", user: "erp", password: { secret: "erp" }, tls };
      return mssql.open(settings, async () => "secret", contextOf());
    };
    const refused = await opened({ ca: own.ca });
    await expect(refused.identity(never)).rejects.toMatchObject({
      kind: "config",
      code: "erp-tls-refused",
      hint: expect.stringContaining("legacy"),
    });
    await refused.close();
    const taken = await opened({ ca: own.ca, legacy: true });
    expect(await taken.identity(never)).toMatchObject({ product: "SQL Server" });
    expect((await taken.check(never)).map(({ severity, code }) => [severity, code])).toContainEqual([
      "warning",
      "erp-tls-legacy",
    ]);
    await taken.close();
  });

  it("shows until when its certificate is good, and `check` tells it three weeks ahead, as it does of the login's password", async () => {
    const codes = async (passwordDays: bigint | undefined, tls: { mode: "off" } | { ca: string }) => {
      await using double = await startTdsDouble({
        ...("ca" in tls ? { tls: pair() } : {}),
        ...(passwordDays === undefined ? {} : { passwordDays }),
      });
      const settings = { server: "127.0.0.1", port: double.port, database: "erp", user: "erp", password: { secret: "erp" }, tls };
      const connector = await mssql.open(settings, async () => "secret", contextOf());
      const found = await connector.check(never);
      await connector.close();
      return found.flatMap(({ code }) => (/expires$|check-failed/.test(code) ? [code] : []));
    };
    // It is good for two days.
    expect(await codes(undefined, { ca: own.ca })).toEqual(["erp-certificate-expires"]);
    expect(await codes(0n, { mode: "off" })).toEqual(["erp-password-expires"]);
    expect(await codes(21n, { mode: "off" })).toEqual(["erp-password-expires"]);
    // A month, for ever by Windows' policy, and no policy at all.
    for (const days of [30n, -1n, undefined]) expect(await codes(days, { mode: "off" })).toEqual([]);
  });

  it("is not left out in silence where the server has none", async () => {
    await using double = await startTdsDouble();
    const settings = { server: "127.0.0.1", port: double.port, database: "erp", user: "erp", password: { secret: "erp" } };
    const connector = await mssql.open(settings, async () => "secret", contextOf());
    await expect(connector.identity(never)).rejects.toMatchObject({ kind: "config", code: "erp-tls-refused" });
    await connector.close();
  });
});

describe("the TDS double", () => {
  it("says loudly what it does not know", async () => {
    const erp = await mssqlSubject();
    await expect(erp.run("MERGE INTO t USING s ON 1 = 1 WHEN MATCHED THEN DELETE")).rejects.toThrow("does not know");
    await expect(erp[Symbol.asyncDispose]()).rejects.toThrow(/does not know: MERGE/);
  });
});
