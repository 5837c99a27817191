// The binlog of servers that are set up in another way than usual: encrypted, replicated, without a binlog or with a filter.
import { createConnection } from "mysql2/promise";
import { describe, expect, it } from "vitest";
import type { Feed, FeedTable } from "../../connectors/feed.ts";
import type { MysqlSettings } from "../../connectors/mysql/config.ts";
import { mysql } from "../../connectors/mysql/connector.ts";
import { signedCertificate } from "../support/certificates.ts";
import { has, mariadb, tempDirectory } from "../support/servers.ts";
import { follow } from "./erp/follow.ts";
import { contextOf, never } from "./erp/subject.ts";

const rows: FeedTable = { table: "r", key: ["id"], own: ["id"] };

interface Place {
  host: string;
  port: number;
  user: string;
  password: string;
}

const open = (at: Place, more: Partial<MysqlSettings> = {}) =>
  mysql.open(
    { server: at.host, port: at.port, database: "erp", user: at.user, password: { secret: "erp" }, ...more },
    async () => at.password,
    contextOf(),
  );

async function run(at: Place, ...statements: string[]): Promise<void> {
  const connection = await createConnection({ host: at.host, port: at.port, user: at.user, password: at.password });
  try {
    for (const statement of statements) await connection.query(statement);
  } finally {
    await connection.end();
  }
}

const made = ["CREATE DATABASE erp", "CREATE TABLE erp.r (id INT NOT NULL PRIMARY KEY)"];

