import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openDropFolder } from "../../../agent/cli/demo/drop-folder.ts";
import { csvDrops } from "../../support/erp/csv-drops.ts";
import { openSqliteErp } from "../../support/erp/db-sqlite.ts";
import { generateErp } from "../../support/erp/generate.ts";
import { tableNames } from "../../support/erp/schema.ts";
import { tempDirectory } from "../../support/servers.ts";

test("The sample ERP drops all of its tables, and then only what has changed, with a mark on what is gone", async () => {
  await using directory = await tempDirectory();
  await using db = openSqliteErp(":memory:");
  await generateErp(db, { units: 10, seed: 1 });
  const drops = csvDrops({ db, folder: directory.path, now: () => 7 });
  expect(await drops.full()).toBe(tableNames.length);
  const staff = readFileSync(join(directory.path, "SACHBEARBEITER_7.csv"), "utf8").split("\r\n");
  expect(staff[0]).toBe("MANDANT;SBNR;NAME;EMAIL;ROLLE;LOEKZ");
  expect(staff.filter((line) => line.startsWith("001;"))).toHaveLength(6);
  expect(staff.filter((line) => line.includes(";\\N;"))).toHaveLength(2);
  expect(staff.at(-2)).toBe(`ENDE;${staff.length - 3}`);

  expect(await drops.delta()).toBe(0);
  await db.run("DELETE FROM SACHBEARBEITER WHERE MANDANT = '001' AND SBNR <> '0001'");
  await db.run("UPDATE SACHBEARBEITER SET NAME = 'Kurz; \"Eva\"', EMAIL = '', ROLLE = 'HW' WHERE MANDANT = '001'");
  expect(await drops.delta()).toBe(1);
  const delta = readFileSync(join(directory.path, "SACHBEARBEITER_AENDERUNGEN_9.csv"), "utf8").split("\r\n");
  expect(delta.slice(1, 6).map((line) => [line.slice(0, 8), line.at(-1)])).toEqual(
    ["0002", "0003", "0004", "0005", "0006"].map((number) => [`001;${number}`, "L"]),
  );
  expect(delta.slice(6)).toEqual(['001;0001;"Kurz; ""Eva""";;HW;', "ENDE;6", ""]);
});

test("The demo empties a folder for CSV files of its own, and no other", async () => {
  await using directory = await tempDirectory();
  const folder = join(directory.path, "export");
  openDropFolder(folder, { keep: false });
  writeFileSync(join(folder, "WOHNUNG_7.csv"), "x");
  mkdirSync(join(folder, "archive"));
  openDropFolder(folder, { keep: true });
  expect(readdirSync(folder).sort()).toEqual(["WOHNUNG_7.csv", "archive", "erpfuser-folder.txt"]);
  openDropFolder(folder, { keep: false });
  expect(readdirSync(folder)).toEqual(["erpfuser-folder.txt"]);

  writeFileSync(join(directory.path, "letter.txt"), "dear");
  expect(() => openDropFolder(directory.path, { keep: false })).toThrow(
    expect.objectContaining({ code: "usage-demo-directory" }),
  );
  expect(existsSync(join(directory.path, "letter.txt"))).toBe(true);
});
