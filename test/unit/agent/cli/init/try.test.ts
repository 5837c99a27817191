import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { draftText, type Trial } from "../../../../../agent/cli/init/draft-text.ts";
import type { Draft, DraftedField, DraftedSource } from "../../../../../agent/cli/init/drafted.ts";
import { tryDraft } from "../../../../../agent/cli/init/try.ts";
import { openErp } from "../../../../../agent/erp.ts";
import { silentLog } from "../../../../../base/log.ts";
import { systemClock } from "../../../../../base/time.ts";
import { parseConfig } from "../../../../../config/load.ts";
import type { Connector, Table } from "../../../../../connectors/connector.ts";
import { type TemporaryDirectory, tempDirectory } from "../../../../support/servers.ts";

const { signal } = new AbortController();

describe("the trial of a draft", () => {
  let folder: TemporaryDirectory;
  let connector: Connector;
  let tables: readonly Table[];
  beforeAll(async () => {
    folder = await tempDirectory();
    const file = join(folder.path, "erp.db");
    const database = new DatabaseSync(file);
    database.exec("CREATE TABLE OBJEKT (NR TEXT PRIMARY KEY, BEZ TEXT, PLZ TEXT)");
    database.exec("CREATE TABLE HAUS (NR TEXT PRIMARY KEY, OBJNR TEXT, BEZ TEXT)");
    for (let count = 1; count <= 9; count++) {
      database.exec(`INSERT INTO OBJEKT VALUES ('${count}', 'Anger', '${"1".repeat(count > 5 ? 30 : 5)}')`);
      database.exec(`INSERT INTO HAUS VALUES ('${count}', '${count}', ${count === 9 ? "NULL" : "'Haus'"})`);
    }
    database.close();
    const courtesy = { pace: "gentle", statementTimeoutMs: 10_000, lockTimeoutMs: 1_000 } as const;
    const config = { file: "x", agent: { name: "x" }, erp: { connector: "sqlite", settings: { file }, courtesy } };
    connector = await openErp({ config, clock: systemClock, log: silentLog, secret: async () => "" });
    tables = await connector.describe(signal);
  });
  afterAll(async () => {
    await connector.close();
    await folder[Symbol.asyncDispose]();
  });

  const source = (name: string, type: DraftedSource["type"], of: string, fields: readonly DraftedField[]): DraftedSource => ({
    ...{ name, type, table: tables.find((table) => table.name === of) as Table, key: ["NR"], lead: [] },
    ...{ settings: [{ name: "changes", yaml: "{ compare: 15m }" }], fields },
  });
  const tried = async (sources: readonly DraftedSource[], timezone = "Europe/Berlin") => {
    const draft: Draft = { types: [], maps: [], sources, remarks: [] };
    const parts = {
      name: "x",
      portal: "wss://p.example.com/agent",
      state: "/x",
      connector: "sqlite",
      connection: { file: "/x.db" },
    };
    const write = (trial: Trial): string => draftText({ ...parts, timezone, tables }, draft, trial);
    return await tryDraft({ draft, file: "/x/erpfuser.yaml", write, connector, signal });
  };
  const name: DraftedField = { name: "name", yaml: "BEZ" };

  it("comments out the field that check would complain of, and says what it says", async () => {
    const wrong: DraftedField = { name: "address", yaml: "{ street: STRASE, city: BEZ }" };
    const { text, sources } = await tried([source("properties", "property", "OBJEKT", [name, wrong])]);
    expect(sources).toEqual(["properties"]);
    expect(text).toMatch(/ {6}# address: \{ street: STRASE, city: BEZ \} {3}# .*STRASE/);
    expect(parseConfig({ text, file: "/x/erpfuser.yaml" }).faults).toBeUndefined();
  });

  it("comments out a source without what its type needs, and then what refers to it", async () => {
    const sources = [
      source("properties", "property", "OBJEKT", [{ name: "name", yaml: "BEZEICHNG" }]),
      source("buildings", "building", "HAUS", [{ name: "propertyId", yaml: "{ ref: properties, key: [OBJNR] }" }, name]),
    ];
    const { text, sources: left } = await tried(sources);
    expect(left).toEqual([]);
    expect(text).toContain("# properties:");
    expect(text).toMatch(/# Not used: .*BEZEICHNG[\s\S]*# Not used: .*properties/);
    expect(text).toContain("# No table was recognised");
  });

  it("leaves an optional field out that would hold one row of five or more, and counts what needed ones hold", async () => {
    const postal: DraftedField = { name: "address", yaml: "{ postalCode: PLZ, city: BEZ }" };
    const estates = await tried([source("properties", "property", "OBJEKT", [name, postal])]);
    expect(estates.text).toMatch(/# address: .*# 4 of 9 rows would be held for it: value-invalid/);
    expect(estates.text).toContain("# Of 9 rows looked at 9 become entities.");
    const houses = source("buildings", "building", "HAUS", [
      { name: "propertyId", yaml: "{ ref: properties, key: [OBJNR] }" },
      name,
    ]);
    const { text } = await tried([source("properties", "property", "OBJEKT", [name]), houses]);
    expect(text).toContain("# Of 9 rows looked at 8 become entities; held: name value-invalid 1.");
  });

  it("tells at once what is wrong with name, portal or time zone, which no source can mend", async () => {
    const refused = tried([source("properties", "property", "OBJEKT", [name])], "Mars/Olympus");
    await expect(refused).rejects.toMatchObject({ code: "config-faults" });
  });
});
