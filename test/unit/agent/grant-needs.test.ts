import { expect, test } from "vitest";
import { grantNeeds } from "../../../agent/grant-needs.ts";
import { parseConfig } from "../../../config/load.ts";
import type { Column, Table } from "../../../connectors/connector.ts";
import { compareRights } from "../../../connectors/grants.ts";
import { mssqlGrantScript } from "../../../connectors/mssql/grants.ts";
import { mysqlGrantScript } from "../../../connectors/mysql/grants.ts";
import { sqliteGrantScript } from "../../../connectors/sqlite/grants.ts";
import { tsqlFault } from "../../support/tsql-grammar.ts";

const column = (name: string, more: Partial<Column> = {}): Column => ({
  name,
  type: "text",
  nullable: true,
  length: undefined,
  hasDefault: false,
  autoIncrement: false,
  ...more,
});
const table = (name: string, columns: readonly Column[]): Table => ({
  name,
  kind: "table",
  columns,
  primaryKey: [columns[0]?.name as string],
  uniqueIndexes: [[columns[0]?.name as string]],
  foreignKeys: [],
  indexedColumns: [],
  rows: undefined,
  transactional: true,
});

const tables = [
  table(
    "PERSON",
    ["NR", "NAME", "AKTIV", "STORNO", "GEHALT"].map((name) => column(name)),
  ),
  table(
    "ORT",
    ["PLZ", "STADT", "EINWOHNER"].map((name) => column(name)),
  ),
  table("AUFTRAG", [
    column("ID", { autoIncrement: true, nullable: false }),
    column("TITEL"),
    column("PFLICHT", { nullable: false }),
    column("STANDARD", { nullable: false, hasDefault: true }),
    column("STAND"),
  ]),
];

const text = `agent: { name: Test, portal: "wss://portal.example.com/agent", state: /tmp/state }
erp: { connector: mysql, server: s, database: WO, user: fuser, timezone: Europe/Berlin }
sources:
  persons:
    type: person
    table: PERSON
    key: NR
    where: "AKTIV = 'GEHALT' -- not GEHALT"
    deletes: { flag: "STORNO = 'J'" }
    fields: { kind: { value: natural }, lastName: NAME }
  units:
    type: unit
    query: "SELECT STADT, COUNT(*) AS N FROM ORT GROUP BY STADT"
    key: STADT
    changes: { compare: 1h }
    fields: { name: STADT, objectType: { value: flat } }
  tickets: { type: ticket, table: AUFTRAG, key: ID, fields: { kind: { value: damage }, status: { value: open }, title: TITEL } }
commands:
  ticket.create:
    idempotency: { ledger: LEDGER }
    steps:
      - insert: AUFTRAG
        values: { TITEL: { from: title } }
        blanks: { text: "" }
        returning: { nr: ID }
      - sql: "UPDATE AUFTRAG SET STAND = 'neu' WHERE ID = :result.nr"
      - call: P_DONE
    result: { source: tickets, key: "\${nr}" }
`;
const needs = (described: readonly Table[]) => {
  const { config, faults } = parseConfig({ text, file: "/x.yaml" });
  if (config === undefined) throw new Error(JSON.stringify(faults));
  return grantNeeds(config, described);
};

test("columns are those that the configuration and its SQL texts name, and no others of the table", () => {
  expect(needs(tables)).toEqual({
    tables: [
      { table: "PERSON", read: ["AKTIV", "NAME", "NR", "STORNO"], insert: [], update: [], remove: false },
      { table: "ORT", read: ["STADT"], insert: [], update: [], remove: false },
      { table: "AUFTRAG", read: ["ID", "STAND", "TITEL"], insert: ["PFLICHT", "TITEL"], update: ["STAND"], remove: false },
      { table: "LEDGER", read: ["command_id", "results"], insert: ["command_id"], update: ["results"], remove: false },
    ],
    calls: [{ name: "P_DONE", kind: "procedure" }],
    ledgers: ["LEDGER"],
    sequences: [],
    feeds: [],
    sessionName: "erpfuser:Test",
  });
});

test("of a table that nobody has described the whole is wanted where a text or blanks could name any column", () => {
  expect(needs([]).tables).toMatchObject([
    { table: "PERSON", read: "all" },
    { table: "ORT", read: "all" },
    { table: "AUFTRAG", read: "all", insert: "all", update: "all" },
    { table: "LEDGER", insert: ["command_id"] },
  ]);
});

