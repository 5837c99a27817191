import { readFile, writeFile } from "node:fs/promises";
import type pg from "pg";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { patience } from "../support/agent-run.ts";
import type { Postgres } from "../support/postgres.ts";
import { statementOf } from "../support/postgres-feed.ts";
import { postgres } from "../support/servers.ts";
import { type EstateAgent, estateAgent } from "./erp/estate-agent.ts";

/** The command line against PostgreSQL, through the server's own socket, which wants no password. What is compared is compared at night: all else is the feed's. */
describe("erpfuser on PostgreSQL's feed", () => {
  let server: Postgres;
  let agent: EstateAgent;
  let admin: pg.Client;

  beforeAll(async () => {
    server = await postgres();
    admin = await server.connect();
    await admin.query("CREATE TABLE objekt (nr int PRIMARY KEY, bez text NOT NULL)");
    await admin.query("INSERT INTO objekt SELECT n, 'Haus ' || n FROM generate_series(1, 20) n");
    agent = await estateAgent("Slots", {
      settings: `connector: postgres, server: ${server.data}, port: ${server.port}, database: postgres, user: postgres`,
      table: "objekt",
      changes: "feed: logical-replication",
      rows: async () => (await admin.query({ text: "SELECT nr, bez FROM objekt", rowMode: "array" })).rows,
    });
  });
  afterAll(async () => {
    await agent?.[Symbol.asyncDispose]();
    await admin?.end();
    await server?.stop();
  });

  const slots = async (): Promise<string[]> =>
    (await admin.query<{ name: string }>("SELECT slot_name AS name FROM pg_replication_slots")).rows.map(({ name }) => name);

  it("converges by the feed alone, after a kill, and without a person when its slot was dropped; neither an agent without the feed nor feed drop leaves one behind", async () => {
    const { findings = [] } = (await agent.erpfuser(["check"])).document;
    await admin.query(statementOf(findings.find(({ code }) => code === "erp-feed-unpublished")?.remedy ?? ""));
    await agent.enrol();
    {
      await using run = agent.run();
      await agent.converges();
      expect(await slots()).toHaveLength(1);
      await admin.query("INSERT INTO objekt VALUES (21, 'neu')");
      await admin.query("UPDATE objekt SET bez = 'anders' WHERE nr = 3");
      await admin.query("DELETE FROM objekt WHERE nr = 4");
      await admin.query("UPDATE objekt SET nr = 50 WHERE nr = 5");
      await agent.converges();
      await run.kill9();
    }
    await admin.query("INSERT INTO objekt VALUES (22, 'in the meantime'); DELETE FROM objekt WHERE nr = 6");
    {
      await using run = agent.run();
      await agent.converges();
      await run.kill9();
    }
    await vi.waitFor(async () => {
      for (const name of await slots()) await admin.query("SELECT pg_drop_replication_slot($1)", [name]);
      expect(await slots()).toEqual([]);
    }, patience);
    await admin.query("INSERT INTO objekt VALUES (23, 'nobody told'); DELETE FROM objekt WHERE nr = 7");
    {
      await using run = agent.run();
      await agent.converges();
      await admin.query("UPDATE objekt SET bez = 'told again' WHERE nr = 23");
      await agent.converges();
      expect(await slots()).toHaveLength(1);
      await run.stop();
    }
    const onFeed = await readFile(agent.file, "utf8");
    await writeFile(agent.file, onFeed.replace("feed: logical-replication", "compare: 15m"));
    {
      await using run = agent.run();
      await vi.waitFor(async () => expect(await slots()).toEqual([]), patience);
      await run.stop();
    }
    await writeFile(agent.file, onFeed);
    {
      await using run = agent.run();
      await vi.waitFor(async () => expect(await slots()).toHaveLength(1), patience);
      await run.stop();
    }
    expect((await agent.erpfuser(["feed", "drop"])).document).toMatchObject({ dropped: "logical-replication" });
    expect(await slots()).toEqual([]);
  }, 120_000);
});
