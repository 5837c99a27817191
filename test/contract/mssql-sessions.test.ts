// What an SQL Server's database may come to while the agent lives, told by its double: sessions are made anew, and nobody is taken for what he is not.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Connector, WritePlan } from "../../connectors/connector.ts";
import { SqlError } from "../doubles/tds/engine/sql-error.ts";
import { mssqlSubject } from "./erp/mssql.ts";
import { collect, never, sourceOf } from "./erp/subject.ts";

const rows = sourceOf("fusertest_rows", ["id"], ["id", "changed"]);

describe("SQL Server: sessions", () => {
  let erp: Awaited<ReturnType<typeof mssqlSubject>>;
  let connector: Connector;
  beforeAll(async () => {
    erp = await mssqlSubject({ versions: { committed: false, snapshot: true } });
    await erp.run("CREATE TABLE fusertest_rows (id INT NOT NULL PRIMARY KEY, changed DATETIME)");
    await erp.run("INSERT INTO fusertest_rows VALUES (1, '2026-01-01T00:00:00')");
  });
  afterAll(async () => {
    await erp?.[Symbol.asyncDispose]();
  });
  beforeEach(async () => {
    connector = await erp.open();
  });
  afterEach(async () => {
    erp.double.onStatement = undefined;
    erp.double.onLogin = undefined;
    erp.double.database.describeItself();
    await connector.close();
  });
  const read = async () => (await collect(connector.readKeys(rows, ["1"], never))).length;

  it("a database, or one behind a view, that keeps no snapshots any more is read without them from the next read on", async () => {
    expect(await read()).toBe(1);
    const levels = () =>
      erp.double.statements.filter((text) => text.includes("ISOLATION LEVEL")).map((text) => text.split(" ").at(-1));
    expect(levels().at(-1)).toBe("SNAPSHOT");
    let without = 0;
    erp.double.onStatement = (text, session) => {
      if (!text.includes("FROM [fusertest_rows]") || session.isolation !== "SNAPSHOT") return undefined;
      without += 1;
      return { error: new SqlError(3952, "Snapshot isolation transaction failed accessing database 'erp'.") };
    };
    await expect(read()).rejects.toMatchObject({ kind: "transient" });
    expect(await read()).toBe(1);
    expect(without).toBe(1);
  });

  it("a database that is recovering after a restart is away, and one that is not there is a fault of the configuration", async () => {
    const cannotOpen = new SqlError(4060, 'Cannot open database "erp" requested by the login. The login failed.', {
      severity: 11,
    });
    erp.double.onLogin = ({ database }) => (database === "erp" ? cannotOpen : undefined);
    erp.double.database.describeItself(2n);
    await expect(read()).rejects.toMatchObject({ kind: "transient", code: "erp-unreachable" });
    erp.double.database.describeItself();
    await expect(read()).rejects.toMatchObject({ kind: "config", code: "erp-database-missing" });
    erp.double.onLogin = undefined;
    expect(await read()).toBe(1);
  });

  it("a text with a character that the column's code page lacks is refused, and looks like no other row's key", async () => {
    await erp.run("CREATE TABLE fusertest_narrow (id VARCHAR(10) NOT NULL PRIMARY KEY, words VARCHAR(40), wide NVARCHAR(40))");
    await erp.run("INSERT INTO fusertest_narrow VALUES ('L?dz', 'x', 'x')");
    const plan = (values: Record<string, string>): WritePlan => ({
      commandId: "narrow",
      idempotency: { way: "base" },
      mayBeRepeated: false,
      steps: [{ kind: "insert", table: "fusertest_narrow", values: () => values }],
      resultKey: () => ["1"],
      found: {},
      rehearse: false,
    });
    const refused = { state: "rejected", code: "erp-value-type", message: expect.stringContaining("U+1F3E0") };
    expect(await connector.write(plan({ id: "a", words: "Größe – 3 € 🏠" }), never)).toMatchObject(refused);
    expect(await connector.write(plan({ id: "b", words: "Größe – 3 €", wide: "🏠" }), never)).toMatchObject({ state: "applied" });
    expect(await erp.rows("SELECT id, words, wide FROM fusertest_narrow WHERE id = 'b'")).toEqual([["b", "Größe – 3 €", "🏠"]]);
    const narrow = sourceOf("fusertest_narrow", ["id"], ["id"]);
    expect(await collect(connector.readKeys(narrow, ["Lódz", "L🏠dz", "Lłdz"], never))).toEqual([]);
  });

  it("an update whose moment the column rounds is known again when it is looked at a second time", async () => {
    const planOf = (mayBeRepeated: boolean): WritePlan => ({
      commandId: "moment",
      idempotency: { way: "base" },
      mayBeRepeated,
      steps: [
        {
          kind: "update",
          table: "fusertest_rows",
          key: () => ({ id: 1 }),
          values: () => ({ changed: "2026-11-23T11:30:12.345678" }),
          base: () => ({ changed: "2026-01-01T00:00:00" }),
          expectRows: 1,
        },
      ],
      resultKey: () => ["1"],
      found: {},
      rehearse: false,
    });
    expect(await connector.write(planOf(false), never)).toMatchObject({ state: "applied" });
    expect(await erp.rows("SELECT changed FROM fusertest_rows")).toEqual([["2026-11-23T11:30:12.347Z"]]);
    expect(await connector.write(planOf(true), never)).toMatchObject({ state: "applied" });
  });
});
