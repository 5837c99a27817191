// The TNS double itself, driven by the real driver: what it says over the wire is what the database behind it said.
import oracledb from "oracledb";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Answer, type Asked, type Database, OracleError, type OutValue } from "../doubles/tns/database.ts";
import { decodeNumber, encodeNumber } from "../doubles/tns/number.ts";
import { startTnsDouble, type TnsDouble } from "../doubles/tns/server.ts";

/** Answers what a test tells it to, and remembers what it was asked. */
function scripted(): Database & { asked: Asked[]; answers: (asked: Asked) => Answer | Promise<Answer>; finished: string[] } {
  const self = {
    asked: [] as Asked[],
    finished: [] as string[],
    answers: (_: Asked): Answer | Promise<Answer> => ({ affected: 0 }),
    serviceName: "DOUBLE",
    password: (user: string) => (user === "SCOTT" ? "tiger" : undefined),
    login: () => {
      let open = false;
      return {
        async execute(asked: Asked): Promise<Answer> {
          if (/DBTIMEZONE/.test(asked.sql)) return { columns: [{ name: "DBTIMEZONE", type: "VARCHAR2" }], rows: [["+00:00"]] };
          self.asked.push(asked);
          open = /^(insert|update|delete|begin)/i.test(asked.sql);
          return self.answers(asked);
        },
        commit() {
          self.finished.push("commit");
          open = false;
        },
        rollback() {
          self.finished.push("rollback");
          open = false;
        },
        inTransaction: () => open,
        close: () => {},
      };
    },
  };
  return self;
}

