import { type ChildProcess, spawn } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { type Gateway, openGateway } from "../../portal/gateway.ts";
import { patience, type Said, saidBy, watch } from "../support/agent-run.ts";
import { type TemporaryDirectory, tempDirectory } from "../support/servers.ts";
import { mssqlSubject } from "./erp/mssql.ts";

/** The command line against SQL Server's double. What is compared is compared at night: all else is the feed's. */
describe("erpfuser on change tracking", () => {
  let erp: Awaited<ReturnType<typeof mssqlSubject>>;
  let folder: TemporaryDirectory;
  let gateway: Gateway;
  let file: string;

  beforeAll(async () => {
    erp = await mssqlSubject();
    folder = await tempDirectory();
    gateway = await openGateway({ storePath: join(folder.path, "portal.db"), random: Math.random });
    file = join(folder.path, "erpfuser.yaml");
    const state = join(folder.path, "state");
    await mkdir(state);
    await erp.run("CREATE TABLE fusertest_objekt (nr INT NOT NULL PRIMARY KEY, bez NVARCHAR(40) NOT NULL)");
    await erp.run("ALTER DATABASE erp SET CHANGE_TRACKING = ON");
    await erp.run("ALTER TABLE fusertest_objekt ENABLE CHANGE_TRACKING");
    for (let nr = 1; nr <= 20; nr++) await erp.run("INSERT INTO fusertest_objekt VALUES (?, ?)", [nr, `Haus ${nr}`]);
    await writeFile(
      file,
      `agent: { name: Tracked, portal: "${gateway.url}", stage: live, state: ${state} }
erp: { connector: mssql, server: 127.0.0.1, port: ${erp.double.port}, database: erp, user: erp, password: { secret: erp }, tls: { mode: off }, timezone: Europe/Berlin }
sources:
  properties: { type: property, table: fusertest_objekt, key: [nr], fields: { name: bez }, changes: { feed: change-tracking }, deletes: { grace: 0s } }
guards: { deletes: { rows: 50, percent: 50 } }
`,
    );
  });
  afterAll(async () => {
    await gateway?.close();
    await erp?.[Symbol.asyncDispose]();
    await folder?.[Symbol.asyncDispose]();
  });

  const start = (...args: string[]): ChildProcess =>
    spawn(process.execPath, ["agent/main.ts", "--config", file, "--json", ...args], { stdio: "pipe" });
  const erpfuser = (args: readonly string[], input = ""): Promise<Said> => {
    const child = start(...args);
    child.stdin?.end(input);
    return saidBy(child);
  };
  /** Waits until the portal holds the rows of the ERP and nothing else. */
  const converges = (): Promise<void> =>
    vi.waitFor(async () => {
      await gateway.settled();
      using portal = new DatabaseSync(join(folder.path, "portal.db"), { readOnly: true, timeout: 5_000 });
      const held = portal.prepare("SELECT id, fields FROM entity WHERE type = 'property' AND deleted_at IS NULL").all();
      const rows = await erp.rows("SELECT nr, bez FROM fusertest_objekt");
      expect(Object.fromEntries(held.map(({ id, fields }) => [id, JSON.parse(String(fields)).name]))).toEqual(
        Object.fromEntries(rows),
      );
    }, patience);

  it("converges by the feed alone, and without a person when the server cleaned up what the agent had not seen", async () => {
    expect(await erpfuser(["secret", "set", "erp"], "secret\n")).toMatchObject({ code: 0 });
    const { code } = gateway.createEnrolmentCode({ stage: "live", ttlMs: 60_000 });
    expect(await erpfuser(["enrol", code])).toMatchObject({ code: 0 });
    {
      await using run = watch(start("run"), (said) => said);
      await converges();
      await erp.run("INSERT INTO fusertest_objekt VALUES (21, 'neu')");
      await erp.run("UPDATE fusertest_objekt SET bez = 'anders' WHERE nr = 3");
      await erp.run("DELETE FROM fusertest_objekt WHERE nr = 4");
      await converges();
      await run.kill9();
    }
    await erp.run("INSERT INTO fusertest_objekt VALUES (22, 'nobody told')");
    await erp.run("UPDATE fusertest_objekt SET bez = 'nor this' WHERE nr = 5");
    await erp.run("DELETE FROM fusertest_objekt WHERE nr = 6");
    erp.double.database.cleanUp();
    {
      await using run = watch(start("run"), (said) => said);
      await run.logged("erp-feed-gap");
      await converges();
      await erp.run("UPDATE fusertest_objekt SET bez = 'told again' WHERE nr = 22");
      await converges();
      await run.stop();
    }
  }, 120_000);
});
