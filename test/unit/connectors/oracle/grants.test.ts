import { describe, expect, it } from "vitest";
import type { GrantNeeds } from "../../../../connectors/grants.ts";
import { oracleGrantScript } from "../../../../connectors/oracle/grants.ts";

const needs: GrantNeeds = {
  tables: [
    { table: "MIETER", read: ["NR"], insert: [], update: [], remove: false },
    { table: 'erp."Auftrag"', read: ["ID"], insert: ["id", "text"], update: ["text"], remove: false },
  ],
  calls: [
    { name: "tools.next_number", kind: "procedure" },
    { name: "erp.tools.close_order", kind: "procedure" },
  ],
  ledgers: ["fuser_ledger"],
  feeds: [],
};
const script = oracleGrantScript({ user: "fuser", schema: "wo" });
const lines = (kind: "grant" | "revoke" | "ledger", version?: string) =>
  script(kind, needs, version === undefined ? undefined : { version, account: '"FUSER"' }).filter(
    (line) => !line.startsWith("--"),
  );

describe("erpfuser grants for Oracle", () => {
  it("names columns where Oracle can, packages for their routines, and READ in place of SELECT where the server has it", () => {
    const own = (read: string): string[] => [
      'GRANT CREATE SESSION TO "FUSER";',
      `GRANT ${read} ON "WO"."MIETER" TO "FUSER";`,
      'GRANT SELECT, INSERT ("ID", "TEXT"), UPDATE ("TEXT") ON "ERP"."Auftrag" TO "FUSER";',
      'GRANT EXECUTE ON "WO"."TOOLS" TO "FUSER";',
      'GRANT EXECUTE ON "ERP"."TOOLS" TO "FUSER";',
      'GRANT EXECUTE ON "SYS"."DBMS_LOCK" TO "FUSER";',
    ];
    expect(lines("grant", "19.3.0.0.0")).toEqual(own("READ"));
    expect(lines("grant", "11.2.0.4.0")).toEqual(own("SELECT"));
    expect(lines("grant")).toEqual(own("SELECT"));
  });

  it("its counterpart takes back what was given, whole rights for those on columns", () => {
    expect(lines("revoke", "19.3.0.0.0")).toEqual([
      'REVOKE READ ON "WO"."MIETER" FROM "FUSER";',
      'REVOKE SELECT, INSERT, UPDATE ON "ERP"."Auftrag" FROM "FUSER";',
      'REVOKE EXECUTE ON "WO"."TOOLS" FROM "FUSER";',
      'REVOKE EXECUTE ON "ERP"."TOOLS" FROM "FUSER";',
      'REVOKE EXECUTE ON "SYS"."DBMS_LOCK" FROM "FUSER";',
      'REVOKE CREATE SESSION FROM "FUSER";',
    ]);
    expect(lines("ledger")).toEqual([
      'CREATE TABLE "WO"."FUSER_LEDGER" (command_id VARCHAR2(64) NOT NULL PRIMARY KEY, results VARCHAR2(4000));',
    ]);
  });

  it("names FLASHBACK on the tables of the feed, and what asks for the system change number", () => {
    const feeds = [{ name: "flashback-versions", tables: ["MIETER", 'erp."Auftrag"'] }];
    const told = script("grant", { ...needs, feeds }, { version: "19.22.0.0.0", account: '"FUSER"' });
    expect(told).toContain('GRANT READ, FLASHBACK ON "WO"."MIETER" TO "FUSER";');
    expect(told).toContain('GRANT SELECT, INSERT ("ID", "TEXT"), UPDATE ("TEXT"), FLASHBACK ON "ERP"."Auftrag" TO "FUSER";');
    expect(told).toContain('GRANT EXECUTE ON "SYS"."DBMS_FLASHBACK" TO "FUSER";');
    const back = script("revoke", { ...needs, feeds }, { version: "19.22.0.0.0", account: '"FUSER"' });
    expect(back).toContain('REVOKE READ, FLASHBACK ON "WO"."MIETER" FROM "FUSER";');
  });
});
