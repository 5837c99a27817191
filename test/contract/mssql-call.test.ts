// What T-SQL's procedures have of their own: OUTPUT that is IN as well, defaults that nobody can look up, return codes, table functions, sequences.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Connector, PlanStep, StepResults, WriteOutcome } from "../../connectors/connector.ts";
import { mssqlSubject } from "./erp/mssql.ts";
import { never } from "./erp/subject.ts";

let last = 0;

describe("SQL Server: procedures", () => {
  let erp: Awaited<ReturnType<typeof mssqlSubject>>;
  let connector: Connector;
  beforeAll(async () => {
    erp = await mssqlSubject();
    await erp.run("CREATE TABLE fusertest_ledger (command_id NVARCHAR(60) NOT NULL PRIMARY KEY, results VARCHAR(2000))");
    await erp.run("CREATE TABLE fusertest_said (id INT NOT NULL, words NVARCHAR(10))");
    await erp.run(`CREATE PROCEDURE fusertest_say (@words NVARCHAR(10), @id INT = 7, @twice INT OUTPUT, @seen NVARCHAR(20) OUTPUT) AS BEGIN
      INSERT INTO fusertest_said VALUES (@id, @words);
      SET @seen = ISNULL(CAST(@twice AS NVARCHAR(20)), N'nothing');
      SET @twice = @id * 2;
      RETURN 3;
    END`);
    await erp.run("CREATE SEQUENCE fusertest_numbers");
    connector = await erp.open();
  });
  afterAll(async () => {
    await connector?.close();
    await erp?.[Symbol.asyncDispose]();
  });
  beforeEach(() => erp.run("DELETE FROM fusertest_said"));

  const say = (args: Record<string, string>, more: Partial<Extract<PlanStep, { kind: "call" }>> = {}): PlanStep => ({
    kind: "call",
    procedure: "dbo.fusertest_say",
    args: () => args,
    ...more,
  });
  const write = (...steps: PlanStep[]): Promise<WriteOutcome> => {
    last += 1;
    const commandId = `own-${last}`;
    const idempotency = { way: "ledger", table: "fusertest_ledger", commandId } as const;
    return connector.write(
      { commandId, idempotency, mayBeRepeated: false, steps, resultKey: () => ["1"], found: {}, rehearse: false },
      never,
    );
  };
  const resultsOf = (outcome: WriteOutcome) => Object.fromEntries((outcome as { results: StepResults }).results);
  const said = () => erp.rows("SELECT id, words FROM fusertest_said");

  it("an OUTPUT parameter without an argument begins empty, with one it begins with it; names may bear their @", async () => {
    const out = { twice: "@TWICE", seen: "seen" };
    expect(resultsOf(await write(say({ words: "a" }, { out })))).toEqual({ twice: 14, seen: "nothing" });
    expect(resultsOf(await write(say({ "@words": "b", id: "2", twice: "40" }, { out })))).toEqual({ twice: 4, seen: "40" });
    expect(await said()).toEqual([
      ["7", "a"],
      ["2", "b"],
    ]);
  });

  it("the return code is a result", async () => {
    expect(resultsOf(await write(say({ words: "a" }, { returns: "code" })))).toEqual({ code: 3 });
  });

  it("a text that is too long for its parameter is refused, and not cut off in silence", async () => {
    const outcome = await write(say({ words: "one two three" }));
    expect(outcome).toMatchObject({ state: "rejected", code: "erp-value-too-long", message: expect.stringContaining("words") });
    expect(await said()).toEqual([]);
  });

  it("a procedure that rolls back and says why refuses the command", async () => {
    await erp.run(
      "CREATE PROCEDURE fusertest_undo AS BEGIN INSERT INTO fusertest_said VALUES (1, 'x'); ROLLBACK TRANSACTION; THROW 50001, 'Mietvertrag fehlt', 1; END",
    );
    const undo: PlanStep = { kind: "call", procedure: "fusertest_undo", args: () => ({}) };
    expect(await write(undo)).toMatchObject({ state: "rejected", message: expect.stringContaining("Mietvertrag fehlt") });
    expect(await said()).toEqual([]);
  });

  it("a number of a sequence is drawn by an `sql:` step, and is not drawn twice after a rollback", async () => {
    const next: PlanStep = {
      kind: "sql",
      sql: "SELECT NEXT VALUE FOR dbo.fusertest_numbers AS nr",
      parameters: () => ({}),
      out: { number: "nr" },
    };
    expect(resultsOf(await write(next))).toEqual({ number: 1 });
    expect(await write(next, say({ words: "one two three" }))).toMatchObject({ state: "rejected" });
    const use: PlanStep = {
      kind: "insert",
      table: "fusertest_said",
      values: (results) => ({ id: results.get("number") ?? null, words: "c" }),
    };
    expect(resultsOf(await write(next, use))).toEqual({ number: 3 });
    expect(await said()).toEqual([["3", "c"]]);
  });
});
