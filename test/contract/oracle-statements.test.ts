// What the connector asks of Oracle and takes from it where Oracle is unlike the others. Every statement that it made on the way is one for a grammar of Oracle's SQL.
import { describe, expect, it } from "vitest";
import type { PlanStep } from "../../connectors/connector.ts";
import type { Feed } from "../../connectors/feed.ts";
import { oracleGrantScript } from "../../connectors/oracle/grants.ts";
import { lobRows, longestLob } from "../../connectors/oracle/lobs.ts";
import type { Interfering } from "../doubles/tns/connection.ts";
import { OracleError } from "../doubles/tns/database.ts";
import { plsqlFault } from "../support/plsql-grammar.ts";
import { follow } from "./erp/follow.ts";
import { oracleBench, planOf, rows } from "./erp/oracle-bench.ts";
import { collect, never, sourceOf } from "./erp/subject.ts";

describe("Oracle: statements", () => {
  const bench = oracleBench();

  it("a CHAR of blanks is found as key, and is neither a conflict nor lost to an update", async () => {
    await bench.erp.run("INSERT INTO fusertest_rows VALUES (2, 'two', '   ')");
    await bench.erp.run("INSERT INTO fusertest_rows VALUES (3, 'three', NULL)");
    const source = sourceOf("fusertest_rows", ["code", "id"], ["code", "id", "words"]);
    const scanned = (await collect(bench.connector.scan(source, never))).find(({ row }) => row.values[1] === 2);
    expect(scanned?.row.values).toEqual(["", 2, "two"]);
    expect(
      (await collect(bench.connector.readKeys(source, [scanned?.key as string], never))).map(({ row }) => row.values[2]),
    ).toEqual(["two"]);
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
      expect(await bench.connector.write(plan, never)).toMatchObject({ state: "applied" });
    }
    expect(await bench.erp.rows("SELECT code FROM fusertest_rows WHERE id > 1 ORDER BY id")).toEqual([["B"], ["B"]]);
  });

  it("characters that the database's own character set may lack reach a national column by their numbers", async () => {
    await bench.erp.run("CREATE TABLE fusertest_national (id INTEGER NOT NULL PRIMARY KEY, name NVARCHAR2(40))");
    try {
      const name = "Łódź \\ 🏠";
      const insert: PlanStep = {
        kind: "insert",
        table: "fusertest_national",
        values: () => ({ id: 1, name }),
        returning: { name: "name" },
      };
      const outcome = await bench.connector.write(planOf("1", { steps: [insert] }), never);
      expect((outcome as { results?: ReadonlyMap<string, unknown> }).results?.get("name")).toBe(name);
      expect([...bench.erp.engine.statements].some((sql) => /INTO "FUSERTEST_NATIONAL".*UNISTR\(/.test(sql))).toBe(true);
    } finally {
      await bench.erp.run("DROP TABLE fusertest_national");
    }
  });

  it("an sql step that locks its row or draws a number is run once, and its dates are what they are", async () => {
    await bench.erp.run("CREATE TABLE fusertest_dates (id INTEGER NOT NULL PRIMARY KEY, due DATE)");
    try {
      await bench.erp.run("INSERT INTO fusertest_dates VALUES (1, TO_DATE('2026-11-23 07:05:09', 'YYYY-MM-DD HH24:MI:SS'))");
      const sql = "SELECT id, due FROM fusertest_dates WHERE id = 1 FOR UPDATE WAIT 1";
      const step: PlanStep = { kind: "sql", sql, parameters: () => ({}), out: { due: "due" } };
      const outcome = await bench.connector.write(planOf("1", { steps: [step] }), never);
      expect((outcome as { results?: ReadonlyMap<string, unknown> }).results?.get("due")).toBe("2026-11-23T07:05:09");
    } finally {
      await bench.erp.run("DROP TABLE fusertest_dates");
    }
  });

  it("a compare reads its table as of one moment where it may, page by page where it may not, and gives the moment up once the undo has lost it", async () => {
    for (let id = 2; id <= 9; id++) await bench.erp.run("INSERT INTO fusertest_rows VALUES (?, 'more', NULL)", [id]);
    const pages: string[] = [];
    let fault: (sql: string) => Interfering | undefined = () => undefined;
    bench.erp.double.interfere = ({ sql }) => {
      if (!sql.includes('FROM "FUSERTEST_ROWS"') || !sql.includes("ROWNUM")) return undefined;
      pages.push(sql.includes('"FUSERTEST_ROWS" AS OF SCN :') ? "as of" : "now");
      return fault(sql);
    };
    const scanned = async () => (await collect(bench.connector.scan(rows, never))).length;
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
    const other = await bench.erp.open();
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

  it("without DBMS_LOCK check names the grant, a ledger still writes once, and a probe is refused", async () => {
    bench.erp.engine.mayLock = false;
    const findings = await bench.connector.check(never, { read: [], write: ["fusertest_rows"] });
    expect(findings.find(({ place }) => place === "DBMS_LOCK")?.remedy).toContain("GRANT EXECUTE ON SYS.DBMS_LOCK");
    expect(await bench.connector.write(planOf("2"), never)).toMatchObject({ state: "applied" });
    const probe = { way: "probe", sql: "SELECT id FROM fusertest_rows WHERE id = 7", parameters: {}, exact: true } as const;
    await expect(bench.connector.write(planOf("7", { idempotency: probe }), never)).rejects.toMatchObject({
      kind: "config",
      code: "erp-rights",
    });
    expect(await bench.ids()).toEqual(["1", "2"]);
  });

  it("check tells who else uses the account, what the undo keeps, and which right to write is missing, with its grant", async () => {
    const { admin, owner } = bench.erp.engine;
    admin.exec(`CREATE TABLE V$SESSION (USERNAME TEXT, PROGRAM TEXT, MACHINE TEXT, MODULE TEXT);
      CREATE TABLE V$PARAMETER (NAME TEXT, VALUE TEXT); INSERT INTO V$PARAMETER VALUES ('undo_retention', '120');
      INSERT INTO V$SESSION VALUES ('${owner}', 'node', 'agent', 'erpfuser'), ('${owner}', 'SQL Developer', 'PC7', 'SQL Developer');
      INSERT INTO ALL_TAB_PRIVS VALUES ('${owner}', 'OTHER', 'FUSERTEST_THEIRS', 'SELECT');
      INSERT INTO ALL_COL_PRIVS VALUES ('${owner}', 'OTHER', 'FUSERTEST_THEIRS', 'WORDS', 'UPDATE');
      INSERT INTO ALL_OBJECTS (OWNER, OBJECT_NAME, OBJECT_TYPE) VALUES ('OTHER', 'FUSERTEST_THEIRS', 'TABLE'); INSERT INTO ALL_TABLES (OWNER, TABLE_NAME, NUM_ROWS) VALUES ('OTHER', 'FUSERTEST_THEIRS', 5)`);
    const write = ["other.fusertest_theirs", "fusertest_rows"];
    const rights = { "other.fusertest_theirs": ["insert", "update"], fusertest_rows: ["insert"] } as const;
    const findings = await bench.connector.check(never, { read: [], write, rights });
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
    bench.erp.engine.admin.exec(`INSERT INTO USER_TAB_PRIVS_RECD VALUES ('ERP', 'T', 'SELECT'), ('ERP', 'T', 'DELETE'), ('SYS', 'DBMS_LOCK', 'EXECUTE');
      INSERT INTO USER_COL_PRIVS_RECD VALUES ('ERP', 'T', 'A', 'UPDATE'), ('ERP', 'T', 'B', 'UPDATE')`);
    const table = { table: "erp.t", read: ["id"], insert: ["id"], update: ["a"], remove: false } as const;
    const needs = { tables: [table], calls: [], ledgers: [], feeds: [] };
    expect(await bench.connector.grants?.compare(needs, never)).toMatchObject({
      missing: ['GRANT INSERT ("ID") ON "ERP"."T" TO "FUSER";'],
      tooMany: ['REVOKE DELETE, UPDATE ON "ERP"."T" FROM "FUSER";', 'GRANT UPDATE ("A") ON "ERP"."T" TO "FUSER";'],
    });
    // What a feed needs may lack; where it is not needed it is for the sake of compares.
    const feeds = [{ name: "flashback-versions", tables: ["erp.t"] }];
    expect((await bench.connector.grants?.compare({ ...needs, feeds }, never))?.missing.join()).toMatch(
      /INSERT \("ID"\), FLASHBACK ON "ERP"\."T".*EXECUTE ON "SYS"\."DBMS_FLASHBACK"/,
    );
    bench.erp.engine.admin.exec(
      "INSERT INTO USER_TAB_PRIVS_RECD VALUES ('ERP', 'T', 'FLASHBACK'), ('ERP', 'OTHER', 'FLASHBACK'), ('SYS', 'DBMS_FLASHBACK', 'EXECUTE')",
    );
    expect(await bench.connector.grants?.compare({ ...needs, feeds }, never)).toMatchObject({
      missing: ['GRANT INSERT ("ID") ON "ERP"."T" TO "FUSER";'],
      tooMany: ['REVOKE DELETE, UPDATE ON "ERP"."T" FROM "FUSER";', 'GRANT UPDATE ("A") ON "ERP"."T" TO "FUSER";'],
    });
  });

  it("check tells what polls by ORA_ROWSCN read, a warning where it is much, and says nothing of other columns", async () => {
    const { admin, owner } = bench.erp.engine;
    admin.exec(
      `INSERT INTO ALL_OBJECTS (OWNER, OBJECT_NAME, OBJECT_TYPE) VALUES ('${owner}', 'FUSERTEST_LONG', 'TABLE'); INSERT INTO ALL_TABLES (OWNER, TABLE_NAME, NUM_ROWS) VALUES ('${owner}', 'FUSERTEST_LONG', 40000)`,
    );
    const polls = [
      { table: "fusertest_long", column: "ora_rowscn", everyMs: 2_000 },
      { table: "fusertest_long", column: "ORA_ROWSCN", everyMs: 60_000 },
      { table: "fusertest_rows", column: "ORA_ROWSCN", everyMs: undefined },
      { table: "fusertest_rows", column: "id", everyMs: 1_000 },
    ];
    const findings = await bench.connector.check(never, { read: [], write: [], polls });
    expect(findings.filter(({ code }) => code === "erp-poll-reads-all")).toMatchObject([
      {
        severity: "warning",
        place: "fusertest_long",
        message: expect.stringMatching(/whole table, every 2 s: about 40000 rows/),
        remedy: expect.stringMatching(
          /`every:` accordingly, here to 32s or more, or use `column: timestamp or sequence` or `compare`/,
        ),
      },
      { severity: "info", message: expect.stringContaining("every 60 s") },
      { severity: "info", place: "fusertest_rows", message: expect.stringContaining("statistics don't tell") },
    ]);
  });

  it("a table behind synonyms, private or public, is described, checked and read by the name that the configuration has for it", async () => {
    const { admin, owner } = bench.erp.engine;
    admin.exec(`INSERT INTO ALL_SYNONYMS VALUES ('${owner}', 'FUSERTEST_NEAR', '${owner}', 'FUSERTEST_FAR', NULL), ('PUBLIC', 'FUSERTEST_FAR', '${owner}', 'FUSERTEST_ROWS', NULL),
      ('OTHER', 'FUSERTEST_THERE', '${owner}', 'FUSERTEST_ROWS', NULL), ('${owner}', 'FUSERTEST_REMOTE', '${owner}', 'FUSERTEST_ROWS', 'ELSEWHERE'),
      ('PUBLIC', 'FUSERTEST_ROWS', 'OTHER', 'FUSERTEST_THEIRS', NULL);
      CREATE VIEW FUSERTEST_FAR AS SELECT * FROM FUSERTEST_ROWS`);
    const names = [
      "fusertest_near",
      "FUSERTEST_FAR",
      "other.fusertest_there",
      "other.fusertest_far",
      "fusertest_remote",
      "fusertest_rows",
    ];
    const described = await bench.connector.describe(never, names);
    const [itself] = described.filter(({ name }) => name === "FUSERTEST_ROWS");
    const expected = ["FUSERTEST_NEAR", "FUSERTEST_FAR", "FUSERTEST_ROWS", "OTHER.FUSERTEST_THERE"].map((name) => ({
      ...itself,
      name,
    }));
    expect(new Set(described)).toEqual(new Set(expected));
    expect(itself?.primaryKey).toEqual(["ID"]);
    const source = sourceOf("fusertest_far", ["id"], ["id", "words"]);
    expect((await collect(bench.connector.scan(source, never))).map(({ key }) => key)).toEqual(["1"]);
    const needs = { read: ["fusertest_far"], write: ["fusertest_near"], rights: { fusertest_near: ["insert" as const] } };
    const told = (await bench.connector.check(never, needs)).filter(({ severity }) => severity === "error");
    expect(told).toEqual([]);
  });

  it("ORA_ROWSCN tells every row that was changed behind the mark, those of late commits too", async () => {
    const query = { table: "fusertest_rows", column: "ORA_ROWSCN", kind: "sequence" as const, key: ["id"], own: [] };
    const since = async (mark: string) => (await Array.fromAsync(bench.connector.changedSince(query, mark, never))).flat();
    for (let id = 2; id <= 40; id++) await bench.erp.run("INSERT INTO fusertest_rows VALUES (?, 'more', NULL)", [id]);
    const [last] = (await Array.fromAsync(bench.connector.changedSince(query, undefined, never))).flat();
    const mark = String(BigInt(last?.mark ?? "0") + 1n);
    expect(await since(mark)).toEqual([]);
    await bench.erp.run("UPDATE fusertest_rows SET words = 'changed' WHERE id = 17");
    const seen = await since(mark);
    expect(seen.map(({ key }) => key)).toContain("17");
    // Of its block, and not of the whole table.
    expect(seen.length).toBeLessThan(10);
  });

  it("a LOB beyond the bound is not read: its row alone can't be decoded, is told apart by its length, and long ones come a few at a time", async () => {
    await bench.erp.run("CREATE TABLE fusertest_lobs (id INTEGER NOT NULL PRIMARY KEY, words CLOB, file_bytes BLOB)");
    try {
      // Past the wire, which takes such values a packet at a time.
      const put = (column: string, id: number, value: string | Uint8Array | null): void => {
        bench.erp.engine.admin.prepare(`UPDATE FUSERTEST_LOBS SET ${column} = ? WHERE ID = ?`).run(value, id);
      };
      bench.erp.engine.admin.exec(
        "INSERT INTO FUSERTEST_LOBS WITH n (id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < 20) SELECT id, printf('%.*c', 100000, 'a'), NULL FROM n",
      );
      put("WORDS", 3, "x".repeat(longestLob + 1));
      put("FILE_BYTES", 4, new Uint8Array(longestLob + 2));
      put("WORDS", 5, null);
      put("FILE_BYTES", 5, new Uint8Array([1, 2]));
      const child = { sql: "SELECT id, words FROM fusertest_lobs WHERE id = :row.id ORDER BY id", parameters: {} };
      const source = sourceOf("fusertest_lobs", ["id"], ["id", "words", "file_bytes"]);
      const whole = await bench.erp.open({ limits: { batchBytes: 300_000 } });
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
        await bench.erp.run("INSERT INTO fusertest_rows VALUES (3, 'three', NULL)");
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
      await bench.erp.run("DROP TABLE fusertest_lobs");
    }
  });

  it("a CHAR column is found by a value without the blanks that pad it", async () => {
    const source = sourceOf("fusertest_rows", ["code", "id"], ["code", "id"], { scope: [{ column: "code", value: "A" }] });
    expect((await collect(bench.connector.readKeys(source, ["A.1"], never))).map(({ key }) => key)).toEqual(["A.1"]);
    const asked: string[] = [];
    const execute = bench.erp.double.interfere;
    bench.erp.double.interfere = (what) => {
      if (what.sql.includes('"CODE" = ')) asked.push(...what.types.filter((type) => type === "VARCHAR2"));
      return execute(what);
    };
    await collect(bench.connector.scan(source, never));
    // A text that is bound as VARCHAR2 would be compared blank by blank.
    expect(asked).toEqual([]);
  });

  it("the feed asks for the versions of rows between two numbers, by statements that the tests below look at too", async () => {
    const feed = bench.connector.feed as Feed;
    const table = { table: "fusertest_rows", key: ["id"], own: ["id"] };
    bench.erp.engine.passTime(60_000);
    expect((await feed.check([table], never)).filter(({ severity }) => severity === "error")).toEqual([]);
    await using told = follow(
      feed,
      [table, { ...table, table: "fusertest_ledger", key: ["command_id"], own: [] }],
      await feed.begin([table], never),
    );
    await bench.erp.run("INSERT INTO fusertest_rows VALUES (2, 'two', 'B')");
    await told.until(() => told.keys().includes("2"));
    const asked = [...bench.erp.engine.executed].join("\n");
    for (const words of [
      /"FUSERTEST_ROWS" VERSIONS BETWEEN SCN :b\d+ AND :b\d+ WHERE \(VERSIONS_STARTSCN > /,
      /LAST_DDL_TIME/,
      /SYSTEM_CHANGE_NUMBER/,
    ])
      expect(asked).toMatch(words);
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
      const outcome = await bench.connector.write(planOf("2", { steps: [step] }), never);
      expect(outcome).toMatchObject({ state: "applied" });
      return Object.fromEntries((outcome as Extract<typeof outcome, { state: "applied" }>).results);
    };

    it("values of each kind go in and come out as they are, whatever the session's formats", async () => {
      await bench.erp.run(`CREATE PROCEDURE fusertest_kinds (d IN OUT DATE, flag IN OUT BOOLEAN, share IN OUT BINARY_DOUBLE, raw_id IN OUT RAW, code IN OUT CHAR, n IN NUMBER DEFAULT 5, m OUT NUMBER) IS BEGIN
  m := n + 1;
END;`);
      const args = { d: "2026-03-29T02:30:00", flag: "true", share: "0.25", raw_id: "00ff", code: "ab" };
      const out = { d: "d", flag: "flag", share: "share", raw: "RAW_ID", code: "code", m: "m" };
      const expected = { d: "2026-03-29T02:30:00", flag: true, share: 0.25, raw: Buffer.from([0, 255]), code: "ab", m: 6 };
      expect(await resultsOf(call("fusertest_kinds", args, { out }))).toEqual(expected);
    });

    it("a routine is found in its package, by its owner and behind a synonym, and among several of one name by its parameters", async () => {
      await bench.erp.run("CREATE FUNCTION fusertest_double (n IN NUMBER) RETURN NUMBER IS BEGIN RETURN n + n; END;");
      const { admin, owner } = bench.erp.engine;
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
        await bench.erp.run("DELETE FROM fusertest_ledger");
        expect(await resultsOf(call(name, { n: "21" }, { returns: "answer" })), name).toEqual({ answer: 42 });
      }
      const wrong = planOf("3", { steps: [call("fusertest_t.fusertest_double", { n: "1", other: "2" })] });
      await expect(bench.connector.write(wrong, never)).rejects.toMatchObject({ code: "erp-parameter-unknown" });
    });

    it("an sql step that runs a procedure which commits and begins anew makes the command uncertain", async () => {
      await bench.erp.run(
        "CREATE PROCEDURE fusertest_own (id IN NUMBER) IS BEGIN INSERT INTO fusertest_rows VALUES (id, 'own', NULL); COMMIT; UPDATE fusertest_rows SET words = 'anew' WHERE id = 1; END;",
      );
      const step: PlanStep = { kind: "sql", sql: "CALL fusertest_own(:id)", parameters: () => ({ id: 5 }) };
      expect(await bench.connector.write(planOf("5", { steps: [step] }), never)).toMatchObject({ state: "uncertain" });
      expect(await bench.erp.rows("SELECT words FROM fusertest_rows ORDER BY id")).toEqual([["one"], ["own"]]);
    });

    it("a connection that breaks during a call leaves nothing, and the call is tried again", async () => {
      await bench.erp.run(
        "CREATE PROCEDURE fusertest_add (id IN NUMBER) IS BEGIN INSERT INTO fusertest_rows VALUES (id, 'added', NULL); END;",
      );
      bench.once("FUSERTEST_ADD", "lost-after");
      const plan = planOf("6", { steps: [call("fusertest_add", { id: "6" })] });
      await expect(bench.connector.write(plan, never)).rejects.toMatchObject({ kind: "transient", code: "erp-connection-lost" });
      expect(await bench.connector.write({ ...plan, mayBeRepeated: true }, never)).toMatchObject({
        state: "applied",
        repeated: false,
      });
      expect(await bench.ids()).toEqual(["1", "6"]);
    });
  });

  it("each line of the scripts that `erpfuser grants` prints is one for Oracle's grammar", () => {
    const script = oracleGrantScript({ user: "fuser", schema: "it's" });
    const table = { table: 'erp."Auftrag"', read: ["id"], insert: ["id", "text"], update: ["text"], remove: true };
    const seen = { table: "t", read: ["id"], insert: [], update: [], remove: false };
    const calls = [{ name: "tools.next_number", kind: "procedure" as const }];
    const needs = {
      tables: [table, seen],
      calls,
      ledgers: ["fuser_ledger"],
      feeds: [{ name: "flashback-versions", tables: ["t"] }],
    };
    const lines = (["init", "grant", "revoke", "ledger"] as const).flatMap((kind) =>
      script(kind, needs, { version: "19.3.0.0.0", account: '"FUSER"' }).filter((line) => !/^(--|\/$)/.test(line)),
    );
    expect(lines.length).toBeGreaterThan(12);
    expect(lines.map((line) => [line, plsqlFault(line)]).filter(([, fault]) => fault !== undefined)).toEqual([]);
    for (const wrong of [
      'GRANT INSERT ("ID" ON "T" TO "FUSER"',
      'REVOKE UPDATE ("ID") ON "T" FROM "FUSER"',
      'REVOKE SELECT ON "T" TO "FUSER"',
    ])
      expect(plsqlFault(wrong), wrong).toBeDefined();
  }, 300_000);

  it("every statement that the connector made is one for Oracle's grammar, which does refuse others", () => {
    expect(plsqlFault("SELECT * FROM t LIMIT 5 OFFSET")).toBeDefined();
    expect(plsqlFault("SELECT a FROM t WHERE a = = 1")).toBeDefined();
    expect(plsqlFault("SELECT a FROM t VERSIONS BETWEEN SCN 1 WHERE a = 1")).toBeDefined();
    expect(plsqlFault("SELECT a FROM t VERSIONS SCN BETWEEN 1 AND 2")).toBeDefined();
    const own = [...bench.erp.engine.statements].filter((sql) => !/^(CREATE|DROP) /.test(sql));
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

  it("none of them changes the schema, the system or rights, or locks a table; rows are locked by a condition, and not waited for without end; reads come in portions or by key", () => {
    const own = [...bench.erp.engine.executed].map((sql) => sql.replaceAll(/'(?:[^']|'')*'/g, "''"));
    // What the suite itself defines names things of its own.
    const forbidden =
      /(^|;)\s*(CREATE|DROP)\b(?![\s\S]*\bfuser)|(^|;)\s*(ALTER(?! SESSION\b)|TRUNCATE|GRANT|REVOKE|LOCK|RENAME|ANALYZE|MERGE|PURGE|FLASHBACK|COMMENT)\b|SERIALIZABLE/i;
    expect(own.filter((sql) => forbidden.test(sql))).toEqual([]);
    const locking = own.filter((sql) => /\bFOR UPDATE\b/i.test(sql));
    expect(locking.length).toBeGreaterThan(0);
    expect(locking.filter((sql) => !/\bWHERE\b[\s\S]+ FOR UPDATE (NOWAIT|WAIT \d+)/.test(sql))).toEqual([]);
    const reads = own.filter((sql) => /^SELECT\b[\s\S]*\bFROM "FUSERTEST_/.test(sql));
    expect(reads.length).toBeGreaterThan(10);
    expect(reads.filter((sql) => !/\bFETCH (FIRST|NEXT)\b|\bROWNUM\b|\bWHERE\b|COUNT\(\*\)/.test(sql))).toEqual([]);
  });
});
