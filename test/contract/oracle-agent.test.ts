import { type ChildProcess, spawn } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { openSecrets } from "../../config/secrets.ts";
import { type Gateway, openGateway } from "../../portal/gateway.ts";
import { OracleError } from "../doubles/tns/database.ts";
import { patience, type Said, saidBy, watch } from "../support/agent-run.ts";
import { type TemporaryDirectory, tempDirectory } from "../support/servers.ts";
import { oracleSubject } from "./erp/oracle.ts";

/** The command line against Oracle's double: the server loses what a compare stands on, again and again, and nobody helps. */
describe("erpfuser on Oracle", () => {
  let erp: Awaited<ReturnType<typeof oracleSubject>>;
  let folder: TemporaryDirectory;
  let gateway: Gateway;
  let file: string;

  beforeAll(async () => {
    erp = await oracleSubject();
    folder = await tempDirectory();
    gateway = await openGateway({ storePath: join(folder.path, "portal.db"), random: Math.random });
    file = join(folder.path, "erpfuser.yaml");
    const state = join(folder.path, "state");
    await mkdir(state, { mode: 0o700 });
    await openSecrets(state).set("erp", "geheim");
    await erp.run("CREATE TABLE objekt (nr NUMBER(9) NOT NULL PRIMARY KEY, bez VARCHAR2(40) NOT NULL)");
    for (let nr = 1; nr <= 230; nr++) await erp.run("INSERT INTO objekt VALUES (?, ?)", [nr, `Haus ${nr}`]);
    await writeFile(
      file,
      `agent: { name: Undo, portal: "${gateway.url}", stage: live, state: ${state} }
erp: { connector: oracle, server: 127.0.0.1, port: ${erp.double.port}, service: ${erp.engine.serviceName}, user: fuser, password: { secret: erp }, timezone: Europe/Berlin }
sources:
  properties: { type: property, table: objekt, key: [nr], fields: { name: bez }, changes: { compare: 1s }, deletes: { grace: 0s } }
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
  /** Lets the next page of these fail; gives how many did. */
  function losesUndo(number: number, pages: RegExp): { count: number } {
    const told = { count: 0 };
    erp.double.interfere = ({ sql }) => {
      if (!sql.includes('FROM "OBJEKT"') || !pages.test(sql)) return undefined;
      erp.double.interfere = () => undefined;
      told.count += 1;
      return new OracleError(number, "told by the double");
    };
    return told;
  }

  it("a compare that loses its snapshot in the midst is made anew in full, on another ground, and converges without a person", async () => {
    const { code } = gateway.createEnrolmentCode({ stage: "live", ttlMs: 60_000 });
    expect(await erpfuser("enrol", code)).toMatchObject({ code: 0 });
    const first = losesUndo(1555, /"OBJEKT" AS OF SCN :\w+ WHERE/);
    await using run = watch(start("run"), (said) => said);
    await converges();
    expect(first.count).toBe(1);
    expect(run.lines.map(({ message }) => message).join()).toContain("compared page by page from now on");
    const changes = async (nr: number): Promise<void> => {
      await erp.run("UPDATE objekt SET bez = 'anders' WHERE nr = ?", [nr]);
      await erp.run("DELETE FROM objekt WHERE nr = ?", [nr + 1]);
      await erp.run("INSERT INTO objekt VALUES (?, 'neu')", [nr + 1_000]);
    };
    // Page by page by now; and what a page itself loses is no end either. The next compares come by themselves.
    for (const [index, number] of [1555, 8181, 1466].entries()) {
      await changes(20 * index + 10);
      const lost = losesUndo(number, /"OBJEKT" WHERE .*"NR" > /);
      await vi.waitFor(() => expect(lost.count).toBe(1), patience);
      await converges();
    }
    await run.stop();
  }, 120_000);
});
