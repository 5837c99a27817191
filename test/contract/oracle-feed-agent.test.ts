import { type ChildProcess, spawn } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { openSecrets } from "../../config/secrets.ts";
import { type Gateway, openGateway } from "../../portal/gateway.ts";
import { patience, type Said, saidBy, watch } from "../support/agent-run.ts";
import { type TemporaryDirectory, tempDirectory } from "../support/servers.ts";
import { oracleFeedSubject } from "./erp/oracle-feed.ts";

/** The command line against Oracle's double. What is compared is compared at night: all else is the feed's. */
describe("erpfuser on row versions", () => {
  let erp: Awaited<ReturnType<typeof oracleFeedSubject>>;
  let folder: TemporaryDirectory;
  let gateway: Gateway;
  let file: string;

  beforeAll(async () => {
    erp = await oracleFeedSubject();
    folder = await tempDirectory();
    gateway = await openGateway({ storePath: join(folder.path, "portal.db"), random: Math.random });
    file = join(folder.path, "erpfuser.yaml");
    const state = join(folder.path, "state");
    await mkdir(state, { mode: 0o700 });
    await openSecrets(state).set("erp", "geheim");
    await erp.run("CREATE TABLE objekt (nr NUMBER(9) NOT NULL PRIMARY KEY, bez VARCHAR2(40) NOT NULL)");
    for (let nr = 1; nr <= 20; nr++) await erp.run("INSERT INTO objekt VALUES (?, ?)", [nr, `Haus ${nr}`]);
    await writeFile(
      file,
      `agent: { name: Versions, portal: "${gateway.url}", stage: live, state: ${state} }
erp: { connector: oracle, server: 127.0.0.1, port: ${erp.double.port}, service: ${erp.engine.serviceName}, user: fuser, password: { secret: erp }, timezone: Europe/Berlin }
sources:
  properties: { type: property, table: objekt, key: [nr], fields: { name: bez }, changes: { feed: flashback-versions }, deletes: { grace: 0s } }
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
  const erpfuser = (...args: string[]): Promise<Said> => saidBy(start(...args));
  /** Waits until the portal holds the rows of the ERP and nothing else. */
  const converges = (): Promise<void> =>
    vi.waitFor(async () => {
      await gateway.settled();
      using portal = new DatabaseSync(join(folder.path, "portal.db"), { readOnly: true, timeout: 5_000 });
      const held = portal.prepare("SELECT id, fields FROM entity WHERE type = 'property' AND deleted_at IS NULL").all();
      const rows = await erp.rows("SELECT nr, bez FROM objekt");
      const names = Object.fromEntries(held.map(({ id, fields }) => [id, JSON.parse(String(fields)).name]));
      expect(names).toEqual(Object.fromEntries(rows));
    }, patience);

  it("converges by the feed alone, deletes and new keys included, and without a person when the undo has lost what the agent had not seen", async () => {
    const { code } = gateway.createEnrolmentCode({ stage: "live", ttlMs: 60_000 });
    expect(await erpfuser("enrol", code)).toMatchObject({ code: 0 });
    {
      await using run = watch(start("run"), (said) => said);
      await converges();
      await erp.run("INSERT INTO objekt VALUES (21, 'neu')");
      await erp.run("UPDATE objekt SET bez = 'anders' WHERE nr = 3");
      await erp.run("UPDATE objekt SET nr = 105 WHERE nr = 5");
      await erp.run("DELETE FROM objekt WHERE nr = 4");
      await converges();
      await run.kill9();
    }
    await erp.run("INSERT INTO objekt VALUES (22, 'nobody told')");
    await erp.run("UPDATE objekt SET bez = 'nor this' WHERE nr = 7");
    await erp.forget("DELETE FROM objekt WHERE nr = 6");
    {
      await using run = watch(start("run"), (said) => said);
      await run.logged("erp-feed-gap");
      await converges();
      await erp.run("UPDATE objekt SET bez = 'told again' WHERE nr = 22");
      await converges();
      await run.stop();
    }
  }, 120_000);
});
