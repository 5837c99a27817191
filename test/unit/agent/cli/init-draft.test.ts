import { describe, expect, it } from "vitest";
import { type DraftParts, draftConfiguration } from "../../../../agent/cli/init-draft.ts";
import { parseConfig } from "../../../../config/load.ts";
import type { Column, Table } from "../../../../connectors/connector.ts";

const column = (name: string, type: Column["type"] = "text"): Column => ({
  ...{ name, type, nullable: true, length: undefined, hasDefault: false, autoIncrement: false },
});

const table = (name: string, primaryKey: string[], columns: Column[]): Table => ({
  ...{ name, kind: "table", columns, primaryKey, uniqueIndexes: [primaryKey], foreignKeys: [], indexedColumns: [] },
  ...{ rows: 12, transactional: true },
});

const houses = table(
  "HAUS",
  ["MANDANT", "OBJNR", "HAUSNR"],
  ["MANDANT", "OBJNR", "HAUSNR", "BEZ"].map((name) => column(name)),
);
const estates = table(
  "OBJEKT",
  ["MANDANT", "OBJNR"],
  ["MANDANT", "OBJNR", "BEZ"].map((name) => column(name)),
);

const draft = (tables: Table[], more: Partial<DraftParts> = {}): string =>
  draftConfiguration({
    ...{ name: "Musterstadt", portal: "wss://portal.example.com/agent", state: "/var/lib/erpfuser", connector: "sqlite" },
    ...{ connection: { file: "/data/erp.db" }, timezone: "Europe/Berlin", tables },
    ...more,
  });

const load = (text: string) => parseConfig({ text, file: "/etc/erpfuser/erpfuser.yaml" });

describe("the draft of a configuration", () => {
  it("loads without a fault, with the recognised tables as sources that refer to their parents", () => {
    const { config, faults } = load(draft([houses, estates]));
    expect(faults).toBeUndefined();
    expect(config?.sources.map(({ name, type, key }) => ({ name, type, key }))).toEqual([
      { name: "properties", type: "property", key: ["MANDANT", "OBJNR"] },
      { name: "buildings", type: "building", key: ["MANDANT", "OBJNR", "HAUSNR"] },
    ]);
  });

  it("keeps names that YAML or the language would take for something else", () => {
    const names = ["Firma: Nr", "objekt #2", "no"];
    const odd = table(
      "Objekt",
      names,
      [...names, "Bez"].map((name) => column(name)),
    );
    const text = draft([odd], { name: 'Haus & "Hof" #1', state: "/srv/erp fuser: state" });
    const { config, faults } = load(text);
    expect(faults).toBeUndefined();
    expect(config?.sources[0]?.key).toEqual(names);
    expect(config?.agent).toMatchObject({ name: 'Haus & "Hof" #1', state: "/srv/erp fuser: state" });
  });

  it("never takes the second person of a household for a first name", () => {
    const persons = table(
      "PERSON",
      ["NR"],
      ["NR", "NAME1", "NAME2", "VORNAME1"].map((name) => column(name)),
    );
    expect(draft([persons])).toContain("firstName: VORNAME1");
    expect(draft([persons])).not.toMatch(/firstName: NAME2/);
  });

  it("offers the scope of one company only where the keys have such a column", () => {
    expect(draft([estates])).toContain('# scope: { MANDANT: "001" }');
    expect(draft([table("OBJEKT", ["NR"], [column("NR"), column("BEZ")])])).not.toContain("scope");
  });

  it("lists what it does not recognise as comments alone: no table without a key, no comment that ends early", () => {
    const tables = [table("OBJEKT", [], [column("BEZ")]), { ...table("XYZ", ["A"], [column("A")]), comment: "two\nlines: {" }];
    const { faults } = load(draft(tables));
    expect(faults?.map(({ path }) => path)).toEqual(["sources"]);
    expect(draft(tables)).toContain("#   XYZ, about 12 rows; key A; two lines: {");
  });
});