describe("the TNS double", () => {
  let double: TnsDouble;
  let database: ReturnType<typeof scripted>;
  let connection: oracledb.Connection;
  const connect = (more: Partial<oracledb.ConnectionAttributes> = {}): Promise<oracledb.Connection> =>
    oracledb.getConnection({ user: "scott", password: "tiger", connectString: `127.0.0.1:${double.port}/DOUBLE`, ...more });
  beforeEach(async () => {
    database = scripted();
    double = await startTnsDouble(database);
    connection = await connect();
  });
  afterEach(async () => {
    await connection.close().catch(() => {});
    await double[Symbol.asyncDispose]();
  });

  it("numbers are exact at every size", () => {
    const numbers = [
      "0",
      "1",
      "-1",
      "100",
      "123.45",
      "-0.001",
      "12345678901234567890123456789012345678",
      "0.0000001",
      "-99999.9999",
    ];
    for (const text of numbers) expect(decodeNumber(encodeNumber(text))).toBe(text);
  });

  it("a right password is let in and the version is told; a wrong one, an unknown user and an unknown service are refused", async () => {
    expect(connection.oracleServerVersionString).toBe("19.22.0.0.0");
    await expect(connect({ password: "lion" })).rejects.toMatchObject({ errorNum: 1017 });
    await expect(connect({ user: "nobody" })).rejects.toMatchObject({ errorNum: 1017 });
    await expect(connect({ connectString: `127.0.0.1:${double.port}/OTHER` })).rejects.toMatchObject({ code: "NJS-518" });
  });

  it("rows of every type arrive, over as many fetches as they need", async () => {
    database.answers = () => ({
      columns: [
        { name: "N", type: "NUMBER" },
        { name: "I", type: "NUMBER", precision: 10, scale: 0, nullable: false },
        { name: "V", type: "VARCHAR2", size: 40 },
        { name: "R", type: "RAW", size: 4 },
        { name: "D", type: "BINARY_DOUBLE" },
        { name: "C", type: "CLOB" },
      ],
      rows: Array.from({ length: 1000 }, (_, index) => [
        `${index}.25`,
        String(index),
        `Straße 🏠 ${index}`,
        Buffer.from([0, 255]),
        -1.5,
        "é".repeat(5000),
      ]),
    });
    const { rows = [], metaData = [] } = await connection.execute<unknown[]>("SELECT everything FROM somewhere", [], {
      fetchTypeHandler: ({ dbType }) =>
        dbType === oracledb.DB_TYPE_NUMBER || dbType === oracledb.DB_TYPE_CLOB ? { type: oracledb.STRING } : undefined,
      fetchArraySize: 300,
    });
    expect(rows.length).toBe(1000);
    expect(rows[999]).toEqual(["999.25", "999", "Straße 🏠 999", Buffer.from([0, 255]), -1.5, "é".repeat(5000)]);
    expect(metaData.map(({ name, dbTypeName, scale, nullable }) => [name, dbTypeName, scale, nullable])).toEqual([
      ["N", "NUMBER", -127, true],
      ["I", "NUMBER", 0, false],
      ["V", "VARCHAR2", undefined, true],
      ["R", "RAW", undefined, true],
      ["D", "BINARY_DOUBLE", undefined, true],
      ["C", "CLOB", undefined, true],
    ]);
  });

  it("binds arrive with their types, long ones too, and RETURNING and OUT parameters bring values back", async () => {
    const long = "ü".repeat(40_000);
    database.answers = ({ sql }) => {
      const rows = { columns: [{ name: "A", type: "NUMBER" as const }], rows: [["7"]] };
      const out = new Map<number, OutValue>().set(1, "42.5").set(2, rows);
      if (/^BEGIN/.test(sql)) return { affected: 0, out };
      return { affected: 1, returned: [["77", "kept"]] };
    };
    const text = (dir: number) => ({ dir, type: oracledb.STRING, maxSize: 100 });
    const inserted = await connection.execute("INSERT INTO t VALUES (:1, :2, :3, :4) RETURNING a, b INTO :5, :6", [
      12n,
      { val: "ab", type: oracledb.DB_TYPE_CHAR },
      long,
      null,
      text(oracledb.BIND_OUT),
      text(oracledb.BIND_OUT),
    ]);
    expect(inserted).toMatchObject({ outBinds: [["77"], ["kept"]], rowsAffected: 1 });
    const binds = database.asked[0]?.binds.map(({ type, value }) => [type, value]).slice(0, 4);
    expect(binds).toEqual([
      ["NUMBER", "12"],
      ["CHAR", "ab"],
      [expect.any(String), long],
      ["VARCHAR2", null],
    ]);
    const called = await connection.execute<{ out: string; rows: oracledb.ResultSet<unknown[]> }>(
      "BEGIN p(:a, :out, :rows); END;",
      {
        a: 1,
        out: text(oracledb.BIND_OUT),
        rows: { dir: oracledb.BIND_OUT, type: oracledb.CURSOR },
      },
    );
    expect(called.outBinds?.out).toBe("42.5");
    expect(await called.outBinds?.rows.getRows()).toEqual([[7]]);
    await called.outBinds?.rows.close();
  });

  it("a transaction is told with each answer, and an error by its number", async () => {
    await connection.execute("INSERT INTO t VALUES (1)");
    expect(connection.transactionInProgress).toBe(true);
    await connection.commit();
    expect(connection.transactionInProgress).toBe(false);
    database.answers = () => {
      throw new OracleError(1, "unique constraint (SCOTT.PK) violated");
    };
    await expect(connection.execute("INSERT INTO t VALUES (1)")).rejects.toMatchObject({ errorNum: 1 });
    await connection.rollback();
    expect(database.finished).toEqual(["commit", "rollback"]);
  });

  it("a statement that takes too long is interrupted, and the connection serves on", async () => {
    double.interfere = ({ sql }) => (/slow/.test(sql) ? "silent" : undefined);
    connection.callTimeout = 100;
    await expect(connection.execute("UPDATE slow SET a = 1")).rejects.toMatchObject({ code: "NJS-123" });
    connection.callTimeout = 0;
    expect((await connection.execute("UPDATE quick SET a = 1")).rowsAffected).toBe(0);
  });

  it("a connection that breaks is an error, and a restarted server takes new ones on the same port", async () => {
    double.interfere = () => "lost";
    await expect(connection.execute("UPDATE t SET a = 1")).rejects.toMatchObject({ code: "NJS-500" });
    double.interfere = () => undefined;
    await double.stop();
    await expect(connect()).rejects.toMatchObject({ code: "NJS-503" });
    await double.start();
    await (await connect()).close();
  });
});
