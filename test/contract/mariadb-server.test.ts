import { existsSync } from "node:fs";
import { connect as connectSocket } from "node:net";
import { createConnection } from "mysql2/promise";
import { describe, expect, test } from "vitest";
import type { MariaDb } from "../support/mariadb.ts";
import { has, mariadb } from "../support/servers.ts";

async function rowCount(server: MariaDb): Promise<number> {
  const connection = await server.connect();
  try {
    const [rows] = await connection.query("SELECT COUNT(*) AS n FROM company.units");
    return (rows as { n: number }[])[0]?.n ?? -1;
  } finally {
    await connection.end();
  }
}

function refuses(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connectSocket(port, "127.0.0.1");
    socket.once("connect", () => resolve(socket.destroy() === undefined));
    socket.once("error", () => resolve(true));
  });
}

describe.skipIf(!has("mariadb"))("the private MariaDB that the tests start", () => {
  test("keeps what was committed through kill -9 and restart, on the same port, time after time", async () => {
    await using server = await mariadb();
    const database = await server.createDatabase("company");
    const connection = await createConnection(database);
    await connection.query("CREATE TABLE units (id INT PRIMARY KEY) ENGINE=InnoDB");
    await connection.end();
    for (let round = 1; round <= 3; round++) {
      const writer = await createConnection(database);
      writer.on("error", () => undefined);
      await writer.query("INSERT INTO units VALUES (?)", [round]);
      await writer.query("START TRANSACTION");
      await writer.query("INSERT INTO units VALUES (?)", [-round]);
      const before = server.pid;
      await server.kill9();
      writer.destroy();
      expect(server.pid).toBeUndefined();
      expect(await refuses(server.port)).toBe(true);
      await server.restart();
      expect(server.pid).not.toBe(before);
      expect(await rowCount(server)).toBe(round);
    }
  });

  test("writes a binary log with full rows and column names, as a feed needs it", async () => {
    await using server = await mariadb();
    const connection = await server.connect();
    const [rows] = await connection.query(
      "SELECT @@log_bin, @@binlog_format, @@binlog_row_image, @@binlog_row_metadata, @@version AS version",
    );
    await connection.end();
    expect(rows).toEqual([
      {
        "@@log_bin": 1,
        "@@binlog_format": "ROW",
        "@@binlog_row_image": "FULL",
        "@@binlog_row_metadata": "FULL",
        version: server.version,
      },
    ]);
  });

  test("lets nobody in without the password, and two of them run side by side", async () => {
    await using one = await mariadb();
    await using two = await mariadb({ extraFlags: ["--innodb-lock-wait-timeout=7"] });
    expect(one.port).not.toBe(two.port);
    const { host, port, user } = one;
    await expect(createConnection({ host, port, user, password: two.password })).rejects.toMatchObject({
      code: "ER_ACCESS_DENIED_ERROR",
    });
    const connection = await two.connect();
    const [rows] = await connection.query("SELECT @@innodb_lock_wait_timeout AS seconds");
    await connection.end();
    expect(rows).toEqual([{ seconds: 7 }]);
  });

  test("says why when it cannot start, and leaves neither process nor files behind once stopped", async () => {
    await expect(mariadb({ extraFlags: ["--no-such-option"] })).rejects.toThrow(/no-such-option/);
    const server = await mariadb();
    const { pid } = server;
    await server.stop();
    await server.stop();
    expect(existsSync(`/proc/${pid}`)).toBe(false);
    await expect(server.restart()).rejects.toThrow(/data removed/);
  });
});
