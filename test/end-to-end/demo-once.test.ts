import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, test } from "vitest";
import { type DemoProcess, lastLine, startDemo } from "../support/demo-process.ts";
import { has, mariadb, postgres, tempDirectory } from "../support/servers.ts";

interface Report {
  mismatches: number;
  commands: { issued: number; appliedOnce: number; lost: number; doubled: number; refused: number; uncertain: number };
  entities: Record<string, number>;
  firstSync: { rows: number; seconds: number };
  agentRssMb?: { firstSync: number; steady: number };
  leftOut?: string[];
  feed?: { name: string; state: string };
  details?: { kind: string; type: string; id: string }[];
}

const reportOf = (demo: DemoProcess): Report => lastLine(demo) as unknown as Report;

/** What every clean run must say, whatever the database. */
function expectClean(demo: DemoProcess, units: number): void {
  expectInStep(demo, units);
  const report = reportOf(demo);
  expect(report.commands).toMatchObject({ lost: 0, doubled: 0, uncertain: 0 });
  expect(report.commands.issued).toBeGreaterThan(50);
  expect(report.commands.appliedOnce + report.commands.refused).toBe(report.commands.issued);
  // Only a clerk who was faster may stand in a command's way.
  expect(report.commands.appliedOnce).toBeGreaterThan(report.commands.issued * 0.8);
}

/** The reading half of it. */
function expectInStep(demo: DemoProcess, units: number): void {
  const report = reportOf(demo);
  expect(report.details ?? []).toEqual([]);
  expect(report.mismatches).toBe(0);
  expect(report.entities.unit).toBeGreaterThan(units * 0.9);
  for (const type of ["property", "building", "person", "utilisationPeriod", "ticket", "message", "invoice", "meterReading"]) {
    expect(report.entities[type], type).toBeGreaterThan(0);
  }
  expect(report.firstSync.rows).toBeGreaterThan(units * 5);
  expect(report.firstSync.seconds).toBeGreaterThan(0);
  if (process.platform === "linux") expect(report.agentRssMb?.steady).toBeGreaterThan(20);
}

describe("npm run demo -- --once --json", () => {
  test("ends with ERP and portal in step after changes, tickets, an outage and a kill", async () => {
    await using directory = await tempDirectory();
    await using demo = startDemo(["--once", "--json", "--directory", directory.path]);
    const code = await demo.ended;
    expect(code, `${demo.stdout}\n${demo.stderr}`).toBe(0);
    expectClean(demo, 200);
    expect(demo.stderr).toContain("200 business events of 38 kinds");
  });

  test("sees a portal that holds something else, and a ticket that nobody ordered, and ends with exit code 11", async () => {
    await using directory = await tempDirectory();
    await using demo = startDemo(["--once", "--json", "--units", "60", "--directory", directory.path]);
    await demo.waitFor("stderr", /First sync: \d+ entities/);
    await breakThings(directory.path);
    const code = await demo.ended;
    expect(code, `${demo.stdout}\n${demo.stderr}`).toBe(11);
    const report = reportOf(demo);
    expect(report.mismatches).toBe(2);
    expect(report.commands.doubled).toBe(1);
    expect(report.details?.map(({ kind, type }) => `${kind} ${type}`).sort()).toEqual([
      "command ticket.create",
      "different catalogEntry",
    ]);
  });
});

