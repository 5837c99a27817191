// What is wrong about the ERP's database is refused with a code, an exit code and a remedy; once it is mended the agent goes on, and nothing is lost.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { MariaDb } from "../support/mariadb.ts";
import { expectRefused } from "../support/refusal.ts";
import { has, mariadb } from "../support/servers.ts";
import { openSite, type Site, type SiteOptions } from "../support/site.ts";
import { testCertificate } from "../support/test-certificate.ts";

const exitErp = 4;
const exitFindings = 8;
const sites: Site[] = [];
afterEach(async () => {
  for (const site of sites.splice(0)) await site[Symbol.asyncDispose]();
});

async function enrolledSite(options: SiteOptions): Promise<Site> {
  const site = await openSite(options);
  sites.push(site);
  await site.join();
  return site;
}

/** Each command on its own process, beside each other. */
async function expectAllRefused(site: Site, commands: string[][], refusal: Parameters<typeof expectRefused>[1]): Promise<void> {
  const said = await Promise.all(commands.map((args) => site.erpfuser(args)));
  for (const one of said) expectRefused(one, refusal);
}

const sourceStates = (site: Site) =>
  Object.fromEntries(
    (site.status()?.status.sources ?? []).map(({ source, state, reason }) => [source, `${state} ${reason ?? ""}`.trim()]),
  );

