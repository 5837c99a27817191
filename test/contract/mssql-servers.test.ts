// Several servers of one SQL Server database (an availability group without its listener, a mirror): the one that can be written to is found, and nothing is asked of a
// replica that a replica may not know yet. Two doubles stand for two replicas.
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Connector, WritePlan } from "../../connectors/connector.ts";
import type { Feed } from "../../connectors/feed.ts";
import { mssql } from "../../connectors/mssql/connector.ts";
import { SqlError } from "../doubles/tds/engine/sql-error.ts";
import { follow } from "./erp/follow.ts";
import { mssqlSubject } from "./erp/mssql.ts";
import { collect, contextOf, never, sourceOf } from "./erp/subject.ts";

type Replica = Awaited<ReturnType<typeof mssqlSubject>>;

const rows = sourceOf("fusertest_rows", ["id"], ["id", "words"]);
const fed = [{ table: "fusertest_rows", key: ["id"], own: ["id"] }];
const versions = { table: "fusertest_rows", column: "rv", kind: "sequence", key: ["id"], own: [] } as const;

describe("SQL Server: several servers", () => {
  const group = "9E0BB8F1-8A38-4B1C-94A1-0C7F1D4E3A55";
  let one: Replica;
  let other: Replica;
  let connector: Connector;
  beforeEach(async () => {
    one = await replica("ONE");
    other = await replica("OTHER");
  });
  afterEach(async () => {
    await connector?.close();
    await one[Symbol.asyncDispose]();
    await other[Symbol.asyncDispose]();
  });

  async function replica(server: string, of: { group?: string } = { group }): Promise<Replica> {
    const erp = await mssqlSubject({ server, ...of });
    await erp.run("CREATE TABLE fusertest_rows (id INT NOT NULL PRIMARY KEY, words NVARCHAR(20), rv ROWVERSION)");
    await erp.run("CREATE TABLE fusertest_ledger (command_id NVARCHAR(60) NOT NULL PRIMARY KEY, results NVARCHAR(2000))");
    await erp.run("ALTER DATABASE erp SET CHANGE_TRACKING = ON");
    await erp.run("ALTER TABLE fusertest_rows ENABLE CHANGE_TRACKING");
    await erp.run("INSERT INTO fusertest_rows (id, words) VALUES (1, ?)", [server]);
    return erp;
  }

  const secondary = ({ double }: Replica, is = true): void => {
    double.database.options.secondary = is;
  };
  /** What a replica answers to logins while it changes its role. */
  const away = ({ double }: Replica, number: number): void => {
    double.onLogin = () => new SqlError(number, "The database 'erp' is not accessible for queries.", { severity: 14 });
    double.restart();
  };
  async function open(...servers: Replica[]): Promise<void> {
    const server = servers.map(({ double }) => `127.0.0.1:${double.port}`);
    const settings = { server, database: "erp", user: "erp", password: { secret: "erp" }, tls: { mode: "off" as const } };
    connector = await mssql.open(settings, async () => "secret", contextOf());
  }
  const readFrom = async () => (await collect(connector.readKeys(rows, ["1"], never)))[0]?.row.values[1];
  const polled = async () => (await Array.fromAsync(connector.changedSince(versions, "0", never))).flat().length;
  const write = (commandId: string) => {
    const plan: WritePlan = {
      commandId,
      idempotency: { way: "ledger", table: "fusertest_ledger", commandId },
      mayBeRepeated: false,
      steps: [{ kind: "insert", table: "fusertest_rows", values: () => ({ id: Number(commandId), words: "new" }) }],
      resultKey: () => [commandId],
      found: {},
      rehearse: false,
    };
    return connector.write(plan, never);
  };

  it("the first that can be written to is taken, for reads, polls, writes and the feed", async () => {
    secondary(one);
    await open(one, other);
    expect(await readFrom()).toBe("OTHER");
    expect(await polled()).toBe(1);
    expect(await write("7")).toMatchObject({ state: "applied" });
    await using told = follow(connector.feed as Feed, fed, await (connector.feed as Feed).begin(fed, never));
    await other.run("INSERT INTO fusertest_rows (id, words) VALUES (8, 'told')");
    await told.until(() => told.keys().includes("8"));
  });

  it.each([976, 983, 40613])(
    "after a failover, while the old primary answers %i, the new one is taken by itself",
    async (number) => {
      secondary(other);
      await open(one, other);
      expect(await readFrom()).toBe("ONE");
      expect(await write("7")).toMatchObject({ state: "applied" });
      away(one, number);
      secondary(other, false);
      expect(await readFrom()).toBe("OTHER");
      expect(await write("8")).toMatchObject({ state: "applied" });
      expect(await other.rows("SELECT id FROM fusertest_rows ORDER BY id")).toEqual([["1"], ["8"]]);
    },
  );

  it("a primary that becomes a replica without breaking a connection is left at the first refusal", async () => {
    secondary(other);
    await open(one, other);
    expect(await write("7")).toMatchObject({ state: "applied" });
    expect(await readFrom()).toBe("ONE");
    secondary(one);
    secondary(other, false);
    await expect(write("8")).rejects.toMatchObject({ kind: "transient", code: "erp-read-only" });
    expect(await write("8")).toMatchObject({ state: "applied" });
    expect(await readFrom()).toBe("OTHER");
  });

  it("where replicas alone answer everything waits for the primary: reads, which would show what is older than what was read, writes, rowversions and the feed", async () => {
    secondary(one);
    secondary(other);
    await open(one, other);
    const waits = { kind: "transient", code: "erp-read-only" };
    await expect(readFrom()).rejects.toMatchObject(waits);
    await expect(write("7")).rejects.toMatchObject(waits);
    await expect(polled()).rejects.toMatchObject(waits);
    await expect((connector.feed as Feed).begin(fed, never)).rejects.toMatchObject(waits);
    secondary(other, false);
    expect(await write("7")).toMatchObject({ state: "applied" });
    expect(await readFrom()).toBe("OTHER");
    expect(await polled()).toBe(2);
  });

  it("a replica that is named alone is read, and refuses the rest with what to do; check says so beforehand", async () => {
    secondary(one);
    await open(one);
    expect(await readFrom()).toBe("ONE");
    const primary = expect.stringMatching(/primary|listener/);
    await expect(write("7")).rejects.toMatchObject({ kind: "config", code: "erp-read-only", hint: primary });
    await expect(polled()).rejects.toMatchObject({ kind: "config", code: "erp-cursor-unusable", hint: primary });
    const feed = connector.feed as Feed;
    await expect(feed.begin(fed, never)).rejects.toMatchObject({ kind: "config", code: "erp-feed-replica", hint: primary });
    expect((await feed.check(fed, never)).map(({ code }) => code)).toContain("erp-feed-replica");
    const codes = async (writes: string[]) => (await connector.check(never, { read: [], write: writes })).map(({ code }) => code);
    expect(await codes([])).toContain("erp-standby");
    expect(await codes(["fusertest_rows"])).toContain("erp-read-only");
  });

  it("of one database in a group the primary's name is told, and no replica's, also where no connection broke", async () => {
    secondary(other);
    await open(one, other);
    const before = await connector.identity(never);
    expect(before.server).toBe("ONE");
    secondary(one);
    await expect(write("7")).rejects.toMatchObject({ code: "erp-read-only" });
    await expect(connector.identity(never)).rejects.toMatchObject({ code: "erp-read-only" });
    secondary(other, false);
    expect(await write("8")).toMatchObject({ state: "applied" });
    expect(await connector.identity(never)).toMatchObject({ database: before.database, server: "OTHER" });
    expect(before).not.toHaveProperty("family");
  });

  it("the two of a mirror, which have identities of their own, have a family, and a feed goes on where it stopped", async () => {
    await one[Symbol.asyncDispose]();
    await other[Symbol.asyncDispose]();
    [one, other] = [await replica("ONE", {}), await replica("OTHER", {})];
    await open(one, other);
    const before = await connector.identity(never);
    const position = await (connector.feed as Feed).begin(fed, never);
    away(one, 976);
    const { database, family, server } = await connector.identity(never);
    expect(database).not.toBe(before.database);
    await other.run("INSERT INTO fusertest_rows (id, words) VALUES (9, 'behind it')");
    await using told = follow(connector.feed as Feed, fed, position);
    await told.until(() => told.keys().includes("9"));
    expect(told.position).toContain("OTHER");
    expect(family).toContain(`127.0.0.1:${other.double.port}`);
    expect([family, server]).toEqual([before.family, undefined]);
  });

  it("a refused password is told at once, and not tried on every server", async () => {
    await open(one, other);
    let asked = 0;
    other.double.onLogin = () => {
      asked += 1;
      return undefined;
    };
    one.double.onLogin = () => new SqlError(18456, "Login failed for user 'erp'.", { state: 8, severity: 14 });
    await expect(readFrom()).rejects.toMatchObject({ kind: "config", code: "erp-login-refused" });
    expect(asked).toBe(0);
  });
});
