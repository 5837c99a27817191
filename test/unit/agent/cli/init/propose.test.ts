import { describe, expect, it } from "vitest";
import { draftText, untried } from "../../../../../agent/cli/init/draft-text.ts";
import { type CountedCodes, keyOf, type Proof, sampledCodes } from "../../../../../agent/cli/init/evidence.ts";
import { propose } from "../../../../../agent/cli/init/propose.ts";
import { parseConfig } from "../../../../../config/load.ts";
import type { Column, Table, Value } from "../../../../../connectors/connector.ts";

type Typed = string | [name: string, type: Column["type"], comment?: string];
type Rows = readonly (readonly Value[])[];

const column = (typed: Typed): Column => {
  const [name, type, comment] = typeof typed === "string" ? [typed, "text" as const] : typed;
  const rest = { nullable: true, length: undefined, hasDefault: false, autoIncrement: false };
  return { name, type, ...rest, ...(comment === undefined ? {} : { comment }) };
};

const table = (name: string, key: string[], columns: Typed[], more: Partial<Table> = {}): Table => ({
  ...{ name, kind: "table", columns: columns.map(column), primaryKey: key, uniqueIndexes: [key], foreignKeys: [] },
  ...{ indexedColumns: [], rows: 12, transactional: true, ...more },
});

interface Seen {
  tables: readonly Table[];
  rows?: Readonly<Record<string, Rows>>;
  proofs?: Readonly<Record<string, Proof>>;
  feed?: string;
}

/** The draft of these tables with these rows in them. */
function drafted({ tables, rows = {}, proofs = {}, feed }: Seen) {
  const samples = new Map(
    tables.map((one) => {
      const given = rows[one.name] ?? [one.columns.map((each) => (each.type === "text" ? "a" : null))];
      const named = given.map((row) => Object.fromEntries(one.columns.map(({ name }, at) => [name, row[at] ?? null])));
      return [one.name, { table: one, key: keyOf(one) ?? [], rows: named }] as const;
    }),
  );
  const counted = (name: string, of: string): CountedCodes | undefined => {
    const sample = samples.get(name);
    return sample && { ...sampledCodes(sample, of), of: "all" };
  };
  const { draft } = propose({
    tables,
    evidence: { sample: (name) => samples.get(name), codes: counted, proof: ({ from, to }) => proofs[`${from} ${to}`] },
    powers: { feed, rowVersions: false },
    sqlName: (name) => name,
    sqlTrue: (name) => `${name} = 1`,
  });
  const parts = {
    ...{ name: 'Haus & "Hof" #1', portal: "wss://portal.example.com/agent", state: "/srv/erp fuser: state" },
    ...{ connector: "mysql", timezone: "Europe/Berlin", tables },
    connection: { server: "erp01", database: "x", user: "y", password: { secret: "erp-password" } },
  };
  const text = draftText(parts, draft, untried);
  return { text, ...parseConfig({ text, file: "/etc/erpfuser/erpfuser.yaml" }) };
}

const estates = table("OBJEKT", ["MANDANT", "OBJNR"], ["MANDANT", "OBJNR", "BEZ"]);
const houses = table("HAUS", ["MANDANT", "OBJNR", "HAUSNR"], ["MANDANT", "OBJNR", "HAUSNR", "BEZ"]);
const flats = table("WOHNUNG", ["MANDANT", "OBJNR", "HAUSNR", "WOHNNR"], ["MANDANT", "OBJNR", "HAUSNR", "WOHNNR", "LAGE", "ART"]);

