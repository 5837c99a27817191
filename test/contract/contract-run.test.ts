// `npm run contract` on a server that a user names: what it may touch there, and that its figures are those of what ran.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { mysqlCapabilities } from "../../connectors/mysql/capabilities.ts";
import type { MariaDb } from "../support/mariadb.ts";
import { runNode } from "../support/run/child.ts";
import { has, mariadb } from "../support/servers.ts";
import { namedPlace } from "./erp/named.ts";

describe("a server's address", () => {
  it("holds everything but the password", () => {
    expect(namedPlace("mysql://fuser@erp01/db", "mysql", 3306)).toEqual({
      connector: "mysql",
      host: "erp01",
      port: 3306,
      user: "fuser",
      database: "db",
    });
    expect(() => namedPlace("mysql://fuser:secret@erp01/db", "mysql", 3306)).toThrow("ERPFUSER_CONTRACT_PASSWORD");
    for (const text of ["erp01", "mysql://erp01/db", "mysql://fuser@erp01", "mysql://fuser@erp01/a/b"]) {
      expect(() => namedPlace(text, "mysql", 3306)).toThrow("mysql://user@host:port/database");
    }
  });
});

// Each is a run of vitest within this one.
describe.skipIf(!has("mariadb"))("the contract suite on a named MariaDB", { timeout: 120_000 }, () => {
  let server: MariaDb;
  beforeAll(async () => {
    server = await mariadb();
  });
  afterAll(async () => {
    await server?.stop();
  });

  async function contract(database: string, more: { args?: string[]; password?: string } = {}) {
    const url = `mysql://root@127.0.0.1:${server.port}/${database}`;
    const ended = await runNode({
      args: [
        "test/support/run/contract.ts",
        "--json",
        "--connector",
        "mysql",
        "--url",
        url,
        ...(more.args ?? []),
        "connector-powers",
      ],
      env: { ERPFUSER_CONTRACT_PASSWORD: more.password ?? server.password },
    });
    const line = ended.output.split("\n").find((text) => text.startsWith("{"));
    return { ...ended, figures: line === undefined ? undefined : JSON.parse(line) };
  }

  async function tablesOf(database: string): Promise<string[]> {
    const connection = await server.connect();
    const [rows] = await connection.query({ sql: `SHOW TABLES FROM ${database}`, rowsAsArray: true });
    await connection.end();
    return (rows as string[][]).flat();
  }

  it("runs in an empty database and leaves it empty, whatever an earlier run left of its own", async () => {
    await server.createDatabase("empty");
    const connection = await server.connect();
    await connection.query("CREATE TABLE empty.fusertest_powers (something INTEGER)");
    await connection.end();
    const { figures, code, output } = await contract("empty");
    expect(output).toContain("the server's parser takes all 7 statements");
    expect(figures).toEqual({
      connectors: { mysql: { passed: 7, failed: 0, unsupported: [...mysqlCapabilities.unsupported].sort() } },
    });
    expect(code).toBe(0);
    expect(await tablesOf("empty")).toEqual([]);
  });

  it("refuses a database with other tables, and touches none of them when it is forced", async () => {
    await server.createDatabase("used");
    const connection = await server.connect();
    await connection.query("CREATE TABLE used.orders (id INTEGER)");
    await connection.query("INSERT INTO used.orders VALUES (1)");
    const refused = await contract("used");
    expect(refused.output).toContain("1 tables that are not ours (orders)");
    expect(refused.figures).toEqual({ connectors: { mysql: { passed: 0, failed: 1, unsupported: [] } } });
    expect(refused.code).toBe(1);
    expect((await contract("used", { args: ["--force"] })).figures.connectors.mysql).toMatchObject({ passed: 7, failed: 0 });
    const [rows] = await connection.query({ sql: "SELECT id FROM used.orders", rowsAsArray: true });
    await connection.end();
    expect(rows).toEqual([[1]]);
    expect(await tablesOf("used")).toEqual(["orders"]);
  });

  it("counts a server that lets nobody in as failed", async () => {
    await server.createDatabase("closed");
    const { figures, code } = await contract("closed", { password: "wrong" });
    expect(figures).toEqual({ connectors: { mysql: { passed: 0, failed: 1, unsupported: [] } } });
    expect(code).toBe(1);
  });
});