describe.skipIf(!has("mariadb"))("MariaDB: the binlog of a server", () => {
  it("that demands encryption is read by it, and not at all where the certificate is nobody's", async () => {
    await using folder = await tempDirectory();
    const { ca, cert, key } = signedCertificate(folder.path, "own");
    const other = signedCertificate(folder.path, "other").ca;
    await using server = await mariadb({ extraFlags: [`--ssl-ca=${ca}`, `--ssl-cert=${cert}`, `--ssl-key=${key}`] });
    await run(server, ...made, "CREATE USER fed@'%' IDENTIFIED BY 'x' REQUIRE SSL", "GRANT ALL ON *.* TO fed@'%'");
    const at = { host: server.host, port: server.port, user: "fed", password: "x" };
    const refused = await open(at, { tls: { ca: other } });
    await expect((refused.feed as Feed).begin([rows], never)).rejects.toMatchObject({ kind: "config", code: "erp-tls-refused" });
    await refused.close();
    const connector = await open(at, { tls: { ca } });
    const feed = connector.feed as Feed;
    {
      await using told = follow(feed, [rows], await feed.begin([rows], never));
      await run(server, "INSERT INTO erp.r VALUES (1)");
      await told.until(() => told.keys().includes("1"));
    }
    await connector.close();
  });

  it("that takes over from another one goes on behind the other's position, told by its transactions", async () => {
    await using primary = await mariadb();
    await using replica = await mariadb({ extraFlags: ["--server-id=2", "--log-slave-updates"] });
    // The replica takes over the primary's password as well.
    const second = { host: replica.host, port: replica.port, user: primary.user, password: primary.password };
    await run(
      replica,
      `CHANGE MASTER TO MASTER_HOST = '127.0.0.1', MASTER_PORT = ${primary.port}, MASTER_USER = '${primary.user}', MASTER_PASSWORD = '${primary.password}'`,
      "START SLAVE",
    );
    await run(primary, ...made, "INSERT INTO erp.r VALUES (1)");
    const before = await open(primary);
    const position = await (before.feed as Feed).begin([rows], never);
    await run(primary, "INSERT INTO erp.r VALUES (2)");
    const end = await (before.feed as Feed).begin([rows], never);
    await before.close();
    const after = await open(second);
    const feed = after.feed as Feed;
    const arrived = async (): Promise<unknown> => {
      try {
        const connection = await createConnection({ ...second, database: "erp" });
        const [found] = await connection.query("SELECT COUNT(*) AS n FROM r");
        await connection.end();
        return (found as { n: number }[])[0]?.n;
      } catch {
        return undefined;
      }
    };
    await expect.poll(arrived).toBe(2);
    const asReplica = await feed.check([rows], never);
    expect(asReplica.map(({ code }) => code)).toContain("erp-feed-replica");
    await run(second, "STOP SLAVE", "RESET SLAVE ALL");
    {
      // While nothing comes the position says nothing of the other server's files, which have the same names.
      await using first = follow(feed, [rows], end);
      await first.until(() => first.batches.length > 0);
      await using again = follow(feed, [rows], first.position);
      await again.until(() => again.batches.length > 0);
    }
    await run(second, "INSERT INTO erp.r VALUES (3)");
    expect((await feed.check([rows], never)).filter(({ severity }) => severity === "error")).toEqual([]);
    {
      await using told = follow(feed, [rows], position);
      await told.until(() => told.keys().length === 2);
      expect(told.keys().sort()).toEqual(["2", "3"]);
    }
    // What the new primary has counted itself the old one does not have; what the old one has counted proves nothing to it, and is no loss.
    const later = await feed.begin([rows], never);
    await after.close();
    const old = await open(primary);
    expect(await follow(old.feed as Feed, [rows], later).failed()).toMatchObject({
      kind: "history-lost",
      code: "erp-feed-other-history",
    });
    const backAgain = JSON.stringify({ ...JSON.parse(later), gtids: JSON.parse(end).gtids });
    expect(await follow(old.feed as Feed, [rows], backAgain).failed()).toMatchObject({
      kind: "history-lost",
      code: "erp-feed-gap",
    });
    await old.close();
  });

  it("that writes no binlog of what it carried out as a replica has a gap there, and no other history", async () => {
    await using primary = await mariadb();
    await using replica = await mariadb({ extraFlags: ["--server-id=2"] });
    const second = { host: replica.host, port: replica.port, user: replica.user, password: replica.password };
    await run(primary, ...made);
    const before = await open(primary);
    await run(primary, "INSERT INTO erp.r VALUES (1)");
    const position = await (before.feed as Feed).begin([rows], never);
    await before.close();
    const { gtids } = JSON.parse(position) as { gtids: string };
    await run(second, ...made, "RESET MASTER", `SET GLOBAL gtid_slave_pos = '${gtids}'`);
    const after = await open(second);
    expect(await follow(after.feed as Feed, [rows], position).failed()).toMatchObject({
      kind: "history-lost",
      code: "erp-feed-gap",
    });
    await after.close();
  });

  it("without a binlog, or with one that leaves the database out, is told by check with what to change", async () => {
    await using silent = await mariadb({ extraFlags: ["--skip-log-bin"] });
    await run(silent, ...made);
    const connector = await open(silent);
    const feed = connector.feed as Feed;
    const found = await feed.check([rows], never);
    expect(found.map(({ severity, code, remedy }) => `${severity} ${code} ${remedy.slice(0, 12)}`)).toEqual([
      "error erp-feed-settings log_bin = ON",
    ]);
    await expect(feed.begin([rows], never)).rejects.toMatchObject({ kind: "config", code: "erp-feed-settings" });
    await connector.close();
    for (const [flag, severity] of [
      ["--binlog-ignore-db=erp", "error"],
      ["--binlog-do-db=other", "error"],
      ["--binlog-ignore-db=other", "warning"],
    ] as const) {
      await using filtering = await mariadb({ extraFlags: [flag] });
      await run(filtering, ...made);
      const filtered = await open(filtering);
      const told = await (filtered.feed as Feed).check([rows], never);
      expect(told.filter(({ message }) => /binlog_(do|ignore)_db/.test(message)).map((one) => one.severity)).toEqual([severity]);
      await filtered.close();
    }
  });
});
