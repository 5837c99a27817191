import { describe, expect, test } from "vitest";
import { startDemo } from "../support/demo-process.ts";
import { expectClean, reportOf } from "../support/demo-report.ts";
import { has, postgres, tempDirectory } from "../support/servers.ts";

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
