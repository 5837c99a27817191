import { describe, expect, it } from "vitest";
import { csvSettings } from "../../../../connectors/csv/config.ts";

const table = { full: "T_{n}.csv", key: "ID", columns: { ID: "integer", KZ: "text" } };
const parse = (one: object, more: object = {}) =>
  csvSettings.safeParse({ folder: "/srv/export", tables: { T: { ...table, ...one } }, ...more });

describe("settings of a CSV folder", () => {
  it("take texts as the configuration has them", () => {
    expect(
      parse({ minimumRows: "10", header: "false", delta: "T_D_{n}.csv", removed: { column: "KZ", is: "L" } }).data?.tables.T,
    ).toMatchObject({
      key: ["ID"],
      minimumRows: 10,
      header: false,
      removed: { column: "KZ", is: ["L"] },
    });
  });

  it.each([
    ["no files", { full: undefined }, {}, /name the files/],
    ["a key that is no column", { key: "NO" }, {}, /not among the columns/],
    ["files whose order can't be compared", { delta: "D_{yyyyMMdd}.csv" }, {}, /which file is newer/],
    ["rows that are gone without a delta", { removed: { column: "KZ", is: "L" } }, {}, /only a delta/],
    ["the agent's own column", { columns: { ID: "integer", fuser_change: "integer" } }, {}, /FUSER_CHANGE/],
    ["columns that differ in case", { columns: { ID: "integer", id: "text" } }, {}, /case/],
    ["a type that is none", { columns: { ID: "number" } }, {}, /write a type/],
    ["a time that is none", {}, { settle: "soon" }, /duration/],
    ["a fingerprint that is none", {}, { sftp: { host: "h", user: "u", password: { secret: "p" }, hostKey: "aa:bb" } }, /SHA256/],
    ["a login without secret", {}, { sftp: { host: "h", user: "u" } }, /password/],
    ["a password in the file", {}, { sftp: { host: "h", user: "u", password: "geheim" } }, /secret: name/],
    ["a table that could hide ours", {}, { tables: { fuser_import: table } }, /fuser_/],
  ])("refuse %s and say what is wanted", (_, one, more, message) => {
    const result = parse(one, more);
    expect(result.success).toBe(false);
    expect(JSON.stringify(result.error?.issues)).toMatch(message);
  });
});