/** A word at the portal that the ERP never said, and in the ERP a ticket "from the portal" that the portal never ordered. */
async function breakThings(directory: string): Promise<void> {
  const portal = new DatabaseSync(join(directory, "portal.db"), { timeout: 10_000 });
  // What is acked stands in the tables a moment later.
  const journaled = portal.prepare("SELECT count(*) AS n FROM journal");
  await expect.poll(() => journaled.get(), { timeout: 10_000 }).toEqual({ n: 0 });
  const tampered = portal
    .prepare(
      "UPDATE entity SET fields = json_set(fields, '$.label.de', 'Unsinn') WHERE type = 'catalogEntry' AND id LIKE '%HEIZ'",
    )
    .run();
  portal.close();
  expect(Number(tampered.changes)).toBe(1);
  const erp = new DatabaseSync(join(directory, "erp.db"), { timeout: 10_000 });
  const columns = erp
    .prepare("SELECT name FROM pragma_table_info('AUFTRAG')")
    .all()
    .map(({ name }) => String(name));
  const values = columns.map((name) => ({ AUFTRNR: "'00000000'", KANAL: "'P'", FREMDNR: "NULL", STATUS: "'0'" })[name] ?? name);
  erp.exec(
    `INSERT INTO AUFTRAG (${columns}) SELECT ${values} FROM AUFTRAG WHERE MANDANT = '001' AND WOHNNR <> '' AND STATUS = '0' LIMIT 1`,
  );
  erp.close();
}

describe("npm run demo -- --once --json --erp csv:FOLDER", () => {
  test("ends with the portal in step with an ERP that drops CSV files, and says that nothing was written", async () => {
    await using directory = await tempDirectory();
    const folder = join(directory.path, "export");
    const places = ["--erp", `csv:${folder}`, "--directory", join(directory.path, "demo")];
    await using demo = startDemo(["--once", "--json", "--units", "30", ...places]);
    const code = await demo.ended;
    expect(code, `${demo.stdout}\n${demo.stderr}`).toBe(0);
    expectInStep(demo, 30);
    expect(reportOf(demo).commands.issued).toBe(0);
    expect(reportOf(demo).leftOut).toEqual([expect.stringContaining("CSV files can only be read")]);
    // Every file was taken, none for a broken one, and not only the full exports.
    expect((await readdir(folder)).sort()).toEqual(["archive", "erpfuser-folder.txt"]);
    const archived = await readdir(join(folder, "archive"));
    expect(archived.filter((name) => name.includes("_AENDERUNGEN_")).length).toBeGreaterThan(20);
    expect(archived.filter((name) => !name.includes("_AENDERUNGEN_"))).toHaveLength(2 * 14);
  });
});

describe.skipIf(!has("mariadb"))("npm run demo -- --once --json --erp mysql://…", () => {
  test.each([
    ["by columns and compares", [], undefined],
    ["by the binlog", ["--feed", "binlog"], { name: "binlog", state: "reading" }],
  ])("ends with ERP and portal in step on MariaDB too, %s", async (_, by, feed) => {
    await using directory = await tempDirectory();
    await using server = await mariadb();
    const url = `mysql://root:${server.password}@127.0.0.1:${server.port}/firma`;
    await using demo = startDemo(["--once", "--json", "--units", "100", "--erp", url, ...by, "--directory", directory.path]);
    const code = await demo.ended;
    expect(code, `${demo.stdout}\n${demo.stderr}`).toBe(0);
    expectClean(demo, 100);
    expect(reportOf(demo).feed).toEqual(feed);
    expect(`${demo.stdout}${demo.stderr}`).not.toContain(server.password);
  });
});

describe.skipIf(!has("postgres"))("npm run demo -- --once --json --erp postgres://…", () => {
  test("ends with ERP and portal in step on PostgreSQL too, by logical replication, and leaves no slot behind", async () => {
    await using directory = await tempDirectory();
    await using server = await postgres();
    const url = `postgres://${server.user}:${server.password}@127.0.0.1:${server.port}/firma`;
    const by = ["--erp", url, "--feed", "pgoutput"];
    await using demo = startDemo(["--once", "--json", "--units", "60", ...by, "--directory", directory.path]);
    const code = await demo.ended;
    expect(code, `${demo.stdout}\n${demo.stderr}`).toBe(0);
    expectClean(demo, 60);
    expect(reportOf(demo).feed).toEqual({ name: "logical-replication", state: "reading" });
    expect(`${demo.stdout}${demo.stderr}`).not.toContain(server.password);
    const admin = await server.connect("firma");
    const { rows } = await admin.query("SELECT slot_name FROM pg_replication_slots");
    await admin.end();
    expect(rows).toEqual([]);
  });
});
