// What befalls an Oracle server, told by its double: each error is classified, survived or stopped with what to do, and nothing is lost or done twice. Every
// statement that the connector made on the way is one for a grammar of Oracle's SQL.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Connector, PlanStep, WritePlan } from "../../connectors/connector.ts";
import { oracle } from "../../connectors/oracle/connector.ts";
import { lobRows, longestLob } from "../../connectors/oracle/lobs.ts";
import type { Interfering } from "../doubles/tns/connection.ts";
import { OracleError } from "../doubles/tns/database.ts";
import { startTnsDouble } from "../doubles/tns/server.ts";
import { plsqlFault } from "../support/plsql-grammar.ts";
import { oracleSubject } from "./erp/oracle.ts";
import { collect, contextOf, never, sourceOf } from "./erp/subject.ts";

const rows = sourceOf("fusertest_rows", ["id"], ["id", "words", "code"]);

function planOf(id: string, more: Partial<WritePlan> = {}): WritePlan {
  return {
    commandId: id,
    idempotency: { way: "ledger", table: "fusertest_ledger", commandId: id },
    mayBeRepeated: false,
    steps: [{ kind: "insert", table: "fusertest_rows", values: () => ({ id: Number(id), words: "new", code: "A" }) }],
    resultKey: () => [id],
    found: {},
    rehearse: false,
    ...more,
  };
}

