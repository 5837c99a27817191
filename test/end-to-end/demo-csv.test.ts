import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { startDemo } from "../support/demo-process.ts";
import { expectInStep, reportOf } from "../support/demo-report.ts";
import { tempDirectory } from "../support/servers.ts";

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
