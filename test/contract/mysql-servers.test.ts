// A primary and its replica, both named by the configuration: which one is taken, and what is told when the other one takes over.
import type { Connection, RowDataPacket } from "mysql2/promise";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Connector, StepResults, WritePlan } from "../../connectors/connector.ts";
import { mysql } from "../../connectors/mysql/connector.ts";
import type { MariaDb } from "../support/mariadb.ts";
import { freePort, has, mariadb } from "../support/servers.ts";
import { collect, contextOf, never, sourceOf } from "./erp/subject.ts";

const things = sourceOf("things", ["id"], ["id", "words"]);

describe.skipIf(!has("mariadb"))("MariaDB: several servers", () => {
  let primary: MariaDb;
  let replica: MariaDb;
  let admins: { primary: Connection; replica: Connection };

  beforeAll(async () => {
    [primary, replica] = await Promise.all([
      mariadb(),
      mariadb({ extraFlags: ["--server-id=2", "--log-slave-updates", "--read-only"] }),
    ]);
    admins = { primary: await primary.connect(), replica: await replica.connect() };
    const source = `MASTER_HOST = '127.0.0.1', MASTER_PORT = ${primary.port}, MASTER_USER = 'root', MASTER_PASSWORD = '${primary.password}'`;
    await admins.replica.query(`CHANGE MASTER TO ${source}`);
    await admins.replica.query("START SLAVE");
    for (const statement of [
      "CREATE DATABASE erp",
      "CREATE TABLE erp.things (id INT AUTO_INCREMENT PRIMARY KEY, words VARCHAR(40), command VARCHAR(40) UNIQUE)",
      "INSERT INTO erp.things (words) VALUES ('one')",
      "CREATE USER agent@'%' IDENTIFIED BY 'secret'",
      "GRANT SELECT, INSERT, UPDATE ON erp.* TO agent@'%'",
    ])
      await admins.primary.query(statement);
    await followed();
  });
  afterAll(async () => {
    await Promise.all([admins?.primary, admins?.replica].map((admin) => admin?.end().catch(() => admin.destroy())));
    await Promise.all([primary?.stop(), replica?.stop()]);
  });

  /** The replica has carried out what the primary has. */
  async function followed(): Promise<void> {
    const [[at]] = (await admins.primary.query("SELECT @@gtid_binlog_pos AS gtids")) as unknown as [[{ gtids: string }]];
    const [[done]] = await admins.replica.query<RowDataPacket[]>("SELECT MASTER_GTID_WAIT(?, 30) AS done", [at.gtids]);
    expect(done?.done).toBe(0);
  }

  const at = ({ port }: { port: number }): string => `127.0.0.1:${port}`;
  const open = (...server: string[]): Promise<Connector> =>
    mysql.open(
      { server, database: "erp", user: "agent", password: { secret: "erp" } },
      async () => "secret",
      contextOf({ limits: { lockTimeoutMs: 20_000 } }),
    );
  const insert = (id: string): WritePlan => ({
    commandId: id,
    idempotency: { way: "column", table: "things", column: "command", value: id },
    mayBeRepeated: false,
    steps: [{ kind: "insert", table: "things", values: () => ({ words: "written", command: id }), returning: { id: "id" } }],
    resultKey: (results: StepResults) => [results.get("id") ?? null],
    found: { id: "id" },
    rehearse: false,
  });
  const written = async (admin: Connection, id: string): Promise<unknown> => {
    const [rows] = await admin.query<RowDataPacket[]>("SELECT COUNT(*) AS n FROM erp.things WHERE command = ?", [id]);
    return rows[0]?.n;
  };
  const noPrimary = { kind: "transient", code: "erp-read-only" };

  it("the one that can be written to is taken whatever the order; check names one that is away, and two that can be written to", async () => {
    const connector = await open(at(replica), at(primary));
    expect(await connector.write(insert("first"), never)).toMatchObject({ state: "applied" });
    expect(await written(admins.primary, "first")).toBe(1);
    const codes = async (of: Connector) =>
      (await of.check(never)).filter(({ severity }) => severity !== "info").map(({ code }) => code);
    expect(await codes(connector)).toEqual([]);
    await admins.replica.query("SET GLOBAL read_only = OFF");
    expect(await codes(connector)).toEqual(["erp-several-primaries"]);
    await admins.replica.query("SET GLOBAL read_only = ON");
    await connector.close();
    const lame = await open(at({ port: await freePort() }), at(primary));
    expect(await collect(lame.readKeys(things, ["1"], never))).toHaveLength(1);
    expect(await codes(lame)).toEqual(["erp-unreachable"]);
    await lame.close();
  });

  it("when they change places open sessions do not stay on the old one: a write is tried again, reads follow, and the identity tells of it", async () => {
    const connector = await open(at(primary), at(replica));
    const before = await connector.identity(never);
    expect(await connector.write(insert("second"), never)).toMatchObject({ state: "applied" });
    await collect(connector.readKeys(things, ["1"], never));
    await admins.primary.query("SET GLOBAL read_only = ON");
    await expect(connector.write(insert("third"), never)).rejects.toMatchObject(noPrimary);
    await expect(connector.write(insert("third"), never)).rejects.toMatchObject(noPrimary);
    await expect(collect(connector.readKeys(things, ["1"], never))).rejects.toMatchObject(noPrimary);
    await followed();
    await admins.replica.query("STOP SLAVE");
    await admins.replica.query("SET GLOBAL read_only = OFF");
    expect(await connector.write({ ...insert("third"), mayBeRepeated: true }, never)).toMatchObject({ state: "applied" });
    expect([await written(admins.primary, "third"), await written(admins.replica, "third")]).toEqual([0, 1]);
    await admins.replica.query("INSERT INTO erp.things (id, words) VALUES (100, 'only here')");
    expect(await collect(connector.readKeys(things, ["100"], never))).toHaveLength(1);
    const after = await connector.identity(never);
    expect(after.family).toBe(before.family);
    expect(after.database).not.toBe(before.database);
    expect(Number(after.position?.["0"])).toBeGreaterThan(Number(before.position?.["0"]));
    await connector.close();
  });

  it("a server that is locked without a write is noticed by the next look at its identity", async () => {
    const connector = await open(at(replica), at(primary));
    await connector.identity(never);
    await admins.replica.query("SET GLOBAL read_only = ON");
    await expect(connector.identity(never)).rejects.toMatchObject(noPrimary);
    await admins.primary.query("SET GLOBAL read_only = OFF");
    expect((await connector.identity(never)).database).toContain(`:${primary.port}:`);
    await connector.close();
  });

  it("a primary that dies is passed over, with what lay idle on it", async () => {
    const connector = await open(at(primary), at(replica));
    await collect(connector.readKeys(things, ["1"], never));
    await admins.replica.query("SET GLOBAL read_only = OFF");
    admins.primary.destroy();
    await primary.kill9();
    expect(await collect(connector.readKeys(things, ["1"], never))).toHaveLength(1);
    expect(await connector.write(insert("fourth"), never)).toMatchObject({ state: "applied" });
    expect(await written(admins.replica, "fourth")).toBe(1);
    await connector.close();
  });
});
