import { existsSync } from "node:fs";
import pg from "pg";
import { describe, expect, test } from "vitest";
import type { Postgres } from "../support/postgres.ts";
import { postgres, postgresPrograms } from "../support/servers.ts";

async function rowCount(server: Postgres): Promise<number> {
  const connection = await server.connect("company");
  try {
    const { rows } = await connection.query("SELECT COUNT(*)::int AS n FROM units");
    return (rows as { n: number }[])[0]?.n ?? -1;
  } finally {
    await connection.end();
  }
}

describe.each(postgresPrograms())("the private $name that the tests start", (program) => {
  test("keeps what was committed through kill -9 and restart, on the same port, time after time", async () => {
    await using server = await postgres({ program });
    await server.createDatabase("company");
    const setUp = await server.connect("company");
    await setUp.query("CREATE TABLE units (id INT PRIMARY KEY)");
    await setUp.end();
    for (let round = 1; round <= 2; round++) {
      const writer = await server.connect("company");
      await writer.query("INSERT INTO units VALUES ($1)", [round]);
      await writer.query("BEGIN");
      await writer.query("INSERT INTO units VALUES ($1)", [-round]);
      const before = server.pid;
      await server.kill9();
      await writer.end().catch(() => {});
      expect(server.pid).toBeUndefined();
      await server.restart();
      expect(server.pid).not.toBe(before);
      expect(await rowCount(server)).toBe(round);
    }
  });

  test("lets nobody in without the password, says its version and logs what it is told to", async () => {
    await using server = await postgres({ program, settings: ["log_statement=all"] });
    const { host, port, user } = server;
    await expect(new pg.Client({ host, port, user, password: "wrong", ssl: false }).connect()).rejects.toMatchObject({
      code: "28P01",
    });
    expect(`${program.name}.`).toMatch(`PostgreSQL ${server.version.replace(/\..*/, "")}.`);
    const connection = await server.connect();
    expect((await connection.query("SELECT current_setting('wal_level') AS level")).rows).toEqual([{ level: "logical" }]);
    await connection.end();
    expect(await server.log()).toMatch(/statement: SELECT current_setting\('wal_level'\)/);
  });
});

test("a server that cannot start says why, and one that is stopped leaves neither process nor files behind", async () => {
  await expect(postgres({ settings: ["no_such_setting=1"] })).rejects.toThrow(/no_such_setting/);
  const server = await postgres();
  const { pid, data } = server;
  await server.stop();
  await server.stop();
  expect(existsSync(`/proc/${pid}`)).toBe(false);
  expect(existsSync(data)).toBe(false);
  await expect(server.restart()).rejects.toThrow(/data removed/);
});