test("the script says each right once per table, and its counterpart takes back the same", () => {
  const script = mysqlGrantScript({ database: "WO", user: "fu'ser" });
  const granted = script("grant", needs(tables), { version: "10.11.6-MariaDB", account: "'fuser'@'10.%'" });
  expect(granted.filter((line) => !line.startsWith("--"))).toEqual([
    "GRANT SELECT (`AKTIV`, `NAME`, `NR`, `STORNO`) ON `WO`.`PERSON` TO 'fuser'@'10.%';",
    "GRANT SELECT (`STADT`) ON `WO`.`ORT` TO 'fuser'@'10.%';",
    "GRANT SELECT (`ID`, `STAND`, `TITEL`), INSERT (`PFLICHT`, `TITEL`), UPDATE (`STAND`) ON `WO`.`AUFTRAG` TO 'fuser'@'10.%';",
    "GRANT SELECT (`command_id`, `results`), INSERT (`command_id`), UPDATE (`results`) ON `WO`.`LEDGER` TO 'fuser'@'10.%';",
    "GRANT EXECUTE ON PROCEDURE `WO`.`P_DONE` TO 'fuser'@'10.%';",
  ]);
  const revoked = script("revoke", needs(tables), { version: "10.11.6-MariaDB", account: "'fuser'@'10.%'" });
  expect(revoked.slice(1)).toEqual(granted.slice(2).map((line) => line.replace("GRANT", "REVOKE").replace(" TO ", " FROM ")));
  expect(script("init", needs([]), undefined).at(-1)).toBe("GRANT SELECT ON `WO`.* TO 'fu\\'ser'@'%';");
});

test("a feed needs the rights of its server's version", () => {
  const script = mysqlGrantScript({ database: "WO", user: "fuser" });
  const feed = { tables: [], calls: [], ledgers: [], feeds: [{ name: "binlog", tables: ["A"] }] };
  const last = (version: string) => script("grant", feed, { version, account: "a" }).at(-1);
  expect(last("10.11.6-MariaDB")).toBe("GRANT REPLICATION SLAVE, BINLOG MONITOR ON *.* TO a;");
  expect(last("10.4.2-MariaDB")).toBe("GRANT REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO a;");
  expect(last("MySQL 8.0.36")).toBe("GRANT REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO a;");
});

test("SQL Server's script is T-SQL: INSERT knows no columns there, and change tracking wants a right of its own", () => {
  const script = mssqlGrantScript({ database: "WO DB", user: "fuser", domain: "HAUS" });
  const wanted = { ...needs(tables), feeds: [{ name: "change-tracking", tables: ["PERSON"] }] };
  const granted = script("grant", wanted, undefined);
  expect(granted.filter((line) => line.startsWith("GRANT"))).toEqual([
    "GRANT SELECT ([AKTIV], [NAME], [NR], [STORNO]) ON [dbo].[PERSON] TO [HAUS\\fuser];",
    "GRANT VIEW CHANGE TRACKING ON [dbo].[PERSON] TO [HAUS\\fuser];",
    "GRANT SELECT ([STADT]) ON [dbo].[ORT] TO [HAUS\\fuser];",
    "GRANT SELECT ([ID], [STAND], [TITEL]) ON [dbo].[AUFTRAG] TO [HAUS\\fuser];",
    "GRANT INSERT ON [dbo].[AUFTRAG] TO [HAUS\\fuser];",
    "GRANT UPDATE ([STAND]) ON [dbo].[AUFTRAG] TO [HAUS\\fuser];",
    "GRANT SELECT ([command_id], [results]) ON [dbo].[LEDGER] TO [HAUS\\fuser];",
    "GRANT INSERT ON [dbo].[LEDGER] TO [HAUS\\fuser];",
    "GRANT UPDATE ([results]) ON [dbo].[LEDGER] TO [HAUS\\fuser];",
    "GRANT EXECUTE ON [dbo].[P_DONE] TO [HAUS\\fuser];",
  ]);
  // The grammar knows neither REVOKE nor GRANT UPDATE nor the newer permissions.
  for (const kind of ["grant", "ledger", "init"] as const) {
    const known = script(kind, wanted, undefined).filter((line) => !line.includes("CHANGE TRACKING"));
    expect(tsqlFault(known.join("\n").replaceAll("GRANT UPDATE", "GRANT SELECT")), kind).toBeUndefined();
  }
});

test("a file's rights are those of reading, where nothing is written", () => {
  const script = sqliteGrantScript({ file: "/srv/erp's/erp.db" });
  const reading = { tables: [], calls: [], ledgers: [], feeds: [] };
  expect(script("grant", reading, undefined)).toContain("setfacl -m u:erpfuser:r '/srv/erp'\\''s/erp.db'");
  expect(script("grant", needs(tables), undefined)).toContain("setfacl -m u:erpfuser:rw '/srv/erp'\\''s/erp.db'");
});

test("a wider right covers a narrower one, and is told as too many", () => {
  const wanted = [{ right: "SELECT", object: ["WO", "PERSON", "NR"] }];
  const held = [{ right: "SELECT", object: ["wo", "person"] }];
  expect(compareRights(wanted, held)).toEqual({ missing: [], tooMany: held });
  expect(compareRights(wanted, [{ right: "SELECT", object: ["WO", "PERSON", "NAME"] }])).toEqual({
    missing: wanted,
    tooMany: [{ right: "SELECT", object: ["WO", "PERSON", "NAME"] }],
  });
});
