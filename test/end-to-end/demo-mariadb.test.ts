import { describe, expect, test } from "vitest";
import { startDemo } from "../support/demo-process.ts";
import { expectClean, reportOf } from "../support/demo-report.ts";
import { has, mariadb, tempDirectory } from "../support/servers.ts";

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