describe("the draft of a configuration", () => {
  it("loads without a fault, with the recognised tables as sources that refer to their parents, wherever in the list they stand", () => {
    const { config, faults } = drafted({ tables: [houses, estates] });
    expect(faults).toBeUndefined();
    expect(config?.sources.map(({ name, type, key }) => ({ name, type, key }))).toEqual([
      { name: "properties", type: "property", key: ["MANDANT", "OBJNR"] },
      { name: "buildings", type: "building", key: ["MANDANT", "OBJNR", "HAUSNR"] },
    ]);
  });

  it("keeps names that YAML or the language would take for something else", () => {
    const names = ["Firma: Nr", "objekt #2", "no", "010"];
    const { config, faults } = drafted({ tables: [table("Objekt", names, [...names, "Bez"])] });
    expect(faults).toBeUndefined();
    expect(config?.sources[0]?.key).toEqual(names);
    expect(config?.agent).toMatchObject({ name: 'Haus & "Hof" #1', state: "/srv/erp fuser: state" });
  });

  it("never takes the second person of a household for a first name, and says that there is one", () => {
    const { text } = drafted({ tables: [table("PERSON", ["NR"], ["NR", "NAME1", "NAME2", "VORNAME1"])] });
    expect(text).toContain("firstName: { from: VORNAME1");
    expect(text).not.toMatch(/firstName: .*NAME2/);
    expect(text).toContain("# NAME2 is often the second person of a household");
  });

  it("offers the scope of one company where several share the tables, with their numbers, and not where there is one", () => {
    const rows = (companies: string[]): Rows => companies.map((company, at) => [company, String(at), "Am Ring"]);
    const houseRows = (companies: string[]): Rows => companies.map((company, at) => [company, String(at), "1", "Haus"]);
    const several = drafted({ tables: [estates, houses], rows: { OBJEKT: rows(["7", "8"]), HAUS: houseRows(["7", "7", "8"]) } });
    expect(several.text).toContain('# scope: { MANDANT: "7" }');
    expect(several.text).toContain("7 (");
    expect(drafted({ tables: [estates, houses], rows: { OBJEKT: rows(["7"]), HAUS: houseRows(["7"]) } }).text).not.toContain(
      "scope",
    );
  });

  it("lists what it does not recognise as comments alone: no table without a key, no comment that ends early", () => {
    const tables = [
      table("OBJEKT", [], ["BEZ"], { uniqueIndexes: [] }),
      table("XYZ", ["A"], ["A"], { comment: "two\nlines: {" }),
    ];
    const { text, faults } = drafted({ tables });
    expect(faults?.map(({ path }) => path)).toEqual(["sources"]);
    expect(text).toContain("#   XYZ, about 12 rows; key A; two lines: {");
  });

  it("goes by the database's own comments where names say nothing", () => {
    const coded = table(
      "T0815",
      ["K1"],
      ["K1", ["F1", "text", "Bezeichnung"], ["F2", "text", "Ort des Objekts"], ["F3", "text", "PLZ"]],
      {
        comment: "Liegenschaften (Stamm)",
      },
    );
    const { config } = drafted({ tables: [coded] });
    expect(config?.sources[0]).toMatchObject({ type: "property", fields: { name: { read: { column: "F1" } } } });
    expect(JSON.stringify(config?.sources[0]?.fields.address)).toContain('"column":"F2"');
  });

  it("takes a table of any name whose columns can hardly be anything else, and says that it did", () => {
    const leases = table(
      "NV01",
      ["MANDANT", "LFD"],
      [...["MANDANT", "LFD", "OBJNR", "HAUSNR", "WOHNNR", "PERSNR"], ["VON", "date"], ["BIS", "date"]],
    );
    const people = table("PERSON", ["MANDANT", "PERSNR"], ["MANDANT", "PERSNR", "NACHNAME"]);
    const { config, text } = drafted({
      tables: [leases, people, flats, houses, estates],
      rows: { NV01: [["7", "1", "1", "1", "1", "9", "2024-01-01", "9999-12-31"]] },
    });
    expect(config?.sources.find(({ type }) => type === "utilisationPeriod")?.from).toMatchObject({ table: "NV01" });
    expect(text).toContain("Its columns look like utilisationPeriod; its name does not say so.");
    expect(text).toContain('native: { native: true, openEnd: ["9999-12-31"] }');
  });

  it("leaves a reference out that leads nowhere, and one that no row fills", () => {
    const proofs = { "WOHNUNG HAUS": { asked: 20, found: 1 } };
    const { config } = drafted({ tables: [flats, houses, estates], proofs });
    expect(config?.sources.find(({ type }) => type === "unit")?.fields).toMatchObject({
      propertyId: { read: { source: "properties" } },
    });
    const empty = drafted({ tables: [flats, houses, estates], proofs: { "WOHNUNG HAUS": { asked: 0, found: 0 } } });
    expect(Object.keys(empty.config?.sources.find(({ type }) => type === "unit")?.fields ?? {})).not.toContain("buildingId");
  });

  it("shows no value of a code column that may say who somebody is", () => {
    const rows: Rows = [
      ["1", "1", "1", "1", "EG", "Wohnung"],
      ["1", "1", "1", "2", "EG", "Kunigunde Zschoppe"],
      ["1", "1", "1", "3", "EG", "0345 5512345"],
      ["1", "1", "1", "4", "EG", "MEI"],
      ["1", "1", "1", "5", "EG", "Mei"],
    ];
    const people = table("PERSON", ["NR"], ["NR", "NACHNAME"]);
    const { text } = drafted({ tables: [flats, houses, estates, people], rows: { WOHNUNG: rows, PERSON: [["1", "Mei"]] } });
    expect(text).toContain('"Wohnung": flat');
    for (const value of ["Zschoppe", "0345", "Mei", "MEI"]) expect(text).not.toContain(value);
    expect(text).toContain("4 further values are not shown");
  });

  it("asks a column for changes only where an index carries it and rows fill it; else it stands as a comment that says why", () => {
    const stamped = (more: Partial<Table>) => table("OBJEKT", ["NR"], ["NR", "BEZ", ["AENDTS", "datetime"]], more);
    const full: Rows = [
      ["1", "a", "2026-01-01T10:00:00"],
      ["2", "b", "2026-01-02T10:00:00"],
    ];
    const indexed = { indexedColumns: ["NR", "AENDTS"] };
    const taken = (tables: Table[], rows: Rows) => drafted({ tables, rows: { OBJEKT: rows } });
    expect(taken([stamped(indexed)], full).config?.sources[0]?.changes.cursor).toMatchObject({
      column: "AENDTS",
      grain: "second",
    });
    for (const [tables, rows, why] of [
      [[stamped({})], full, "has no index"],
      [[stamped(indexed)], [...full, ["3", "c", null]], "1 of 3 rows looked at have no AENDTS"],
      [[stamped(indexed)], [full[0], full[0]], "nothing seems to set it"],
    ] as [Table[], Rows, string][]) {
      const { text, config } = taken(tables, rows);
      expect(config?.sources[0]?.changes.cursor).toBeUndefined();
      expect(text).toMatch(new RegExp(`# changes: .*AENDTS.*# .*${why}`));
    }
    expect(
      drafted({ tables: [stamped({})], rows: { OBJEKT: full }, feed: "binlog" }).config?.sources[0]?.changes.feed?.name,
    ).toBe("binlog");
  });

  it("reads days only in a format that the rows show: where day and month can't be told apart it says so", () => {
    const people = table("PERSON", ["NR"], ["NR", "NACHNAME", "GEBDAT"]);
    const days = (...values: string[]) =>
      drafted({ tables: [people], rows: { PERSON: values.map((value, at) => [String(at), "x", value]) } });
    expect(days("24.12.1970", "00.00.0000", "01.02.1980").text).toContain(
      'germanDay: { text: dd.MM.yyyy, empty: ["00.00.0000"] }',
    );
    expect(days("12/24/1970", "02/01/1980").text).toContain("usDay: { text: MM/dd/yyyy }");
    expect(days("01/02/1970", "03/04/1980").text).toMatch(/# birthDate: .*# the format of GEBDAT was not recognised/);
    expect(days("19701224", "19000101", "0").text).toContain(
      'ymd: { integer: yyyyMMdd, empty: ["0", "19000101"], openEnd: ["99991231"] }',
    );
    expect(days("", "").text).toMatch(/# birthDate: .*# no row of those looked at has a GEBDAT/);
  });

  it("takes buildings for estates where nothing is above them, and says so; the word table in a name is none", () => {
    const tables = [
      table("building_tbl", ["building_id"], ["building_id", "building_name"]),
      table("tbl_room", ["id"], ["id", "building_id", "room_no"]),
    ];
    const { config, text } = drafted({ tables });
    expect(config?.sources.map(({ name, type }) => `${name} ${type}`)).toEqual(["properties property", "units unit"]);
    expect(config?.sources[1]?.fields).toMatchObject({ propertyId: { read: { source: "properties" } } });
    expect(text).toContain("each building is sent as an estate of its own");
  });

  it("keeps staff at home until somebody says otherwise", () => {
    const staff = table("SACHBEARBEITER", ["NR"], ["NR", "NAME"]);
    const { text, config } = drafted({ tables: [staff, estates] });
    expect(config?.sources.map(({ type }) => type)).toEqual(["property"]);
    expect(text).toContain("# teamMembers:");
  });
});
