import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, test } from "vitest";
import { startDemo } from "../support/demo-process.ts";
import { expectClean, reportOf } from "../support/demo-report.ts";
import { tempDirectory } from "../support/servers.ts";

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
  await expect.poll(() => journaled.get(), { timeout: 60_000 }).toEqual({ n: 0 });
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