describe("Oracle: faults", () => {
  let erp: Awaited<ReturnType<typeof oracleSubject>>;
  let connector: Connector;
  beforeAll(async () => {
    erp = await oracleSubject();
    await erp.run("CREATE TABLE fusertest_rows (id INTEGER NOT NULL PRIMARY KEY, words VARCHAR2(20), code CHAR(3))");
    await erp.run("CREATE TABLE fusertest_ledger (command_id VARCHAR2(60) NOT NULL PRIMARY KEY, results VARCHAR2(2000))");
  });
  afterAll(async () => {
    await erp?.[Symbol.asyncDispose]();
  });
  beforeEach(async () => {
    await erp.run("DELETE FROM fusertest_rows");
    await erp.run("DELETE FROM fusertest_ledger");
    await erp.run("INSERT INTO fusertest_rows VALUES (1, 'one', 'A')");
    connector = await erp.open({ limits: { batchRows: 2 } });
  });
  afterEach(async () => {
    erp.double.interfere = () => undefined;
    erp.engine.mayLock = true;
    await connector.close();
  });

  /** Lets the next statement that holds these words meet something. */
  function once(words: string, fault: Interfering): void {
    erp.double.interfere = ({ sql }) => {
      if (!sql.includes(words)) return undefined;
      erp.double.interfere = () => undefined;
      return fault;
    };
  }
  const read = async () => (await collect(connector.readKeys(rows, ["1"], never))).map(({ row }) => row.values);
  const ids = async () => (await erp.rows("SELECT id FROM fusertest_rows ORDER BY id")).flat();

  it.each([
    [60, "transient", "erp-deadlock"],
    [54, "transient", "erp-locked"],
    [30006, "transient", "erp-locked"],
    [1013, "transient", "erp-interrupted"],
    [1555, "transient", "erp-snapshot-old"],
    [1653, "transient", "erp-disk-full"],
    [257, "transient", "erp-disk-full"],
    [3113, "transient", "erp-connection-lost"],
    [16000, "config", "erp-read-only"],
    [942, "config", "erp-object-missing"],
    [1031, "config", "erp-rights"],
  ])("ORA-%i while a plan writes is %s, %s, and nothing of the plan stays", async (number, kind, code) => {
    once('INSERT INTO "FUSERTEST_ROWS"', new OracleError(number, "told by the double"));
    await expect(connector.write(planOf("2"), never)).rejects.toMatchObject({ kind, code });
    expect(await ids()).toEqual(["1"]);
  });

  it.each([
    [1, "erp-duplicate"],
    [2291, "erp-foreign-key"],
    [2292, "erp-foreign-key"],
    [1400, "erp-not-null"],
    [12899, "erp-value-too-long"],
    [1722, "erp-value-type"],
    [1858, "erp-value-type"],
    [1438, "erp-value-out-of-range"],
    [20_001, "erp-refused"],
    [20_999, "erp-refused"],
    [1403, "erp-refused"],
    [6510, "erp-refused"],
    [4091, "erp-refused"],
  ])("ORA-%i refuses the command with %s", async (number, code) => {
    once('INSERT INTO "FUSERTEST_ROWS"', new OracleError(number, "told by the double"));
    expect(await connector.write(planOf("2"), never)).toMatchObject({ state: "rejected", code });
    expect(await ids()).toEqual(["1"]);
  });

  it("what a rule of the ERP says reaches the one who asked", async () => {
    once('INSERT INTO "FUSERTEST_ROWS"', new OracleError(20_100, "Der Monat ist abgeschlossen"));
    const outcome = await connector.write(planOf("2"), never);
    expect(outcome).toMatchObject({ state: "rejected", message: expect.stringContaining("Der Monat ist abgeschlossen") });
  });

  it("a connection that broke while it lay idle is replaced without a word, to read and to write", async () => {
    await read();
    await connector.write(planOf("2"), never);
    erp.double.breakAll();
    await erp.reconnect();
    expect(await read()).toEqual([[1, "one", "A"]]);
    expect(await connector.write(planOf("3"), never)).toMatchObject({ state: "applied" });
    expect(await ids()).toEqual(["1", "2", "3"]);
  });

  it("a server that is gone is told as that, and used again once it is back", async () => {
    await read();
    await erp.double.stop();
    await expect(read()).rejects.toMatchObject({
      kind: "transient",
      code: expect.stringMatching(/erp-(unreachable|connection-lost)/),
    });
    await erp.double.start();
    await erp.reconnect();
    expect(await read()).toEqual([[1, "one", "A"]]);
  });

  it("of several addresses the next one is taken where the first server is gone", async () => {
    const other = await startTnsDouble(erp.engine);
    const { port } = other;
    await other.stop();
    const address = (at: number): string => `(ADDRESS=(PROTOCOL=tcp)(HOST=127.0.0.1)(PORT=${at}))`;
    const connect = `(DESCRIPTION=(ADDRESS_LIST=(FAILOVER=on)${address(port)}${address(erp.double.port)})(CONNECT_DATA=(SERVICE_NAME=${erp.engine.serviceName})))`;
    const settings = { connect, user: "fuser", password: { secret: "erp" } };
    const elsewhere = await oracle.open(settings, async () => "geheim", contextOf());
    try {
      expect((await collect(elsewhere.readKeys(rows, ["1"], never))).map(({ key }) => key)).toEqual(["1"]);
      expect(await elsewhere.write(planOf("2"), never)).toMatchObject({ state: "applied" });
    } finally {
      await elsewhere.close();
    }
  });

  it("a server that does not answer is left after the time limit", async () => {
    const hasty = await erp.open({ limits: { statementTimeoutMs: 2_000 } });
    try {
      await collect(hasty.readKeys(rows, ["1"], never));
      once('FROM "FUSERTEST_ROWS"', "silent");
      await expect(collect(hasty.readKeys(rows, ["1"], never))).rejects.toMatchObject({
        kind: "transient",
        code: "erp-statement-timeout",
      });
      expect((await collect(hasty.readKeys(rows, ["1"], never))).length).toBe(1);
    } finally {
      await hasty.close();
    }
  });

  it.each(["lost", "lost-after"] as const)("a commit whose answer is %s is looked up, and is done once", async (fault) => {
    once("COMMIT", fault);
    await expect(connector.write(planOf("2"), never)).rejects.toMatchObject({ kind: "transient", code: "erp-commit-unknown" });
    const again = await connector.write(planOf("2", { mayBeRepeated: true }), never);
    expect(again).toMatchObject({ state: "applied", repeated: fault === "lost-after" });
    expect(await ids()).toEqual(["1", "2"]);
  });

  it("a commit that the server rolls back for a deferred rule is the ERP's refusal, and not tried for ever", async () => {
    once("COMMIT", new OracleError(2091, "transaction rolled back\nORA-02291: integrity constraint (ERP.FK_ROWS) violated"));
    expect(await connector.write(planOf("2"), never)).toMatchObject({ state: "rejected", code: "erp-foreign-key" });
    expect(await ids()).toEqual(["1"]);
  });

  it.each([1013, 2054])(
    "a commit that ends with ORA-%i may have been done: it is looked up on a new connection",
    async (number) => {
      once("COMMIT", new OracleError(number, "told by the double"));
      await expect(connector.write(planOf("2"), never)).rejects.toMatchObject({ kind: "transient", code: "erp-commit-unknown" });
      // Without a way to tell it is left to a person.
      once("COMMIT", new OracleError(number, "told by the double"));
      const blind = planOf("3", { idempotency: { way: "base" } });
      expect(await connector.write(blind, never)).toMatchObject({ state: "uncertain" });
      expect(await connector.write(planOf("2", { mayBeRepeated: true }), never)).toMatchObject({
        state: "applied",
        repeated: false,
      });
      expect(await ids()).toEqual(["1", "2"]);
    },
  );

  it("a CHAR of blanks is found as key, and is neither a conflict nor lost to an update", async () => {
    await erp.run("INSERT INTO fusertest_rows VALUES (2, 'two', '   ')");
    await erp.run("INSERT INTO fusertest_rows VALUES (3, 'three', NULL)");
    const source = sourceOf("fusertest_rows", ["code", "id"], ["code", "id", "words"]);
    const scanned = (await collect(connector.scan(source, never))).find(({ row }) => row.values[1] === 2);
    expect(scanned?.row.values).toEqual(["", 2, "two"]);
    expect((await collect(connector.readKeys(source, [scanned?.key as string], never))).map(({ row }) => row.values[2])).toEqual([
      "two",
    ]);
    const update = (id: number, base: string | null): PlanStep => ({
      kind: "update",
      table: "fusertest_rows",
      values: () => ({ code: "B" }),
      key: () => ({ id, code: base }),
      base: () => ({ code: base }),
      expectRows: 1,
    });
    for (const [id, base] of [
      [2, ""],
      [3, null],
    ] as const) {
      const plan = planOf(String(id), { steps: [update(id, base)] });
      expect(await connector.write(plan, never)).toMatchObject({ state: "applied" });
    }
    expect(await erp.rows("SELECT code FROM fusertest_rows WHERE id > 1 ORDER BY id")).toEqual([["B"], ["B"]]);
  });

  it("characters that the database's own character set may lack reach a national column by their numbers", async () => {
    await erp.run("CREATE TABLE fusertest_national (id INTEGER NOT NULL PRIMARY KEY, name NVARCHAR2(40))");
    try {
      const name = "Łódź \\ 🏠";
      const insert: PlanStep = {
        kind: "insert",
        table: "fusertest_national",
        values: () => ({ id: 1, name }),
        returning: { name: "name" },
      };
      const outcome = await connector.write(planOf("1", { steps: [insert] }), never);
      expect((outcome as { results?: ReadonlyMap<string, unknown> }).results?.get("name")).toBe(name);
      expect([...erp.engine.statements].some((sql) => /INTO "FUSERTEST_NATIONAL".*UNISTR\(/.test(sql))).toBe(true);
    } finally {
      await erp.run("DROP TABLE fusertest_national");
    }
  });

  it("an sql step that locks its row or draws a number is run once, and its dates are what they are", async () => {
    await erp.run("CREATE TABLE fusertest_dates (id INTEGER NOT NULL PRIMARY KEY, due DATE)");
    try {
      await erp.run("INSERT INTO fusertest_dates VALUES (1, TO_DATE('2026-11-23 07:05:09', 'YYYY-MM-DD HH24:MI:SS'))");
      const sql = "SELECT id, due FROM fusertest_dates WHERE id = 1 FOR UPDATE WAIT 1";
      const step: PlanStep = { kind: "sql", sql, parameters: () => ({}), out: { due: "due" } };
      const outcome = await connector.write(planOf("1", { steps: [step] }), never);
      expect((outcome as { results?: ReadonlyMap<string, unknown> }).results?.get("due")).toBe("2026-11-23T07:05:09");
    } finally {
      await erp.run("DROP TABLE fusertest_dates");
    }
  });

  it("a snapshot that is too old in the midst of a scan fails the scan, and the next one gives every row", async () => {
    for (let id = 2; id <= 9; id++) await erp.run("INSERT INTO fusertest_rows VALUES (?, 'more', NULL)", [id]);
    once('"ID" > ', new OracleError(1555, "snapshot too old: rollback segment number 3 too small"));
    await expect(collect(connector.scan(rows, never))).rejects.toMatchObject({ kind: "transient", code: "erp-snapshot-old" });
    expect((await collect(connector.scan(rows, never))).length).toBe(9);
  });

  it("a compare reads its table as of one moment where it may, page by page where it may not, and gives the moment up once the undo has lost it", async () => {
    for (let id = 2; id <= 9; id++) await erp.run("INSERT INTO fusertest_rows VALUES (?, 'more', NULL)", [id]);
    const pages: string[] = [];
    let fault: (sql: string) => Interfering | undefined = () => undefined;
    erp.double.interfere = ({ sql }) => {
      if (!sql.includes('FROM "FUSERTEST_ROWS"') || !sql.includes("ROWNUM")) return undefined;
      pages.push(sql.includes('"FUSERTEST_ROWS" AS OF SCN :') ? "as of" : "now");
      return fault(sql);
    };
    const scanned = async () => (await collect(connector.scan(rows, never))).length;
    const asked = () => [...new Set(pages.splice(0))];
    expect(await scanned()).toBe(9);
    expect(asked()).toEqual(["as of"]);
    // A moment that the server can't go back to from the first page on: without it, and with the next one again.
    fault = (sql) =>
      sql.includes("AS OF") ? new OracleError(1466, "unable to read data - table definition has changed") : undefined;
    expect(await scanned()).toBe(9);
    expect(asked()).toEqual(["as of", "now"]);
    fault = (sql) =>
      sql.includes('"ID" > ') ? new OracleError(8181, "specified number is not a valid system change number") : undefined;
    await expect(scanned()).rejects.toMatchObject({ kind: "transient", code: "erp-snapshot-old" });
    fault = () => undefined;
    pages.length = 0;
    expect(await scanned()).toBe(9);
    expect(asked()).toEqual(["now"]);
    const other = await erp.open();
    fault = (sql) => (sql.includes("AS OF") ? new OracleError(1031, "insufficient privileges") : undefined);
    try {
      for (const expected of [["as of", "now"], ["now"]]) {
        expect((await collect(other.scan(rows, never))).length).toBe(9);
        expect(asked()).toEqual(expected);
      }
    } finally {
      await other.close();
    }
  });

  it.each([
    [28001, "the password has expired"],
    [28000, "the account is locked"],
  ])("a login that ends with ORA-%i is told by check with what to do, and no password is in it", async (number, words) => {
    erp.engine.refuseLogin = new OracleError(number, words);
    try {
      const findings = await connector.check(never);
      expect(findings).toMatchObject([{ severity: "error", code: "erp-login-refused" }]);
      expect(findings[0]?.remedy).toMatch(/DBA/);
      expect(JSON.stringify(findings)).not.toContain("geheim");
    } finally {
      erp.engine.refuseLogin = undefined;
    }
  });

  it("without DBMS_LOCK check names the grant, a ledger still writes once, and a probe is refused", async () => {
    erp.engine.mayLock = false;
    const findings = await connector.check(never, { read: [], write: ["fusertest_rows"] });
    expect(findings.find(({ place }) => place === "DBMS_LOCK")?.remedy).toContain("GRANT EXECUTE ON SYS.DBMS_LOCK");
    expect(await connector.write(planOf("2"), never)).toMatchObject({ state: "applied" });
    const probe = { way: "probe", sql: "SELECT id FROM fusertest_rows WHERE id = 7", parameters: {}, exact: true } as const;
    await expect(connector.write(planOf("7", { idempotency: probe }), never)).rejects.toMatchObject({
      kind: "config",
      code: "erp-rights",
    });
    expect(await ids()).toEqual(["1", "2"]);
  });

  it("check tells who else uses the account, what the undo keeps, and which right to write is missing, with its grant", async () => {
    const { admin, owner } = erp.engine;
    admin.exec(`CREATE TABLE V$SESSION (USERNAME TEXT, PROGRAM TEXT, MACHINE TEXT, MODULE TEXT);
      CREATE TABLE V$PARAMETER (NAME TEXT, VALUE TEXT); INSERT INTO V$PARAMETER VALUES ('undo_retention', '120');
      INSERT INTO V$SESSION VALUES ('${owner}', 'node', 'agent', 'erpfuser'), ('${owner}', 'SQL Developer', 'PC7', 'SQL Developer');
      INSERT INTO ALL_TAB_PRIVS VALUES ('${owner}', 'OTHER', 'FUSERTEST_THEIRS', 'SELECT');
      INSERT INTO ALL_COL_PRIVS VALUES ('${owner}', 'OTHER', 'FUSERTEST_THEIRS', 'WORDS', 'UPDATE');
      INSERT INTO ALL_OBJECTS VALUES ('OTHER', 'FUSERTEST_THEIRS', 'TABLE'); INSERT INTO ALL_TABLES VALUES ('OTHER', 'FUSERTEST_THEIRS', 5)`);
    const write = ["other.fusertest_theirs", "fusertest_rows"];
    const rights = { "other.fusertest_theirs": ["insert", "update"], fusertest_rows: ["insert"] } as const;
    const findings = await connector.check(never, { read: [], write, rights });
    const told = (code: string) => findings.filter((finding) => finding.code === code);
    expect(told("erp-account-shared")).toMatchObject([
      { severity: "warning", message: expect.stringMatching(/person.*SQL Developer on PC7/) },
    ]);
    expect(told("erp-snapshot-old")).toMatchObject([{ severity: "info", message: expect.stringContaining("120 s") }]);
    expect(told("erp-rights").filter(({ place }) => place !== "DBMS_LOCK")).toMatchObject([
      {
        severity: "error",
        place: "OTHER.FUSERTEST_THEIRS",
        remedy: expect.stringContaining('GRANT INSERT ON "OTHER"."FUSERTEST_THEIRS"'),
      },
    ]);
  });

  it("grants are compared with what the account was given, and what is too much is taken back without what it needs", async () => {
    erp.engine.admin.exec(`INSERT INTO USER_TAB_PRIVS_RECD VALUES ('ERP', 'T', 'SELECT'), ('ERP', 'T', 'DELETE'), ('SYS', 'DBMS_LOCK', 'EXECUTE');
      INSERT INTO USER_COL_PRIVS_RECD VALUES ('ERP', 'T', 'A', 'UPDATE'), ('ERP', 'T', 'B', 'UPDATE')`);
    const table = { table: "erp.t", read: ["id"], insert: ["id"], update: ["a"], remove: false } as const;
    const needs = { tables: [table], calls: [], ledgers: [], feeds: [] };
    expect(await connector.grants?.compare(needs, never)).toMatchObject({
      missing: ['GRANT INSERT ("ID") ON "ERP"."T" TO "FUSER";'],
      tooMany: ['REVOKE DELETE, UPDATE ON "ERP"."T" FROM "FUSER";', 'GRANT UPDATE ("A") ON "ERP"."T" TO "FUSER";'],
    });
  });

  it("a second agent of one name waits for the lock and gives up, and another name is free", async () => {
    await connector.write(planOf("2"), never);
    const twin = await erp.open();
    const other = await erp.open({ sessionName: "another" });
    try {
      await expect(twin.write(planOf("3"), never)).rejects.toMatchObject({ kind: "transient", code: "erp-session-locked" });
      expect(await other.write(planOf("4"), never)).toMatchObject({ state: "applied" });
    } finally {
      await twin.close();
      await other.close();
    }
  });

  it("ORA_ROWSCN tells every row that was changed behind the mark, those of late commits too", async () => {
    const query = { table: "fusertest_rows", column: "ORA_ROWSCN", kind: "sequence" as const, key: ["id"], own: [] };
    const since = async (mark: string) => (await Array.fromAsync(connector.changedSince(query, mark, never))).flat();
    for (let id = 2; id <= 40; id++) await erp.run("INSERT INTO fusertest_rows VALUES (?, 'more', NULL)", [id]);
    const [last] = (await Array.fromAsync(connector.changedSince(query, undefined, never))).flat();
    const mark = String(BigInt(last?.mark ?? "0") + 1n);
    expect(await since(mark)).toEqual([]);
    await erp.run("UPDATE fusertest_rows SET words = 'changed' WHERE id = 17");
    const seen = await since(mark);
    expect(seen.map(({ key }) => key)).toContain("17");
    // Of its block, and not of the whole table.
    expect(seen.length).toBeLessThan(10);
  });

  it("a LOB beyond the bound is not read: its row alone can't be decoded, is told apart by its length, and long ones come a few at a time", async () => {
    await erp.run("CREATE TABLE fusertest_lobs (id INTEGER NOT NULL PRIMARY KEY, words CLOB, file_bytes BLOB)");
    try {
      // Past the wire, which takes such values a packet at a time.
      const put = (column: string, id: number, value: string | Uint8Array | null): void => {
        erp.engine.admin.prepare(`UPDATE FUSERTEST_LOBS SET ${column} = ? WHERE ID = ?`).run(value, id);
      };
      erp.engine.admin.exec(
        "INSERT INTO FUSERTEST_LOBS WITH n (id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < 20) SELECT id, printf('%.*c', 100000, 'a'), NULL FROM n",
      );
      put("WORDS", 3, "x".repeat(longestLob + 1));
      put("FILE_BYTES", 4, new Uint8Array(longestLob + 2));
      put("WORDS", 5, null);
      put("FILE_BYTES", 5, new Uint8Array([1, 2]));
      const child = { sql: "SELECT id, words FROM fusertest_lobs WHERE id = :row.id ORDER BY id", parameters: {} };
      const source = sourceOf("fusertest_lobs", ["id"], ["id", "words", "file_bytes"]);
      const whole = await erp.open({ limits: { batchBytes: 300_000 } });
      try {
        const batches = await Array.fromAsync(whole.scan(source, never));
        // The last few rows are no longer held together with the first ones.
        expect(batches.length).toBeGreaterThan(4);
        const keys = batches.flatMap((batch) => Array.from({ length: batch.length }, (_, index) => batch.key(index)));
        expect(keys).toEqual(Array.from({ length: 20 }, (_, index) => String(index + 1)));
        const read = (of: typeof source, key: string) => Array.fromAsync(whole.readKeys(of, [key], never));
        const values = async (key: string) => (await read(source, key))[0]?.row(0).values;
        expect(await values("2")).toEqual([2, "a".repeat(100_000), null]);
        expect(await values("5")).toEqual([5, null, Buffer.from([1, 2])]);
        for (const key of ["3", "4"]) {
          const [batch] = await read(source, key);
          expect(batch?.key(0)).toBe(key);
          expect(() => batch?.row(0)).toThrow(`longer than ${longestLob}`);
        }
        const [parent] = await read(sourceOf("fusertest_rows", ["id"], ["id"], { children: [child] }), "1");
        expect(parent?.row(0).children).toEqual([[[1, "a".repeat(100_000)]]]);
        await erp.run("INSERT INTO fusertest_rows VALUES (3, 'three', NULL)");
        const [other] = await read(sourceOf("fusertest_rows", ["id"], ["id"], { children: [child] }), "3");
        expect(() => other?.row(0)).toThrow(`longer than ${longestLob}`);
        const before = (await read(source, "3"))[0]?.digests[0];
        put("WORDS", 3, "x".repeat(longestLob + 2));
        expect((await read(source, "3"))[0]?.digests[0]).not.toBe(before);
        const all = Array.from({ length: 20 }, (_, index) => String(index + 1));
        expect((await Array.fromAsync(whole.readKeys(source, all, never))).every(({ length }) => length <= lobRows)).toBe(true);
      } finally {
        await whole.close();
      }
    } finally {
      await erp.run("DROP TABLE fusertest_lobs");
    }
  });

  it("a CHAR column is found by a value without the blanks that pad it", async () => {
    const source = sourceOf("fusertest_rows", ["code", "id"], ["code", "id"], { scope: [{ column: "code", value: "A" }] });
    expect((await collect(connector.readKeys(source, ["A.1"], never))).map(({ key }) => key)).toEqual(["A.1"]);
    const asked: string[] = [];
    const execute = erp.double.interfere;
    erp.double.interfere = (what) => {
      if (what.sql.includes('"CODE" = ')) asked.push(...what.types.filter((type) => type === "VARCHAR2"));
      return execute(what);
    };
    await collect(connector.scan(source, never));
    // A text that is bound as VARCHAR2 would be compared blank by blank.
    expect(asked).toEqual([]);
  });

  describe("procedures", () => {
    const call = (
      procedure: string,
      args: Record<string, string>,
      more: Partial<Extract<PlanStep, { kind: "call" }>> = {},
    ): PlanStep => ({
      kind: "call",
      procedure,
      args: () => args,
      ...more,
    });
    const resultsOf = async (step: PlanStep) => {
      const outcome = await connector.write(planOf("2", { steps: [step] }), never);
      expect(outcome).toMatchObject({ state: "applied" });
      return Object.fromEntries((outcome as Extract<typeof outcome, { state: "applied" }>).results);
    };

    it("values of each kind go in and come out as they are, whatever the session's formats", async () => {
      await erp.run(`CREATE PROCEDURE fusertest_kinds (d IN OUT DATE, flag IN OUT BOOLEAN, share IN OUT BINARY_DOUBLE, raw_id IN OUT RAW, code IN OUT CHAR, n IN NUMBER DEFAULT 5, m OUT NUMBER) IS BEGIN
  m := n + 1;
END;`);
      const args = { d: "2026-03-29T02:30:00", flag: "true", share: "0.25", raw_id: "00ff", code: "ab" };
      const out = { d: "d", flag: "flag", share: "share", raw: "RAW_ID", code: "code", m: "m" };
      const expected = { d: "2026-03-29T02:30:00", flag: true, share: 0.25, raw: Buffer.from([0, 255]), code: "ab", m: 6 };
      expect(await resultsOf(call("fusertest_kinds", args, { out }))).toEqual(expected);
    });

    it("a routine is found in its package, by its owner and behind a synonym, and among several of one name by its parameters", async () => {
      await erp.run("CREATE FUNCTION fusertest_double (n IN NUMBER) RETURN NUMBER IS BEGIN RETURN n + n; END;");
      const { admin, owner } = erp.engine;
      admin.exec(`INSERT INTO ALL_PROCEDURES VALUES ('${owner}', 'FUSERTEST_TOOLS', 'FUSERTEST_DOUBLE', 'PACKAGE', 7, 1), ('${owner}', 'FUSERTEST_TOOLS', 'FUSERTEST_DOUBLE', 'PACKAGE', 7, 2);
        INSERT INTO ALL_ARGUMENTS SELECT 7, 1, ARGUMENT_NAME, POSITION, SEQUENCE, 0, DATA_TYPE, IN_OUT, DEFAULTED FROM ALL_ARGUMENTS WHERE OBJECT_ID IN (SELECT OBJECT_ID FROM ALL_PROCEDURES WHERE OBJECT_NAME = 'FUSERTEST_DOUBLE');
        INSERT INTO ALL_ARGUMENTS VALUES (7, 2, 'OTHER', 1, 1, 0, 'VARCHAR2', 'IN', 'N');
        INSERT INTO ALL_SYNONYMS VALUES ('PUBLIC', 'FUSERTEST_T', '${owner}', 'FUSERTEST_TOOLS', NULL)`);
      for (const name of [
        "fusertest_double",
        `${owner}.fusertest_double`,
        "fusertest_tools.fusertest_double",
        "fusertest_t.fusertest_double",
      ]) {
        await erp.run("DELETE FROM fusertest_ledger");
        expect(await resultsOf(call(name, { n: "21" }, { returns: "answer" })), name).toEqual({ answer: 42 });
      }
      const wrong = planOf("3", { steps: [call("fusertest_t.fusertest_double", { n: "1", other: "2" })] });
      await expect(connector.write(wrong, never)).rejects.toMatchObject({ code: "erp-parameter-unknown" });
    });

    it("an sql step that runs a procedure which commits and begins anew makes the command uncertain", async () => {
      await erp.run(
        "CREATE PROCEDURE fusertest_own (id IN NUMBER) IS BEGIN INSERT INTO fusertest_rows VALUES (id, 'own', NULL); COMMIT; UPDATE fusertest_rows SET words = 'anew' WHERE id = 1; END;",
      );
      const step: PlanStep = { kind: "sql", sql: "CALL fusertest_own(:id)", parameters: () => ({ id: 5 }) };
      expect(await connector.write(planOf("5", { steps: [step] }), never)).toMatchObject({ state: "uncertain" });
      expect(await erp.rows("SELECT words FROM fusertest_rows ORDER BY id")).toEqual([["one"], ["own"]]);
    });

    it("a connection that breaks during a call leaves nothing, and the call is tried again", async () => {
      await erp.run(
        "CREATE PROCEDURE fusertest_add (id IN NUMBER) IS BEGIN INSERT INTO fusertest_rows VALUES (id, 'added', NULL); END;",
      );
      once("FUSERTEST_ADD", "lost-after");
      const plan = planOf("6", { steps: [call("fusertest_add", { id: "6" })] });
      await expect(connector.write(plan, never)).rejects.toMatchObject({ kind: "transient", code: "erp-connection-lost" });
      expect(await connector.write({ ...plan, mayBeRepeated: true }, never)).toMatchObject({ state: "applied", repeated: false });
      expect(await ids()).toEqual(["1", "6"]);
    });
  });

  it("every statement that the connector made is one for Oracle's grammar, which does refuse others", () => {
    expect(plsqlFault("SELECT * FROM t LIMIT 5 OFFSET")).toBeDefined();
    expect(plsqlFault("SELECT a FROM t WHERE a = = 1")).toBeDefined();
    const own = [...erp.engine.statements].filter((sql) => !/^(CREATE|DROP) /.test(sql));
    expect(own.length).toBeGreaterThan(25);
    // One of each shape: names and the number of binds make no other statement of it.
    const shapeOf = (sql: string): string =>
      sql
        .replace(/:b\d+(, :b\d+)*/g, ":b")
        .replace(/"\w+"/g, '"N"')
        .replace(/\d+/g, "9");
    const shapes = [...new Map(own.map((sql) => [shapeOf(sql), sql])).values()];
    expect(shapes.length).toBeGreaterThan(15);
    expect(shapes.map((sql) => [sql, plsqlFault(sql)]).filter(([, fault]) => fault !== undefined)).toEqual([]);
  }, 300_000);
});