describe.skipIf(!has("mariadb"))("Refused by MariaDB", () => {
  let server: MariaDb;
  beforeAll(async () => {
    server = await mariadb();
  });
  afterAll(async () => {
    await server?.stop();
  });

  test("A wrong password ends check, enrol, preview and run; with the right one everything arrives", async () => {
    const site = await enrolledSite({ server });
    await site.erpfuser(["secret", "set", "erp-password"], "quite wrong\n");
    const commands = [["check"], ["enrol", site.code()], ["run"], ["preview", "units"]];
    await expectAllRefused(site, commands, { exit: exitErp, code: "erp-login-refused", remedy: /erpfuser secret set/ });
    await site.erpfuser(["secret", "set", "erp-password"], `${site.account?.password}\n`);
    site.run();
    site.report();
    await site.converges();
  });

  test("A password changed under the running agent: it stays, says why, and goes on with the new one when told to sync", async () => {
    const site = await enrolledSite({ server });
    const run = site.run();
    await site.converges();
    const { user = "" } = site.account ?? {};
    await site.erp.run(`ALTER USER '${user}'@'%' IDENTIFIED BY 'another-one'`);
    for (const { id } of (await site.erp.query("SELECT ID AS id FROM information_schema.PROCESSLIST WHERE USER = ?", [user])) as {
      id: number;
    }[])
      await site.erp.run(`KILL ${id}`).catch(() => undefined);
    await run.logged("erp-login-refused");
    await site.until(() => expect(sourceStates(site)).toMatchObject({ tickets: "failing erp-login-refused" }));
    await site.clerkWorks();
    site.report();
    await site.erpfuser(["secret", "set", "erp-password"], "another-one\n");
    expect(await site.erpfuser(["sync"])).toMatchObject({ code: 0 });
    await site.converges();
    await site.until(() => expect(sourceStates(site)).toMatchObject({ tickets: "active" }));
    expect(await run.stop()).toMatchObject({ code: 0 });
  });

  test("An unknown host ends check, enrol and preview; run waits for it and says so in log and status", async () => {
    const site = await enrolledSite({ server });
    site.configure({}, (text) => text.replace('server: "127.0.0.1"', 'server: "erp.invalid"'));
    const refused = { exit: exitErp, code: "erp-unreachable", remedy: /erp: server:/ };
    await expectAllRefused(site, [["check"], ["enrol", site.code()], ["preview", "units"]], refused);
    const run = site.run();
    expect(await run.logged("erp-unreachable")).toMatchObject({ level: "warn", hint: expect.stringMatching(/erp: server:/) });
    await site.until(async () => {
      const { code, document } = await site.erpfuser(["status"]);
      expect({ code, running: document.running, erp: (document.agent as { erpProblem?: string } | null)?.erpProblem }).toEqual({
        ...{ code: 0, running: true },
        erp: expect.stringMatching(/can't be reached.*erp-unreachable/),
      });
    });
    expect(await run.stop()).toMatchObject({ code: 0 });
    site.configure();
    site.run();
    await site.converges();
    expect(site.status()).not.toHaveProperty("erpProblem");
  });

  test("A server that is down at the start is waited for: run begins by itself once it is up", async () => {
    const own = await mariadb();
    try {
      const site = await enrolledSite({ server: own });
      await own.kill9();
      const run = site.run();
      await run.logged("erp-unreachable");
      await own.restart();
      await site.converges();
      expect(await run.stop()).toMatchObject({ code: 0 });
    } finally {
      await sites.pop()?.[Symbol.asyncDispose]();
      await own.stop();
    }
  });

  test("A missing table and a missing column are both named, each with its place in the configuration; run begins without what needs them, and then everything arrives", async () => {
    const site = await enrolledSite({ server });
    const spoil = (text: string): string =>
      text.replace("table: HAUS\n", "table: HAEUSER\n").replace("floor: ETAGE", "floor: ETAGEN");
    site.configure({}, spoil);
    const check = await site.erpfuser(["check"]);
    const run = site.run();
    await run.logged("schema-missing");
    await site.until(() =>
      expect(sourceStates(site)).toMatchObject({ buildings: "failing schema-missing", properties: "active" }),
    );
    const found = check.document.findings?.filter(({ code }) => code === "config-fault") ?? [];
    const logged = run.lines.filter(({ code }) => code === "schema-missing");
    for (const said of [found, logged]) {
      expect(said).toContainEqual(
        expect.objectContaining({
          place: expect.stringMatching(/^line \d+, sources\.buildings/),
          message: expect.stringMatching(/HAEUSER/),
        }),
      );
      expect(said).toContainEqual(
        expect.objectContaining({
          place: expect.stringMatching(/^line \d+, sources\.units/),
          message: expect.stringMatching(/ETAGEN/),
          [said === found ? "remedy" : "hint"]: expect.stringMatching(/ETAGE\b/),
        }),
      );
    }
    expect(check.code).toBe(exitFindings);
    expect(await run.stop()).toMatchObject({ code: 0 });
    site.configure();
    site.run();
    await site.converges();
  });

  test("A table that is renamed under the running agent stops its source alone; back again, it goes on", async () => {
    const site = await enrolledSite({ server });
    const run = site.run();
    await site.converges();
    await site.erp.run("RENAME TABLE SOLLSTELLUNG TO SOLLSTELLUNG_ALT");
    await run.logged("schema-missing");
    site.report();
    await site.until(() => expect(sourceStates(site)).toMatchObject({ invoices: "failing schema-missing", tickets: "active" }));
    await site.until(() => expect(site.gateway.commands(site.agentId, 1)[0]?.outcome).toBe("applied"));
    await site.erp.run("RENAME TABLE SOLLSTELLUNG_ALT TO SOLLSTELLUNG");
    await site.clerkWorks();
    expect(await site.erpfuser(["sync"])).toMatchObject({ code: 0 });
    await site.converges();
    expect(await run.stop()).toMatchObject({ code: 0 });
  });

  test("Rights too few to read are named by table; run begins with what it may read, and once they are granted everything arrives", async () => {
    const site = await enrolledSite({ server });
    const { user = "", database = "" } = site.account ?? {};
    await site.erp.run(`REVOKE ALL PRIVILEGES ON ${database}.* FROM '${user}'@'%'`);
    await site.erp.run(`GRANT SELECT ON ${database}.NUMMERNKREIS TO '${user}'@'%'`);
    // With nothing to read there is nothing to begin with.
    expectRefused(await site.erpfuser(["run"]), { exit: exitErp, code: "erp-schema-faults", remedy: /DBA/ });
    for (const table of ["OBJEKT", "HAUS", "WOHNUNG"])
      await site.erp.run(`GRANT SELECT ON ${database}.${table} TO '${user}'@'%'`);
    const run = site.run();
    const check = await site.erpfuser(["check"]);
    expect(check.code).toBe(exitFindings);
    await run.logged("schema-missing");
    expect(run.lines).toContainEqual(
      expect.objectContaining({
        code: "schema-missing",
        message: expect.stringMatching(/ZAEHLER is not there, or the account may not see it/),
        hint: expect.stringMatching(/SELECT/),
      }),
    );
    expect(check.document.findings).toContainEqual(
      expect.objectContaining({ severity: "error", message: expect.stringMatching(/ZAEHLER/) }),
    );
    await site.erp.run(`GRANT SELECT, INSERT, UPDATE ON ${database}.* TO '${user}'@'%'`);
    site.hurry();
    await site.converges();
  });

  test("A right to write that is missing is found by check; a command waits for it and has one effect once it is granted", async () => {
    const site = await enrolledSite({ server });
    const { user = "", database = "" } = site.account ?? {};
    await site.erp.run(`REVOKE INSERT ON ${database}.* FROM '${user}'@'%'`);
    expectRefused(await site.erpfuser(["check"]), { exit: exitFindings, code: "erp-rights", remedy: /GRANT|INSERT/ });
    const run = site.run();
    const id = site.report();
    expect(await run.logged("erp-rights")).toMatchObject({ level: "error", command: id });
    await site.erp.run(`GRANT INSERT ON ${database}.* TO '${user}'@'%'`);
    expect(await site.erpfuser(["sync"])).toMatchObject({ code: 0 });
    const verdict = await site.converges();
    expect(verdict.commands).toMatchObject({ issued: 1, appliedOnce: 1 });
  });

  test("A certificate that the named authority did not sign ends check and run; nothing was sent in plain text", async () => {
    const site = await enrolledSite({ server });
    const ca = join(site.folder, "ca.pem");
    writeFileSync(ca, testCertificate().cert);
    site.configure({}, (text) => text.replace(/(\n {2}user: )/, `\n  tls: { mode: required, ca: ${JSON.stringify(ca)} }$1`));
    await expectAllRefused(site, [["check"], ["run"]], { exit: exitErp, code: "erp-tls-refused", remedy: /erp: tls:/ });
    site.configure();
    site.run();
    await site.converges();
  });
});

describe("Refused on SQLite", () => {
  test("A file that is not there ends check and run, and is not made; with the right name everything arrives", async () => {
    const site = await enrolledSite({});
    site.configure({}, (text) => text.replace("erp.db", "erq.db"));
    await expectAllRefused(site, [["check"], ["run"]], { exit: exitErp, code: "erp-database-missing", remedy: /erp: file:/ });
    site.configure();
    site.run();
    site.report();
    await site.converges();
  });
});
