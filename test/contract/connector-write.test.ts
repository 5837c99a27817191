import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Connector, Idempotency, PlanStep, StepResults, WritePlan } from "../../connectors/connector.ts";
import { never, type Subject } from "./erp/subject.ts";
import { able } from "./erp/subjects.ts";

let last = 0;
/** What fills required columns: where an empty text is NULL, a blank. */
let blanks = { text: "", integer: "0" };

/** A plan that inserts one ticket; the command's id goes to FOREIGN_ID. */
function planOf(commandId: string, idempotency: Idempotency, more: Partial<WritePlan> = {}): WritePlan {
  const insert: PlanStep = {
    kind: "insert",
    table: "fusertest_tickets",
    values: () => ({ title: `ticket of ${commandId}`, foreign_id: commandId }),
    blanks,
    returning: { id: "id" },
  };
  return {
    commandId,
    idempotency,
    mayBeRepeated: false,
    steps: [insert],
    resultKey: (results: StepResults) => [results.get("id") ?? null],
    found: { id: "id" },
    rehearse: false,
    ...more,
  };
}

const byColumn = (id: string): Idempotency => ({ way: "column", table: "fusertest_tickets", column: "foreign_id", value: id });
const byLedger = (id: string): Idempotency => ({ way: "ledger", table: "fusertest_ledger", commandId: id });
const byProbe = (id: string): Idempotency => ({
  way: "probe",
  sql: "SELECT id FROM fusertest_tickets WHERE foreign_id = :command.id",
  parameters: { "command.id": id },
  exact: true,
});
const ways: [string, (id: string) => Idempotency][] = [
  ["a column under a unique index", byColumn],
  ["a ledger", byLedger],
  ["an exact probe", byProbe],
];

