import { type ChildProcess, spawn } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type pg from "pg";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { type Gateway, openGateway } from "../../portal/gateway.ts";
import { patience, type Said, saidBy, watch } from "../support/agent-run.ts";
import type { Postgres } from "../support/postgres.ts";
import { statementOf } from "../support/postgres-feed.ts";
import { postgres, type TemporaryDirectory, tempDirectory } from "../support/servers.ts";

/** The command line against PostgreSQL, through the server's own socket, which wants no password. What is compared is compared at night: all else is the feed's. */
describe("erpfuser on PostgreSQL's feed", () => {
  let server: Postgres;
  let folder: TemporaryDirectory;
  let gateway: Gateway;
  let admin: pg.Client;
  let file: string;

  beforeAll(async () => {
    server = await postgres();
    folder = await tempDirectory();
    gateway = await openGateway({ storePath: join(folder.path, "portal.db"), random: Math.random });
    file = join(folder.path, "erpfuser.yaml");
    const state = join(folder.path, "state");
    await mkdir(state);
    admin = await server.connect();
    await admin.query("CREATE TABLE objekt (nr int PRIMARY KEY, bez text NOT NULL)");
    await admin.query("INSERT INTO objekt SELECT n, 'Haus ' || n FROM generate_series(1, 20) n");
    await writeFile(
      file,
      `agent: { name: Slots, portal: "${gateway.url}", stage: live, state: ${state} }
erp: { connector: postgres, server: ${server.data}, port: ${server.port}, database: postgres, user: postgres, timezone: Europe/Berlin }
sources:
  properties: { type: property, table: objekt, key: [nr], fields: { name: bez }, changes: { feed: logical-replication }, deletes: { grace: 0s } }
guards: { deletes: { rows: 50, percent: 50 } }
`,
    );
  });
  afterAll(async () => {
    await gateway?.close();
    await admin?.end();
    await server?.stop();
    await folder?.[Symbol.asyncDispose]();
  });

  const start = (...args: string[]): ChildProcess =>
    spawn(process.execPath, ["agent/main.ts", "--config", file, "--json", ...args], { stdio: "pipe" });
  const erpfuser = (...args: string[]): Promise<Said> => saidBy(start(...args));
  /** Waits until the portal holds the rows of the ERP and nothing else. */
  const converges = (): Promise<void> =>
    vi.waitFor(async () => {
      await gateway.settled();
      using portal = new DatabaseSync(join(folder.path, "portal.db"), { readOnly: true, timeout: 5_000 });
      const held = portal.prepare("SELECT id, fields FROM entity WHERE type = 'property' AND deleted_at IS NULL").all();
      const { rows } = await admin.query<{ nr: number; bez: string }>("SELECT nr, bez FROM objekt");
      const wanted = Object.fromEntries(rows.map(({ nr, bez }) => [String(nr), bez]));
      expect(Object.fromEntries(held.map(({ id, fields }) => [id, JSON.parse(String(fields)).name]))).toEqual(wanted);
    }, patience);
  const slots = async (): Promise<string[]> =>
    (await admin.query<{ name: string }>("SELECT slot_name AS name FROM pg_replication_slots")).rows.map(({ name }) => name);

  it("converges by the feed alone, after a kill, and without a person when its slot was dropped; neither an agent without the feed nor feed drop leaves one behind", async () => {
    const { findings = [] } = (await erpfuser("check")).document;
    await admin.query(statementOf(findings.find(({ code }) => code === "erp-feed-unpublished")?.remedy ?? ""));
    const { code } = gateway.createEnrolmentCode({ stage: "live", ttlMs: 60_000 });
    expect(await erpfuser("enrol", code)).toMatchObject({ code: 0 });
    {
      await using run = watch(start("run"), (said) => said);
      await converges();
      expect(await slots()).toHaveLength(1);
      await admin.query("INSERT INTO objekt VALUES (21, 'neu')");
      await admin.query("UPDATE objekt SET bez = 'anders' WHERE nr = 3");
      await admin.query("DELETE FROM objekt WHERE nr = 4");
      await admin.query("UPDATE objekt SET nr = 50 WHERE nr = 5");
      await converges();
      await run.kill9();
    }
    await admin.query("INSERT INTO objekt VALUES (22, 'in the meantime'); DELETE FROM objekt WHERE nr = 6");
    {
      await using run = watch(start("run"), (said) => said);
      await converges();
      await run.kill9();
    }
    await vi.waitFor(async () => {
      for (const name of await slots()) await admin.query("SELECT pg_drop_replication_slot($1)", [name]);
      expect(await slots()).toEqual([]);
    }, patience);
    await admin.query("INSERT INTO objekt VALUES (23, 'nobody told'); DELETE FROM objekt WHERE nr = 7");
    {
      await using run = watch(start("run"), (said) => said);
      await converges();
      await admin.query("UPDATE objekt SET bez = 'told again' WHERE nr = 23");
      await converges();
      expect(await slots()).toHaveLength(1);
      await run.stop();
    }
    const onFeed = await readFile(file, "utf8");
    await writeFile(file, onFeed.replace("feed: logical-replication", "compare: 15m"));
    {
      await using run = watch(start("run"), (said) => said);
      await vi.waitFor(async () => expect(await slots()).toEqual([]), patience);
      await run.stop();
    }
    await writeFile(file, onFeed);
    {
      await using run = watch(start("run"), (said) => said);
      await vi.waitFor(async () => expect(await slots()).toHaveLength(1), patience);
      await run.stop();
    }
    expect((await erpfuser("feed", "drop")).document).toMatchObject({ dropped: "logical-replication" });
    expect(await slots()).toEqual([]);
  }, 120_000);
});
