// Plan steps `call`: procedures and functions of the ERP, on every database that has them.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Connector, PlanStep, StepResults, WriteOutcome, WritePlan } from "../../connectors/connector.ts";
import { never, type ProcedureName, type Subject } from "./erp/subject.ts";
import { able } from "./erp/subjects.ts";

let last = 0;

describe.each(able("call"))("$name: calling procedures", ({ make }) => {
  let erp: Subject;
  let connector: Connector;
  beforeAll(async () => {
    erp = await make();
    if (erp.procedures === undefined)
      throw new Error("A database whose connector calls procedures says in its subject how they are made");
    await erp.run("CREATE TABLE fusertest_counters (name VARCHAR(20) NOT NULL PRIMARY KEY, value INTEGER NOT NULL)");
    await erp.run(`CREATE TABLE fusertest_ledger (command_id ${erp.type("key")} NOT NULL PRIMARY KEY, results VARCHAR(2000))`);
    for (const statement of [...erp.procedures.drop, ...Object.values(erp.procedures.make).flat()]) await erp.run(statement);
    connector = await erp.open();
  });
  afterAll(async () => {
    await connector?.close();
    for (const statement of erp?.procedures?.drop ?? []) await erp.run(statement);
    await erp?.[Symbol.asyncDispose]();
  });
  beforeEach(async () => {
    await erp.run("DELETE FROM fusertest_counters");
    await erp.run("DELETE FROM fusertest_ledger");
    await erp.run("INSERT INTO fusertest_counters VALUES ('tickets', 41)");
  });

  function planOf(step: PlanStep, more: Partial<WritePlan> = {}): WritePlan {
    last += 1;
    return {
      commandId: `call-${last}`,
      idempotency: { way: "ledger", table: "fusertest_ledger", commandId: `call-${last}` },
      mayBeRepeated: false,
      steps: [step],
      resultKey: () => ["1"],
      found: {},
      rehearse: false,
      ...more,
    };
  }
  const write = (step: PlanStep, more?: Partial<WritePlan>): Promise<WriteOutcome> => connector.write(planOf(step, more), never);
  const resultsOf = (outcome: WriteOutcome) => Object.fromEntries((outcome as { results: StepResults }).results);
  const counters = () => erp.rows("SELECT name, value FROM fusertest_counters ORDER BY name");
  const has = (name: ProcedureName): boolean => (erp.procedures?.make[name].length ?? 0) > 0;

  const next: PlanStep = {
    kind: "call",
    procedure: "fusertest_next",
    args: () => ({ circle: "tickets", step: "3" }),
    out: { number: "nr", raised: "step", at: "stamp", cost: "amount", label: "words" },
  };

  it("values go in by their names, and OUT and INOUT parameters come back as what they are", async () => {
    const outcome = await write(next);
    expect(outcome).toMatchObject({ state: "applied" });
    expect(resultsOf(outcome)).toEqual({
      number: 44,
      raised: 6,
      at: "2026-10-25T02:30:00.5",
      cost: "1234567890.1234",
      label: "Größe 🏠",
    });
    expect(await counters()).toEqual([["tickets", "44"]]);
  });

  it("results of a call are used by later steps", async () => {
    const insert: PlanStep = {
      kind: "insert",
      table: "fusertest_counters",
      values: (results) => ({ name: "later", value: results.get("number") ?? null }),
    };
    const outcome = await connector.write({ ...planOf(next), steps: [next, insert] }, never);
    expect(outcome).toMatchObject({ state: "applied" });
    expect(await counters()).toEqual([
      ["later", "44"],
      ["tickets", "44"],
    ]);
  });

  it("of a result set the first row's columns are results, and what the procedure does behind it is done", async () => {
    const step: PlanStep = {
      kind: "call",
      procedure: "fusertest_list",
      args: () => ({ circle: "tickets" }),
      rows: { who: "NAME", much: "value" },
    };
    await erp.run("INSERT INTO fusertest_counters VALUES ('before', 1)");
    expect(resultsOf(await write(step))).toEqual({ who: "tickets", much: 41 });
    expect((await counters()).map(([name]) => name)).toEqual(["before", "listed", "tickets"]);
  });

  it("what a function returns is a result", async () => {
    const step: PlanStep = { kind: "call", procedure: "fusertest_twice", args: () => ({ n: "21" }), returns: "answer" };
    expect(resultsOf(await write(step))).toEqual({ answer: 42 });
  });

  it("a call is part of the transaction: what fails behind it takes it back, and a repetition finds what was done", async () => {
    const bad: PlanStep = { kind: "insert", table: "fusertest_counters", values: () => ({ name: "tickets", value: 1 }) };
    expect(await connector.write({ ...planOf(next), steps: [next, bad] }, never)).toMatchObject({ state: "rejected" });
    expect(await counters()).toEqual([["tickets", "41"]]);
    const plan = planOf(next);
    const first = await connector.write(plan, never);
    const again = await connector.write({ ...plan, mayBeRepeated: true }, never);
    expect(again).toMatchObject({ state: "applied", repeated: true });
    expect(resultsOf(again)).toEqual(resultsOf(first));
    expect(await counters()).toEqual([["tickets", "44"]]);
  });

  it("a rehearsal shows the call and takes its work back", async () => {
    const outcome = await write(next, { rehearse: true });
    expect(outcome).toMatchObject({ state: "rehearsed" });
    const { statements } = outcome as Extract<WriteOutcome, { state: "rehearsed" }>;
    expect(statements).toHaveLength(1);
    expect(statements[0]?.sql.toLowerCase()).toContain("fusertest_next");
    expect(statements[0]?.parameters).toContain("tickets");
    expect(await counters()).toEqual([["tickets", "41"]]);
  });

  it("an error that the procedure raises is the ERP's refusal, in its words, and leaves nothing behind", async () => {
    const step: PlanStep = { kind: "call", procedure: "fusertest_refuse", args: () => ({ words: "Objekt ist gesperrt" }) };
    const outcome = await write(step);
    expect(outcome).toMatchObject({
      state: "rejected",
      code: "erp-refused",
      message: expect.stringContaining("Objekt ist gesperrt"),
    });
    expect(await counters()).toEqual([["tickets", "41"]]);
  });

  it.each(["fusertest_commits", "fusertest_commits_and_fails"])(
    "%s, which commits by itself, makes the command uncertain, whatever comes of it afterwards",
    async (procedure) => {
      if (!has(procedure === "fusertest_commits" ? "commits" : "commitsAndFails")) return;
      const plan = planOf({ kind: "call", procedure, args: () => ({ circle: "own" }) });
      expect(await connector.write(plan, never)).toMatchObject({ state: "uncertain" });
      expect((await counters()).map(([name]) => name)).toEqual(["own", "tickets"]);
      // A repetition does not run it again: the ledger's entry was committed along with it.
      expect(await connector.write({ ...plan, mayBeRepeated: true }, never)).toMatchObject({ state: "uncertain" });
      expect((await counters()).map(([name]) => name)).toEqual(["own", "tickets"]);
    },
  );

  it("check names a procedure that is not there, and one that seems to commit by itself", async () => {
    const calls = ["fusertest_next", "fusertest_twice", "fusertest_nowhere", ...(has("commits") ? ["fusertest_commits"] : [])];
    const findings = await connector.check(never, { read: [], write: [], calls });
    const told = findings
      .filter(({ place }) => place?.includes("fusertest_"))
      .map(({ code, place, severity }) => [code, place, severity]);
    expect(told).toEqual([
      ["erp-object-missing", "fusertest_nowhere", "error"],
      ...(has("commits") ? [["erp-procedure-commits", "fusertest_commits", "warning"]] : []),
    ]);
  });

  it.each<[string, PlanStep, string]>([
    ["a procedure that is not there", { kind: "call", procedure: "fusertest_nowhere", args: () => ({}) }, "erp-object-missing"],
    [
      "a parameter that it does not take",
      { ...next, args: () => ({ circle: "a", step: "1", more: "2" }) } as PlanStep,
      "erp-parameter-unknown",
    ],
    ["a parameter without a value", { ...next, args: () => ({ step: "1" }) } as PlanStep, "erp-parameter-unknown"],
    ["a parameter that it does not give back", { ...next, out: { x: "circle" } } as PlanStep, "erp-parameter-unknown"],
  ])("%s is a fault of the configuration and nothing is written", async (_, step, code) => {
    await expect(write(step)).rejects.toMatchObject({ kind: "config", code });
    expect(await counters()).toEqual([["tickets", "41"]]);
    expect(await erp.rows("SELECT command_id FROM fusertest_ledger")).toEqual([]);
  });
});