describe.each(able("write"))("$name: writing", ({ make }) => {
  let erp: Subject;
  let connector: Connector;
  const count = async (where = "1 = 1"): Promise<number> =>
    Number((await erp.rows(`SELECT COUNT(*) FROM fusertest_tickets WHERE ${where}`))[0]?.[0]);
  const nextId = (): string => {
    last += 1;
    return `command-${last}`;
  };

  beforeAll(async () => {
    erp = await make();
    blanks = { text: erp.emptyIsNull ? " " : "", integer: "0" };
    await erp.run(
      `CREATE TABLE fusertest_tickets (id ${erp.type("autoKey")}, title ${erp.type("words")} NOT NULL, place VARCHAR(20) NOT NULL, urgency INTEGER NOT NULL, status CHAR(3), cost DECIMAL(10,2), due ${erp.type("stamp")}, foreign_id VARCHAR(40) UNIQUE)`,
    );
    await erp.run(
      "CREATE TABLE fusertest_orders (client CHAR(3) NOT NULL, nr INTEGER NOT NULL, words VARCHAR(40), PRIMARY KEY (client, nr))",
    );
    await erp.run("CREATE TABLE fusertest_counters (name VARCHAR(20) NOT NULL PRIMARY KEY, value INTEGER NOT NULL)");
    await erp.run("INSERT INTO fusertest_counters VALUES ('tickets', 41)");
    await erp.run(`CREATE TABLE fusertest_ledger (command_id ${erp.type("key")} NOT NULL PRIMARY KEY, results VARCHAR(2000))`);
    await erp.run("CREATE TABLE fusertest_refs (entity INTEGER NOT NULL, ref VARCHAR(20) NOT NULL, PRIMARY KEY (entity, ref))");
    await erp.run(
      `CREATE TABLE fusertest_lines (nr INTEGER NOT NULL, line INTEGER NOT NULL, words ${erp.type("words")} NOT NULL, PRIMARY KEY (nr, line))`,
    );
    connector = await erp.open();
  });
  afterAll(async () => {
    await connector?.close();
    await erp?.[Symbol.asyncDispose]();
  });
  beforeEach(async () => {
    await erp.run("DELETE FROM fusertest_tickets");
    await erp.run("DELETE FROM fusertest_orders");
  });

  describe.each(ways)("by %s", (_, way) => {
    it("a plan is written once and a repetition finds it with the same key", async () => {
      const id = nextId();
      const first = await connector.write(planOf(id, way(id)), never);
      expect(first).toMatchObject({ state: "applied", repeated: false });
      const again = await connector.write(planOf(id, way(id), { mayBeRepeated: true }), never);
      expect(again).toMatchObject({ state: "applied", repeated: true, key: (first as { key: string }).key });
      expect(await count()).toBe(1);
    });

    it("a repetition that is not announced as one finds the effect all the same", async () => {
      const id = nextId();
      await connector.write(planOf(id, way(id)), never);
      expect(await connector.write(planOf(id, way(id)), never)).toMatchObject({ state: "applied", repeated: true });
      expect(await count()).toBe(1);
    });

    it("what fails leaves nothing of the plan behind", async () => {
      const id = nextId();
      const bad: PlanStep = { kind: "insert", table: "fusertest_orders", values: () => ({ client: "001", nr: null }) };
      const plan = planOf(id, way(id));
      const outcome = await connector.write({ ...plan, steps: [...plan.steps, bad] }, never);
      expect(outcome).toMatchObject({ state: "rejected", code: "erp-not-null" });
      expect(await count()).toBe(0);
      expect(await connector.write({ ...plan, mayBeRepeated: true }, never)).toMatchObject({ state: "applied", repeated: false });
    });

    it("a rehearsal gives the statements with their values and leaves nothing behind", async () => {
      const id = nextId();
      const outcome = await connector.write(planOf(id, way(id), { rehearse: true }), never);
      expect(outcome.state).toBe("rehearsed");
      const statements = (outcome as Extract<typeof outcome, { state: "rehearsed" }>).statements;
      expect(statements.map(({ sql }) => sql)).toEqual([
        expect.stringMatching(/^INSERT INTO .*tickets.* VALUES \(\?, \?, \?, \?\)$/i),
      ]);
      expect(statements[0]?.parameters.map(String)).toEqual([`ticket of ${id}`, id, blanks.text, blanks.integer]);
      expect(await count()).toBe(0);
    });

    it("a failure before the commit leaves nothing, one after it leaves all", async () => {
      const before = nextId();
      const failAt = (wanted: string) => async (point: string) => {
        if (point === wanted) throw new Error(`stopped at ${wanted}`);
      };
      await expect(connector.write(planOf(before, way(before)), never, failAt("before-erp-commit"))).rejects.toThrow(
        "before-erp-commit",
      );
      expect(await count()).toBe(0);
      await expect(
        connector.write(planOf(before, way(before), { mayBeRepeated: true }), never, failAt("after-erp-commit")),
      ).rejects.toThrow("after-erp-commit");
      expect(await count()).toBe(1);
      expect(await connector.write(planOf(before, way(before), { mayBeRepeated: true }), never)).toMatchObject({
        state: "applied",
        repeated: true,
      });
      expect(await count()).toBe(1);
    });
  });

  it("a probe by content never says that a possible repetition was carried out", async () => {
    const id = nextId();
    const way: Idempotency = {
      way: "probe",
      sql: "SELECT id FROM fusertest_tickets WHERE title = :t",
      parameters: { t: `ticket of ${id}` },
      exact: false,
    };
    expect(await connector.write(planOf(id, way), never)).toMatchObject({ state: "applied", repeated: false });
    expect(await connector.write(planOf(id, way, { mayBeRepeated: true }), never)).toMatchObject({ state: "uncertain" });
    await erp.run("DELETE FROM fusertest_tickets");
    expect(await connector.write(planOf(id, way, { mayBeRepeated: true }), never)).toMatchObject({ state: "uncertain" });
    expect(await count()).toBe(0);
  });

  it("later steps use the results of earlier ones, and a step whose condition is false is left out", async () => {
    const id = nextId();
    const plan = planOf(id, byColumn(id));
    const steps: PlanStep[] = [
      {
        kind: "number",
        as: "nr",
        from: { counter: { table: "fusertest_counters", column: "value", key: () => ({ name: "tickets" }) } },
      },
      ...plan.steps,
      {
        kind: "sql",
        sql: "SELECT title, urgency + 1 AS more FROM fusertest_tickets WHERE id = :id",
        parameters: (r) => ({ id: r.get("id") ?? null }),
        out: { name: "title", more: "more" },
      },
      {
        kind: "insert",
        table: "fusertest_orders",
        values: (r) => ({ client: "001", nr: r.get("nr") ?? null, words: r.get("name") ?? null }),
      },
      { kind: "insert", table: "fusertest_orders", values: () => ({ client: "002", nr: 1 }), when: (r) => r.get("nr") === 0 },
    ];
    const outcome = await connector.write({ ...plan, steps }, never);
    expect(outcome).toMatchObject({ state: "applied" });
    expect(await erp.rows("SELECT nr, words FROM fusertest_orders")).toEqual([["42", `ticket of ${id}`]]);
    expect(await erp.rows("SELECT value FROM fusertest_counters")).toEqual([["42"]]);
    expect((outcome as { results: StepResults }).results.get("more")).toBe(1);
  });

  it("the next number of a column starts at one and is taken again when another writer was first", async () => {
    const number: PlanStep = {
      kind: "number",
      as: "nr",
      from: { max: { table: "fusertest_orders", column: "nr", where: () => ({ client: "001" }) } },
    };
    const insert: PlanStep = {
      kind: "insert",
      table: "fusertest_orders",
      values: (r) => ({ client: "001", nr: r.get("nr") ?? null }),
    };
    const plan = (): WritePlan => ({
      ...planOf(nextId(), { way: "base" }),
      steps: [number, insert],
      resultKey: (r) => ["001", r.get("nr") ?? null],
    });
    expect(await connector.write(plan(), never)).toMatchObject({ state: "applied", key: "001.1" });
    const others = await Promise.all([connector.write(plan(), never), connector.write(plan(), never)]);
    expect(others.map((outcome) => (outcome as { key: string }).key).sort()).toEqual(["001.2", "001.3"]);
  });

  it("a number within a text follows the highest of those that the pattern finds, past its width too, and is taken again when it exists", async () => {
    for (const [entity, ref] of [
      [1, "TS2610-0041"],
      [1, "TS2611-0007"],
      [1, "TS2611-junk"],
      [1, "PR2611-9000"],
      [2, "TS2611-0500"],
    ] as const)
      await erp.run("INSERT INTO fusertest_refs VALUES (?, ?)", [entity, ref]);
    const plan = (
      like: string,
      written = (number: bigint): string => `TS2611-${String(number).padStart(4, "0")}`,
    ): WritePlan => ({
      ...planOf(nextId(), { way: "base" }),
      steps: [
        {
          kind: "number",
          as: "ref",
          from: { max: { table: "fusertest_refs", column: "ref", where: () => ({ entity: 1 }), part: { from: 8, like } } },
          written,
        },
        { kind: "insert", table: "fusertest_refs", values: (r) => ({ entity: 1, ref: r.get("ref") ?? null }) },
      ],
      resultKey: (r) => [r.get("ref") ?? null],
    });
    const drawn = async (...of: Parameters<typeof plan>) => (await connector.write(plan(...of), never)) as { key?: string };
    expect(await drawn("TS____-%")).toMatchObject({ state: "applied", key: "TS2611-0042" });
    expect(await drawn("TS2609-%")).toMatchObject({ state: "applied", key: "TS2611-0001" });
    let tries = 0;
    const late = (number: bigint): string => (tries++ === 0 ? "TS2611-0007" : `TS2611-${number + 9_000n}`);
    expect(await drawn("TS2611-00%", late)).toMatchObject({ state: "applied", key: "TS2611-9043" });
    expect(tries).toBe(2);
    await erp.run("INSERT INTO fusertest_refs VALUES (1, 'TS2611-9999')");
    expect(await drawn("TS2611-%")).toMatchObject({ state: "applied", key: "TS2611-10000" });
    expect(await drawn("TS2611-%")).toMatchObject({ state: "applied", key: "TS2611-10001" });
  });

  it("blanks fill required columns of every type, and none that the plan writes or that may be empty", async () => {
    // Oracle has no type for a time alone, and older servers none for truth.
    const oracle = erp.emptyIsNull === true;
    const [clock, truth] = oracle ? ["VARCHAR(8)", "INTEGER"] : ["TIME", erp.name === "SQL Server" ? "BIT" : "BOOLEAN"];
    await erp.run(
      `CREATE TABLE fusertest_blanks (nr INTEGER NOT NULL PRIMARY KEY, day DATE NOT NULL, moment ${erp.type("stamp")} NOT NULL, clock ${clock} NOT NULL, truth ${truth} NOT NULL, cost DECIMAL(10,2) NOT NULL, due DATE)`,
    );
    const names = ["day", "moment", "clock", "truth", "cost", "due"];
    const step: PlanStep = {
      kind: "insert",
      table: "fusertest_blanks",
      values: () => ({ nr: 1, moment: "2026-03-29T02:30:00" }),
      blanks: {
        text: "00:00:00",
        integer: "0",
        date: "1753-01-01",
        datetime: "1754-01-01T00:00:00",
        time: "00:00:00",
        boolean: false,
      },
      returning: Object.fromEntries(names.map((name) => [name, name])),
    };
    const plan: WritePlan = { ...planOf(nextId(), { way: "base" }), steps: [step], resultKey: () => [1] };
    const outcome = await connector.write(plan, never);
    expect(outcome).toMatchObject({ state: "applied" });
    const { results } = outcome as { results: StepResults };
    // Oracle's DATE has a time.
    expect(String(results.get("day")).slice(0, 10)).toBe(oracle ? "1754-01-01" : "1753-01-01");
    expect([results.get("moment"), results.get("clock"), Number(results.get("truth")), Number(results.get("cost"))]).toEqual([
      "2026-03-29T02:30:00",
      "00:00:00",
      0,
      0,
    ]);
    expect(results.get("due")).toBe(null);
  });

  it("a staged row is told as such until the ERP has taken it over or refused it, and is found wherever the ERP has moved it", async () => {
    const columns = "(ext VARCHAR(40) NOT NULL PRIMARY KEY, words VARCHAR(40), status CHAR(3), nr INTEGER, reason VARCHAR(40))";
    for (const name of ["staging", "archive"]) await erp.run(`CREATE TABLE fusertest_${name} ${columns}`);
    const probe = ["staging", "archive"].map(
      (name) => `SELECT nr, status, reason FROM fusertest_${name} WHERE ext = :command.id`,
    );
    const plan = (id: string): WritePlan => ({
      ...planOf(id, { way: "probe", sql: probe.join(" UNION ALL "), parameters: { "command.id": id }, exact: true }),
      steps: [{ kind: "insert", table: "fusertest_staging", values: () => ({ ext: id, words: "a" }) }],
      resultKey: (results) => [results.get("nr") ?? null],
      found: { nr: "nr" },
      staging: { status: "status", accepted: ["2"], refused: ["9"], reason: "reason", pollMs: 1_000 },
    });
    const [taken, refused] = [nextId(), nextId()];
    expect(await connector.lookup(plan(taken), never)).toEqual({ state: "absent" });
    for (const id of [taken, refused]) expect(await connector.write(plan(id), never)).toEqual({ state: "staged" });
    expect(await connector.lookup(plan(taken), never)).toEqual({ state: "staged" });
    await erp.run("UPDATE fusertest_staging SET status = '1'");
    expect(await connector.write(plan(taken), never)).toEqual({ state: "staged" });
    await erp.run("UPDATE fusertest_staging SET status = '9', reason = 'gesperrt' WHERE ext = ?", [refused]);
    await erp.run("INSERT INTO fusertest_archive VALUES (?, 'a', '2', 4711, NULL)", [taken]);
    await erp.run("DELETE FROM fusertest_staging WHERE ext = ?", [taken]);
    expect(await connector.lookup(plan(taken), never)).toMatchObject({ state: "found", key: "4711" });
    expect(await connector.write(plan(taken), never)).toMatchObject({ state: "applied", repeated: true, key: "4711" });
    const no = { state: "rejected", code: "erp-staging-refused", reason: "gesperrt" };
    expect(await connector.lookup(plan(refused), never)).toMatchObject(no);
    expect(await connector.write(plan(refused), never)).toMatchObject(no);
    expect(await erp.rows("SELECT COUNT(*) FROM fusertest_staging")).toEqual([["1"]]);
  });

  it("a text goes into a table of lines row by row, empty lines and blanks at the ends included", async () => {
    const lines = ["Wasser läuft aus der Decke im Bad ", "", "  seit gestern 🏠"];
    const steps = lines.map((words, index): PlanStep => {
      return { kind: "insert", table: "fusertest_lines", values: () => ({ nr: 1, line: index + 1, words }), blanks };
    });
    const id = nextId();
    const plan = planOf(id, byColumn(id));
    expect(await connector.write({ ...plan, steps: [...plan.steps, ...steps] }, never)).toMatchObject({ state: "applied" });
    const kept = await erp.rows("SELECT words FROM fusertest_lines WHERE nr = 1 ORDER BY line");
    expect(kept.map(([words]) => words)).toEqual(lines.map((words) => (words === "" ? blanks.text : words)));
  });

  it("an update writes what stands at its base, passes what is done, and reports anything else as a conflict", async () => {
    await erp.run(
      "INSERT INTO fusertest_tickets (title, place, urgency, status, cost, due, foreign_id) VALUES ('a', 'b', 1, 'N', 12.50, '2026-01-31 10:00:00', 'x')",
    );
    const [[key]] = (await erp.rows("SELECT id FROM fusertest_tickets")) as [[string]];
    const plan = (values: Record<string, string | number | null>, base: Record<string, string | number | null>): WritePlan => ({
      ...planOf(nextId(), { way: "base" }),
      steps: [
        {
          kind: "update",
          table: "fusertest_tickets",
          key: () => ({ id: key }),
          values: () => values,
          base: () => base,
          expectRows: 1,
        },
      ],
      resultKey: () => [key],
    });
    const done = await connector.write(
      plan({ status: "J", cost: "13.5", due: "2026-02-01T10:00:00" }, { status: "N", cost: "12.5", due: "2026-01-31T10:00:00" }),
      never,
    );
    expect(done).toMatchObject({ state: "applied", key });
    const again = plan(
      { status: "J", cost: "13.50", due: "2026-02-01T10:00:00" },
      { status: "N", cost: "12.50", due: "2026-01-31T10:00:00" },
    );
    expect(await connector.write({ ...again, mayBeRepeated: true }, never)).toMatchObject({ state: "applied" });
    const conflict = await connector.write(plan({ status: "X", title: "z" }, { status: "N", title: "a" }), never);
    expect(conflict).toEqual({
      state: "conflict",
      fields: [{ column: erp.catalogued?.("status") ?? "status", base: "N", current: "J", wanted: "X" }],
    });
    expect((await erp.rows("SELECT title, status FROM fusertest_tickets"))[0]?.[0]).toBe("a");
    expect(await connector.write(plan({ status: null }, { status: "J" }), never)).toMatchObject({ state: "applied" });
    expect(await erp.rows("SELECT status FROM fusertest_tickets")).toEqual([[null]]);
  });

  it("an update overrules only what it may, tells of it before its commit, writes over what a person has seen, and overrules nothing as a repetition", async () => {
    await erp.run(
      "INSERT INTO fusertest_tickets (title, place, urgency, status, cost, due, foreign_id) VALUES ('theirs', 'b', 1, 'X', 12.50, '2026-01-31 10:00:00', 'x')",
    );
    const [[key]] = (await erp.rows("SELECT id FROM fusertest_tickets")) as [[string]];
    const named = (column: string): string => erp.catalogued?.(column) ?? column;
    const dispute = (column: string, current: string, wanted: string) => ({ column: named(column), base: "a", current, wanted });
    const told: string[] = [];
    const write = (values: Record<string, string>, more: Partial<WritePlan> = {}): ReturnType<typeof connector.write> => {
      const base = Object.fromEntries(Object.keys(values).map((column) => [column, "a"]));
      const update: PlanStep = {
        ...{ kind: "update", table: "fusertest_tickets", key: () => ({ id: key }), values: () => values, base: () => base },
        ...{ overrule: ["title"], expectRows: 1 },
      };
      const overruling: WritePlan["overruling"] = (fields) =>
        void told.push(...fields.map(({ current }) => `told of ${current}`));
      const plan = { ...planOf(nextId(), { way: "base" }), steps: [update], resultKey: () => [key], overruling, ...more };
      return connector.write(plan, never, async (point) => void told.push(point));
    };
    const stands = () => erp.rows("SELECT title, status FROM fusertest_tickets");
    const disputed = (...fields: ReturnType<typeof dispute>[]) => ({ state: "conflict", fields });
    // Without somebody who is told, and where it may be its own effect that was changed since.
    expect(await write({ title: "ours" }, { overruling: undefined })).toEqual(disputed(dispute("title", "theirs", "ours")));
    expect(await write({ title: "ours" }, { mayBeRepeated: true })).toEqual(disputed(dispute("title", "theirs", "ours")));
    // One command is one change.
    expect(await write({ title: "ours", status: "J" })).toEqual(
      disputed(dispute("status", "X", "J"), dispute("title", "theirs", "ours")),
    );
    expect(await write({ title: "ours", status: "J" }, { seen: { [named("status")]: "Y" } })).toMatchObject({
      state: "conflict",
    });
    expect([told, await stands()]).toEqual([[], [["theirs", "X"]]]);
    expect(await write({ title: "ours", status: "J" }, { seen: { [named("status")]: "X" } })).toMatchObject({ state: "applied" });
    expect(told).toEqual(["told of theirs", "before-erp-commit", "after-erp-commit"]);
    expect(await stands()).toEqual([["ours", "J"]]);
  });

  it("an update raises the row's version by one, only where it changes something, and writes to the row of that version alone", async () => {
    await erp.run("INSERT INTO fusertest_orders VALUES ('001', 7, 'a')");
    const update = (words: string, values: Record<string, string> = {}): WritePlan => ({
      ...planOf(nextId(), { way: "base" }),
      steps: [
        {
          kind: "update",
          table: "fusertest_orders",
          key: () => ({ client: "001" }),
          values: () => ({ words, ...values }),
          version: "nr",
          expectRows: 1,
        },
      ],
      resultKey: () => ["001"],
    });
    const stands = () => erp.rows("SELECT nr, words FROM fusertest_orders");
    expect(await connector.write(update("b"), never)).toMatchObject({ state: "applied" });
    expect(await stands()).toEqual([["8", "b"]]);
    expect(await connector.write({ ...update("b"), mayBeRepeated: true }, never)).toMatchObject({ state: "applied" });
    expect(await stands()).toEqual([["8", "b"]]);
    const rehearsed = await connector.write({ ...update("c"), rehearse: true }, never);
    const { statements } = rehearsed as Extract<typeof rehearsed, { state: "rehearsed" }>;
    const written = statements.find(({ sql }) => sql.startsWith("UPDATE"));
    expect(written?.sql).toMatch(/SET .*words.* = .*nr.* = .* WHERE .*client.* AND .*nr/is);
  });

  it("a repeated update leaves alone what somebody else has stamped since, and takes codes of one meaning for the same", async () => {
    await erp.run(
      "INSERT INTO fusertest_tickets (title, place, urgency, status, cost, due, foreign_id) VALUES ('a', 'b', 1, 'N', 12.50, '2026-01-31 10:00:00', 'x')",
    );
    const [[key]] = (await erp.rows("SELECT id FROM fusertest_tickets")) as [[string]];
    const update = (values: Record<string, string>, base: Record<string, string>): WritePlan => ({
      ...planOf(nextId(), { way: "base" }),
      mayBeRepeated: true,
      steps: [
        {
          kind: "update",
          table: "fusertest_tickets",
          key: () => ({ id: key }),
          values: () => values,
          base: () => base,
          alike: { status: [["N", "M"]] },
          along: ["title"],
          expectRows: 1,
        },
      ],
      resultKey: () => [key],
    });
    const stands = () => erp.rows("SELECT title, status FROM fusertest_tickets");
    expect(await connector.write(update({ status: "J", title: "by us" }, { status: "M" }), never)).toMatchObject({
      state: "applied",
    });
    expect(await stands()).toEqual([["by us", "J"]]);
    await erp.run("UPDATE fusertest_tickets SET title = 'by a clerk'");
    expect(await connector.write(update({ status: "J", title: "by us" }, { status: "N" }), never)).toMatchObject({
      state: "applied",
    });
    expect(await stands()).toEqual([["by a clerk", "J"]]);
    await erp.run("UPDATE fusertest_tickets SET status = 'M'");
    expect(await connector.write(update({ status: "N", title: "by us" }, { status: "J" }), never)).toMatchObject({
      state: "applied",
    });
    expect(await stands()).toEqual([["by a clerk", "M"]]);
    expect(await connector.write(update({ status: "X", title: "by us" }, { status: "J" }), never)).toMatchObject({
      state: "conflict",
    });
  });

  it("a look-up of updates tells whether the rows stand as before them, and never that they were carried out", async () => {
    await erp.run(
      "INSERT INTO fusertest_tickets (title, place, urgency, status, cost, due, foreign_id) VALUES ('a', 'b', 1, 'N', 12.50, '2026-01-31 10:00:00', 'x')",
    );
    const [[key]] = (await erp.rows("SELECT id FROM fusertest_tickets")) as [[string]];
    const asBefore = async (id: string, values: Record<string, string>, base: Record<string, string> | undefined) => {
      const step = {
        kind: "update",
        table: "fusertest_tickets",
        key: () => ({ id }),
        values: () => values,
        expectRows: 1,
      } as const;
      const steps = [base === undefined ? step : { ...step, base: () => base }];
      const seen = await connector.lookup({ ...planOf(nextId(), { way: "base" }), steps, resultKey: () => [id] }, never);
      expect(seen.state).toBe("unknown");
      return seen.state === "unknown" && seen.asBefore;
    };
    expect(await asBefore(key, { status: "J", title: "a" }, { status: "N", title: "a" })).toBe(true);
    expect(await asBefore(key, { status: "N" }, { status: "J" })).toBe(false);
    expect(await asBefore(key, { status: "J" }, { status: "X" })).toBe(false);
    expect(await asBefore(key, { title: "a" }, { title: "a" })).toBe(false);
    expect(await asBefore(key, { status: "J", title: "z" }, undefined)).toBe(true);
    expect(await asBefore(key, { status: "J", title: "a" }, undefined)).toBe(false);
    expect(await asBefore("999", { status: "J" }, { status: "N" })).toBe(true);
    expect(await erp.rows("SELECT title, status FROM fusertest_tickets")).toEqual([["a", "N"]]);
  });

  it("an update of a row that is not there is refused", async () => {
    const step: PlanStep = {
      kind: "update",
      table: "fusertest_tickets",
      key: () => ({ id: 999_999 }),
      values: () => ({ status: "J" }),
      expectRows: 1,
    };
    const outcome = await connector.write({ ...planOf(nextId(), { way: "base" }), steps: [step] }, never);
    expect(outcome).toMatchObject({ state: "rejected", code: "erp-row-missing" });
  });

  it.each([
    ["a text that is too long", { title: "x".repeat(41) }, "erp-value-too-long"],
    ["an empty required column", { title: null }, "erp-not-null"],
    ["a key that exists", { title: "a", foreign_id: "taken" }, "erp-duplicate"],
  ])("%s is refused with its code", async (_, values, code) => {
    await erp.run("INSERT INTO fusertest_tickets (title, place, urgency, foreign_id) VALUES ('a', 'b', 1, 'taken')");
    const step: PlanStep = {
      kind: "insert",
      table: "fusertest_tickets",
      values: () => values,
      blanks,
    };
    const outcome = await connector.write({ ...planOf(nextId(), { way: "base" }), steps: [step] }, never);
    expect(outcome).toMatchObject({ state: "rejected", code });
    expect(await count()).toBe(1);
  });

  it("an SQL step may not end the transaction", async () => {
    const step: PlanStep = { kind: "sql", sql: "COMMIT", parameters: () => ({}) };
    await expect(connector.write({ ...planOf(nextId(), { way: "base" }), steps: [step] }, never)).rejects.toMatchObject({
      kind: "config",
      code: "erp-sql-forbidden",
    });
  });

  it("a missing table or column is a fault of the configuration and nothing is written", async () => {
    const id = nextId();
    const plan = planOf(id, byColumn(id));
    const bad: PlanStep = { kind: "insert", table: "nowhere", values: () => ({ a: 1 }) };
    await expect(connector.write({ ...plan, steps: [...plan.steps, bad] }, never)).rejects.toMatchObject({
      kind: "config",
      code: "erp-object-missing",
    });
    const worse: PlanStep = { kind: "insert", table: "fusertest_orders", values: () => ({ nothing: 1 }) };
    await expect(connector.write({ ...plan, steps: [...plan.steps, worse] }, never)).rejects.toMatchObject({
      kind: "config",
      code: "erp-object-missing",
    });
    expect(await count()).toBe(0);
  });

  it("what a trigger of the ERP quietly drops or changes is noticed before the commit", async () => {
    await erp.run(erp.swallow("fusertest_tickets", "foreign_id"));
    try {
      const id = nextId();
      expect(await connector.write(planOf(id, byColumn(id)), never)).toMatchObject({
        state: "rejected",
        code: "erp-write-swallowed",
      });
      expect(await count()).toBe(0);
    } finally {
      await erp.run(erp.unswallow("fusertest_tickets"));
    }
  });

  it("exact values reach the ERP and come back unchanged", async () => {
    const id = nextId();
    const title = "Ümläut 🏠 'quote' \\ \"x\" ; -- ?";
    const values = { title, cost: "99999999.99", due: "2026-03-29T02:30:00", status: "ä", foreign_id: id };
    const step: PlanStep = {
      kind: "insert",
      table: "fusertest_tickets",
      values: () => values,
      blanks,
      returning: { id: "id", title: "title", cost: "cost", due: "due", status: "status" },
    };
    const outcome = await connector.write({ ...planOf(id, byColumn(id)), steps: [step] }, never);
    expect(Object.fromEntries((outcome as { results: StepResults }).results)).toMatchObject({
      title,
      cost: "99999999.99",
      due: "2026-03-29T02:30:00",
      status: "ä",
    });
  });

  it("check names every missing table at once and finds nothing wrong with the others", async () => {
    const findings = await connector.check(never, { read: ["fusertest_tickets", "lost1"], write: ["fusertest_orders", "lost2"] });
    const errors = findings.filter(({ severity }) => severity === "error");
    expect(errors.map(({ code, place }) => [code, place]).sort()).toEqual([
      ["erp-object-missing", "lost1"],
      ["erp-object-missing", "lost2"],
    ]);
    expect(findings.every(({ remedy, message }) => remedy !== "" && message !== "")).toBe(true);
  });
});
