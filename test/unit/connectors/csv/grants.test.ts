import { describe, expect, it } from "vitest";
import { type CsvSettings, csvSettings } from "../../../../connectors/csv/config.ts";
import { csvGrantScript } from "../../../../connectors/csv/grants.ts";

const nothing = { tables: [], calls: [], ledgers: [], feeds: [] };
const scriptOf = (settings: object, kind: "grant" | "revoke" | "ledger" = "grant"): readonly string[] => {
  const tables = { T: { full: "T.csv", key: "ID", columns: { ID: "text" } } };
  const parsed = csvSettings.parse({ ...settings, tables }) as CsvSettings;
  return csvGrantScript(parsed)(kind, nothing, undefined).filter(
    (line) => !/^(#|REM) .*(ERP Fuser|it lists|a program|on a share)/.test(line),
  );
};

describe("rights for a CSV folder", () => {
  it("of this machine are given on the folder, and on those for what was imported and rejected; names are quoted", () => {
    expect(scriptOf({ folder: "/srv/it's", archive: "/var/old" })).toEqual([
      "mkdir -p '/var/old' '/srv/it'\\''s/rejected'",
      "setfacl -m u:erpfuser:rwx '/srv/it'\\''s'",
      "setfacl -d -m u:erpfuser:r '/srv/it'\\''s'",
      "setfacl -m u:erpfuser:rwx '/var/old'",
      "setfacl -d -m u:erpfuser:rw '/var/old'",
      "setfacl -m u:erpfuser:rwx '/srv/it'\\''s/rejected'",
      "setfacl -d -m u:erpfuser:rw '/srv/it'\\''s/rejected'",
    ]);
    expect(scriptOf({ folder: "/srv/export" }, "revoke")).toContain("setfacl -x u:erpfuser '/srv/export/archive'");
  });

  it("of a share are given to the service's account", () => {
    expect(scriptOf({ folder: "\\\\erp01\\export" })).toEqual([
      'mkdir "\\\\erp01\\export\\archive"',
      'mkdir "\\\\erp01\\export\\rejected"',
      'icacls "\\\\erp01\\export" /grant "SERVICE:(OI)(CI)M"',
      'icacls "\\\\erp01\\export\\archive" /grant "SERVICE:(OI)(CI)M"',
      'icacls "\\\\erp01\\export\\rejected" /grant "SERVICE:(OI)(CI)M"',
    ]);
    expect(scriptOf({ folder: "\\\\erp01\\export" }, "revoke")[0]).toBe('icacls "\\\\erp01\\export" /remove:g "SERVICE"');
  });

  it("of an SFTP server are said in words, and no name in them becomes a line of its own", () => {
    const sftp = { host: "files", user: "fuser", password: { secret: "s" } };
    const lines = scriptOf({ folder: "export\nrm -rf /", sftp });
    expect(lines).toContain("# export rm -rf /archive: make it where it is missing; list, write, rename and remove files in it");
    expect(lines.every((line) => line.startsWith("#") && !line.includes("\n"))).toBe(true);
    expect(scriptOf({ folder: "export", sftp }, "ledger").join()).toContain("takes no commands");
  });
});
