import { readFile, rm, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Connector, Value } from "../../connectors/connector.ts";
import { type CsvFolder, csvFolder } from "./erp/csv.ts";
import { collect, never, sourceOf } from "./erp/subject.ts";

const tenants = {
  tables: {
    TENANT: {
      full: "TENANT_{yyyyMMdd}.csv",
      delta: "TENANT_D_{yyyyMMdd}.csv",
      key: ["ID"],
      columns: { ID: "integer", NAME: "text(40)" },
    },
  },
};
const source = sourceOf("TENANT", ["ID"], ["ID", "NAME"]);

describe("CSV folder: imports", () => {
  let place: CsvFolder;
  let open: Connector[];
  const connect = async (settings: object = tenants, options?: Parameters<CsvFolder["open"]>[1]): Promise<Connector> => {
    const connector = await place.open(settings, options);
    open.push(connector);
    return connector;
  };
  const rows = async (connector: Connector, of = source): Promise<(readonly Value[])[]> =>
    (await collect(connector.scan(of, never))).map(({ row }) => row.values);
  beforeEach(async () => {
    open = [];
    place = await csvFolder();
  });
  afterEach(async () => {
    for (const connector of open) await connector.close();
    await place[Symbol.asyncDispose]();
  });

  it("a full export is what the table holds, and lies in the archive afterwards", async () => {
    await place.drop("TENANT_20260201.csv", 'ID;NAME\r\n1;Ada\r\n2;"Müller; Hans"\r\n');
    const connector = await connect();
    expect(await rows(connector)).toEqual([
      [1, "Ada"],
      [2, "Müller; Hans"],
    ]);
    expect(await place.names()).toEqual(["archive"]);
    expect(await place.names("archive")).toEqual(["TENANT_20260201.csv"]);
  });

  it("before the first whole file nothing is read, and no row counts as gone", async () => {
    const connector = await connect();
    await expect(rows(connector)).rejects.toMatchObject({ kind: "transient", code: "erp-export-awaited" });
    await place.drop("TENANT_D_20260201.csv", "ID;NAME\n1;Ada\n");
    await expect(rows(connector)).rejects.toMatchObject({ code: "erp-export-awaited" });
    await expect(collect(connector.readKeys(source, ["1"], never))).rejects.toMatchObject({ code: "erp-export-awaited" });
    const query = sourceOf("q", ["ID"], ["ID"], { from: { query: "SELECT ID FROM tenant", parameters: {} } });
    await expect(rows(connector, query)).rejects.toMatchObject({ code: "erp-export-awaited" });
  });

  it("a full export takes away what it does not hold; a delta adds and changes only; files come in the order of their names", async () => {
    await place.drop("TENANT_D_20260203.csv", "ID;NAME\n2;Bert\n3;Cleo\n");
    await place.drop("TENANT_20260202.csv", "ID;NAME\n1;Ada\n2;Bob\n");
    const connector = await connect();
    expect(await rows(connector)).toEqual([
      [1, "Ada"],
      [2, "Bert"],
      [3, "Cleo"],
    ]);
    await place.drop("TENANT_20260204.csv", "ID;NAME\n2;Bert\n3;Cleo\n4;Dora\n");
    expect(await rows(connector)).toEqual([
      [2, "Bert"],
      [3, "Cleo"],
      [4, "Dora"],
    ]);
  });

  it("FUSER_CHANGE grows with each row that an import adds or changes, and with no other", async () => {
    const cursor = { table: "TENANT", column: "FUSER_CHANGE", kind: "sequence", key: ["ID"], own: [] } as const;
    const changes = async (connector: Connector, from: string) =>
      (await Array.fromAsync(connector.changedSince(cursor, from, never))).flat().map(({ key, mark }) => [key, mark]);
    const connector = await connect();
    await place.drop("TENANT_20260201.csv", "ID;NAME\n1;Ada\n2;Bob\n3;Cleo\n");
    expect(await changes(connector, "0")).toEqual([
      ["1", "1"],
      ["2", "2"],
      ["3", "3"],
    ]);
    await place.drop("TENANT_20260202.csv", "ID;NAME\n3;Cleo\n2;Bert\n1;Ada\n4;Dora\n");
    expect(await changes(connector, "4")).toEqual([
      ["2", "4"],
      ["4", "5"],
    ]);
    await place.drop("TENANT_D_20260203.csv", "ID;NAME\n4;Dora\n1;Ada L.\n");
    expect(await changes(connector, "6")).toEqual([["1", "6"]]);
    const [table] = await connector.describe(never, ["TENANT"]);
    expect(table?.columns.map(({ name }) => name)).toEqual(["ID", "NAME", "FUSER_CHANGE"]);
    expect(table?.indexedColumns).toContain("FUSER_CHANGE");
  });

  it("a delta takes rows away that it marks as removed", async () => {
    const { TENANT } = tenants.tables;
    const columns = { ...TENANT.columns, KZ: "text" };
    const connector = await connect({ tables: { TENANT: { ...TENANT, columns, removed: { column: "KZ", is: ["L"] } } } });
    await place.drop("TENANT_20260201.csv", "ID;NAME;KZ\n1;Ada;\n2;Bob;\n");
    await place.drop("TENANT_D_20260202.csv", "ID;NAME;KZ\n1;;L\n3;Cleo;\n9;;L\n");
    expect(await rows(connector)).toEqual([
      [2, "Bob"],
      [3, "Cleo"],
    ]);
  });

  it("the position counts the imports and never goes back; a new private database is behind the one before", async () => {
    const connector = await connect();
    const position = async (one: Connector) => (await one.identity(never)).position;
    expect(await position(connector)).toEqual({ imports: "0" });
    await place.drop("TENANT_20260201.csv", "ID;NAME\n1;Ada\n");
    await rows(connector);
    await place.drop("TENANT_20260202.csv", "ID;NAME\n1;Bob\n");
    await rows(connector);
    expect(await position(connector)).toEqual({ imports: "2" });
    const other = await connect(tenants, { state: join(place.state, "other") });
    expect(await position(other)).toEqual({ imports: "0" });
    expect((await other.identity(never)).database).toBe((await connector.identity(never)).database);
  });

  it("a file is never imported twice, and one of the same name with another content is a new one", async () => {
    const connector = await connect();
    const text = "ID;NAME\n1;Ada\n";
    await place.drop("TENANT_20260201.csv", text);
    await rows(connector);
    await place.drop("TENANT_20260201.csv", text);
    await rows(connector);
    expect(await place.private("SELECT file, state, moved_as FROM fuser_import")).toEqual([
      ["TENANT_20260201.csv", "imported", "TENANT_20260201.2.csv"],
    ]);
    await place.drop("TENANT_20260201.csv", "ID;NAME\n1;Eve\n");
    expect(await rows(connector)).toEqual([[1, "Eve"]]);
    expect(await place.names("archive")).toEqual(["TENANT_20260201.2.csv", "TENANT_20260201.3.csv", "TENANT_20260201.csv"]);
  });

  it("where names tell no order the time of the last change does, and a content that comes back is taken again", async () => {
    const { TENANT } = tenants.tables;
    const connector = await connect({ tables: { TENANT: { ...TENANT, full: "TENANT.csv", delta: "TENANT_D.csv" } } });
    const at = async (name: string, content: string, day: number): Promise<void> => {
      await writeFile(join(place.folder, `${name}.tmp`), content);
      const time = new Date(Date.UTC(2026, 1, day));
      await utimes(join(place.folder, `${name}.tmp`), time, time);
      await place.drop(name, content);
      await utimes(join(place.folder, name), time, time);
    };
    for (const [day, name] of [
      [1, "Ada"],
      [2, "Bob"],
      [3, "Ada"],
    ] as const) {
      await at("TENANT.csv", `ID;NAME\n1;${name}\n`, day);
      expect(await rows(connector)).toEqual([[1, name]]);
    }
    await at("TENANT_D.csv", "ID;NAME\n1;Old\n", 2);
    expect(await rows(connector)).toEqual([[1, "Ada"]]);
    expect(await readFile(join(place.folder, "rejected", "TENANT_D.csv.txt"), "utf8")).toContain("A newer file");
  });

  it("an export with too few rows is refused until a person renames it", async () => {
    const connector = await connect();
    const ten = Array.from({ length: 10 }, (_, index) => `${index};n\n`).join("");
    await place.drop("TENANT_20260201.csv", `ID;NAME\n${ten}`);
    expect((await rows(connector)).length).toBe(10);
    await place.drop("TENANT_20260202.csv", "ID;NAME\n1;n\n2;n\n3;n\n4;n\n");
    expect((await rows(connector)).length).toBe(10);
    expect(await place.names("rejected")).toEqual(["TENANT_20260202.csv", "TENANT_20260202.csv.txt"]);
    const text = await readFile(join(place.folder, "rejected", "TENANT_20260202.csv.txt"), "utf8");
    expect(text).toContain("4 rows, the one before had 10");
    expect(text).toContain("TENANT_20260202.csv.accepted");
    await place.drop("TENANT_20260202.csv.accepted", "ID;NAME\n1;n\n2;n\n3;n\n4;n\n");
    expect((await rows(connector)).length).toBe(4);
    await place.drop("TENANT_20260203.csv", "ID;NAME\n");
    expect((await rows(connector)).length).toBe(4);
    await connector.close();
    const counted = await connect({ tables: { TENANT: { ...tenants.tables.TENANT, minimumRows: "6" } } });
    await place.drop("TENANT_20260204.csv", "ID;NAME\n1;n\n2;n\n3;n\n4;n\n5;n\n");
    expect((await rows(counted)).length).toBe(4);
    expect(await readFile(join(place.folder, "rejected", "TENANT_20260204.csv.txt"), "utf8")).toContain("at least 6");
  });

  it("a definition that changes makes the table anew, from its last full export in the archive and the deltas after it", async () => {
    await place.drop("TENANT_20260201.csv", "ID;NAME\n01;Ada\n02;Bob\n");
    await place.drop("TENANT_20260202.csv", "ID;NAME\n02;Bob\n03;Cleo\n");
    await place.drop("TENANT_D_20260203.csv", "ID;NAME\n04;Dora\n");
    const first = await connect();
    expect((await rows(first)).length).toBe(3);
    const position = (await first.identity(never)).position?.imports;
    const { TENANT } = tenants.tables;
    const text = { tables: { TENANT: { ...TENANT, columns: { ID: "text", NAME: "text" } } } };
    await first.close();
    const other = await connect(text);
    expect(await rows(other)).toEqual([
      ["02", "Bob"],
      ["03", "Cleo"],
      ["04", "Dora"],
    ]);
    expect((await other.identity(never)).position?.imports).toBe(position);
    await other.close();
    // A table that leaves the configuration can't be read, and one that comes back is there again.
    const once = async (settings: object): Promise<unknown> => {
      const connector = await connect(settings);
      try {
        return await rows(connector);
      } finally {
        await connector.close();
      }
    };
    const without = once({ tables: { OTHER: { ...TENANT, full: "OTHER.csv", delta: "OTHER_D.csv" } } });
    await expect(without).rejects.toMatchObject({ kind: "config", code: "erp-object-missing" });
    expect(await once(text)).toHaveLength(3);
    await rm(join(place.folder, "archive", "TENANT_20260202.csv"));
    await expect(once(tenants)).rejects.toMatchObject({ code: "erp-export-awaited" });
    await place.drop("TENANT_20260204.csv", "ID;NAME\n1;Ada\n");
    expect(await once(tenants)).toEqual([[1, "Ada"]]);
  });

  it("old files leave the archive, and only those that came from an import", async () => {
    const connector = await connect({ ...tenants, archiveKeep: "0s" });
    await place.drop("TENANT_20260201.csv", "ID;NAME\n1;Ada\n");
    await rows(connector);
    await writeFile(join(place.folder, "archive", "letter.csv"), "not ours");
    const later = await connect({ ...tenants, archiveKeep: "0s" });
    await rows(later);
    expect(await place.names("archive")).toEqual(["letter.csv"]);
  });

  it("the state directory can be deleted: what lies in the archive is imported again once it is put back", async () => {
    const first = await connect();
    await place.drop("TENANT_20260201.csv", "ID;NAME\n1;Ada\n");
    await rows(first);
    await first.close();
    await rm(place.state, { recursive: true });
    await place.drop("TENANT_20260201.csv", await readFile(join(place.folder, "archive", "TENANT_20260201.csv"), "utf8"));
    expect(await rows(await connect())).toEqual([[1, "Ada"]]);
  });
});
