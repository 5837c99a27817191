import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { columnQuery, readColumn } from "../../agent/documents/columns.ts";
import type { Connector } from "../../connectors/connector.ts";
import { collect, keysOf, never, type Subject, sourceOf } from "./erp/subject.ts";
import { readers } from "./erp/subjects.ts";

describe.each(readers)("$name: reading", ({ make }) => {
  let erp: Subject;
  let connector: Connector;
  beforeAll(async () => {
    erp = await make();
    connector = await erp.open();
    await erp.run(
      `CREATE TABLE fusertest_orders (client VARCHAR(4) NOT NULL, nr INTEGER NOT NULL, title VARCHAR(40), changed ${erp.type("stamp")}, PRIMARY KEY (client, nr))`,
    );
    await erp.run(
      "CREATE TABLE fusertest_order_lines (client VARCHAR(4) NOT NULL, nr INTEGER NOT NULL, line INTEGER NOT NULL, words VARCHAR(80), PRIMARY KEY (client, nr, line))",
    );
    for (let nr = 1; nr <= 1200; nr++) {
      const stamp = `2026-01-01 00:${String(Math.floor(nr / 60)).padStart(2, "0")}:${String(nr % 60).padStart(2, "0")}`;
      await erp.run("INSERT INTO fusertest_orders VALUES (?, ?, ?, ?)", [nr % 2 ? "001" : "002", nr, `title ${nr}`, stamp]);
      if (nr % 100 === 0)
        await erp.run("INSERT INTO fusertest_order_lines VALUES (?, ?, 1, ?), (?, ?, 2, ?)", [
          "002",
          nr,
          "one",
          "002",
          nr,
          "two",
        ]);
    }
    await erp.run(`CREATE INDEX orders_changed ON fusertest_orders (changed)`);
  });
  afterAll(async () => {
    await connector?.close();
    await erp?.[Symbol.asyncDispose]();
  });

  const computed = (whole: number) => erp.computed?.(whole) ?? { value: whole, type: "integer" as const };
  const catalogued = (name: string): string => erp.catalogued?.(name) ?? name;

  const lines = {
    sql: "SELECT words FROM fusertest_order_lines WHERE client = :row.client AND nr = :row.nr ORDER BY line",
    parameters: {},
  };
  const orders = () =>
    sourceOf("fusertest_orders", ["client", "nr"], ["client", "nr", "title"], {
      children: [lines],
      flags: [{ sql: "nr > :vars.limit", parameters: { "vars.limit": 600 } }],
    });

  it("a scan gives every row once, in bounded batches, with flags and children", async () => {
    const sizes: number[] = [];
    const found = new Map<string | undefined, unknown>();
    for await (const batch of connector.scan(orders(), never)) {
      sizes.push(batch.length);
      for (const [index, key] of keysOf(batch).entries()) found.set(key, batch.row(index));
    }
    expect(Math.max(...sizes)).toBeLessThanOrEqual(500);
    expect(sizes.reduce((a, b) => a + b, 0)).toBe(1200);
    expect(found.size).toBe(1200);
    expect(found.get("002.700")).toEqual({ values: ["002", 700, "title 700"], flags: [true], children: [[["one"], ["two"]]] });
    expect(found.get("001.3")).toEqual({ values: ["001", 3, "title 3"], flags: [false], children: [[]] });
  });

  it("the bytes of a column are read by key, whole up to the declared maximum, and not at all beyond it", async () => {
    const type = { mysql: "LONGBLOB", postgres: "BYTEA", mssql: "VARBINARY(MAX)" }[connector.dialect.name] ?? "BLOB";
    await erp.run(
      `CREATE TABLE fusertest_files (client VARCHAR(4) NOT NULL, nr INTEGER NOT NULL, file_bytes ${type}, PRIMARY KEY (client, nr))`,
    );
    const all = Uint8Array.from({ length: 1_800 }, (_, index) => index % 256);
    for (const [nr, bytes] of [all, null, new Uint8Array([...all, 0])].entries())
      await erp.run("INSERT INTO fusertest_files VALUES (?, ?, ?)", ["001", nr, bytes]);
    const bytes = {
      kind: "column",
      column: "file_bytes",
      table: undefined,
      maxBytes: all.length,
      at: { path: "", line: 1 },
    } as const;
    const query = columnQuery(sourceOf("fusertest_files", ["client", "nr"], ["client", "nr"]), bytes);
    const read = (key: string) => readColumn(connector, { query, bytes, key }, never);
    const found = await read("001.0");
    if (typeof found === "string") throw new Error(found);
    await using content = found;
    expect(content.sizeBytes).toBe(all.length);
    expect([...(await content.read(1_700, 1_000))]).toEqual([...all.subarray(1_700)]);
    expect([await read("001.1"), await read("001.2"), await read("001.3")]).toEqual(["missing", "too-large", "missing"]);
  });

  it("a scan whose statements may live no time at all still gives every row once", async () => {
    const hasty = await erp.open({ limits: { snapshotMs: 0, batchRows: 7 } });
    try {
      // Each row may be a statement and a connection of its own.
      const some = { ...orders(), where: [{ sql: "nr > 900", parameters: {} }] };
      const keys = (await collect(hasty.scan(some, never))).map(({ key }) => key);
      expect(keys.length).toBe(300);
      expect(new Set(keys).size).toBe(300);
    } finally {
      await hasty.close();
    }
  });

  it("a read by key gives the rows that exist, with the same digests as a scan", async () => {
    const scanned = new Map((await collect(connector.scan(orders(), never))).map(({ key, digest }) => [key, digest]));
    const read = await collect(connector.readKeys(orders(), ["001.1", "002.700", "009.1", "001.99999"], never));
    expect(read.map(({ key }) => key).sort()).toEqual(["001.1", "002.700"]);
    for (const { key, digest } of read) expect(digest).toBe(scanned.get(key));
    const many = await collect(connector.readKeys(orders(), [...scanned.keys()] as string[], never));
    expect(many.length).toBe(1200);
    expect(many.every(({ key, digest }) => scanned.get(key) === digest)).toBe(true);
  });

  it("a digest changes with any column, flag or child", async () => {
    const digest = async (): Promise<bigint | undefined> =>
      (await collect(connector.readKeys(orders(), ["002.600"], never)))[0]?.digest;
    const seen = [await digest()];
    await erp.run("UPDATE fusertest_orders SET title = 'other' WHERE nr = 600");
    seen.push(await digest());
    await erp.run("UPDATE fusertest_order_lines SET words = 'three' WHERE nr = 600 AND line = 2");
    seen.push(await digest());
    await erp.run("DELETE FROM fusertest_order_lines WHERE nr = 600 AND line = 2");
    seen.push(await digest());
    const flagged = sourceOf("fusertest_orders", ["client", "nr"], ["client", "nr", "title"], {
      children: [lines],
      flags: [{ sql: "nr > 1", parameters: {} }],
    });
    seen.push((await collect(connector.readKeys(flagged, ["002.600"], never)))[0]?.digest);
    expect(new Set(seen).size).toBe(5);
    await erp.run("UPDATE fusertest_orders SET title = 'title 600' WHERE nr = 600");
    await erp.run("DELETE FROM fusertest_order_lines WHERE nr = 600");
    await erp.run("INSERT INTO fusertest_order_lines VALUES ('002', 600, 1, 'one'), ('002', 600, 2, 'two')");
    expect(await digest()).toBe(seen[0]);
  });

  it("changes come in order of their mark, from the given one on, inclusive", async () => {
    const query = {
      table: "fusertest_orders",
      column: "changed",
      kind: "timestamp" as const,
      key: ["client", "nr"],
      own: ["nr"],
    };
    const [last] = (await Array.fromAsync(connector.changedSince(query, undefined, never))).flat();
    expect(last).toEqual({ key: "002.1200", own: "1200", mark: "2026-01-01T00:20:00" });
    const rows = (await Array.fromAsync(connector.changedSince(query, "2026-01-01T00:19:59", never))).flat();
    expect(rows.map(({ key }) => key)).toEqual(["001.1199", "002.1200"]);
    const all = (await Array.fromAsync(connector.changedSince(query, "2026-01-01T00:00:00", never))).flat();
    expect(all.length).toBe(1200);
    expect(all.map(({ mark }) => mark)).toEqual(all.map(({ mark }) => mark).sort());
  });

  it("a growing number serves as a mark", async () => {
    const query = { table: "fusertest_orders", column: "nr", kind: "sequence" as const, key: ["client", "nr"], own: [] };
    const rows = (await Array.fromAsync(connector.changedSince(query, "1199", never))).flat();
    expect(rows).toEqual([
      { key: "001.1199", own: undefined, mark: "1199" },
      { key: "002.1200", own: undefined, mark: "1200" },
    ]);
  });

  it("rows that come with their change are those that a read by key gives, and of rows outside of the source the change alone comes", async () => {
    // SQLite has no round trip to save: there the rows are read by key.
    expect(connector.changedRows !== undefined).toBe(["mysql", "postgres"].includes(connector.dialect.name));
    if (connector.changedRows === undefined) return;
    const cursor = {
      table: "fusertest_orders",
      column: "changed",
      kind: "timestamp",
      key: ["client", "nr"],
      own: ["client", "nr"],
    } as const;
    const some = {
      ...orders(),
      scope: [{ column: "client", value: "002" }],
      where: [{ sql: "title <> :vars.hidden -- not that one", parameters: { "vars.hidden": "title 1198" } }],
    };
    const asked = { from: "2026-01-01T00:19:54", most: 10, signal: never };
    const shown = await connector.changedRows(some, cursor, asked);
    expect(shown?.changes).toEqual((await Array.fromAsync(connector.changedSince(cursor, asked.from, never))).flat());
    expect(shown?.changes.length).toBe(7);
    const batch = shown?.rows as NonNullable<typeof shown>["rows"];
    if (batch === undefined) throw new Error("no rows");
    expect(keysOf(batch)).toEqual(["002.1194", "002.1196", "002.1200"]);
    const [byKey] = await Array.fromAsync(connector.readKeys(some, keysOf(batch) as string[], never));
    for (const [index, key] of keysOf(batch).entries()) {
      const at = keysOf(byKey as typeof batch).indexOf(key);
      expect(batch.row(index)).toEqual(byKey?.row(at));
      expect(batch.digests[index]).toBe(byKey?.digests[at]);
      expect(batch.keyDigests[index]).toBe(byKey?.keyDigests[at]);
    }
    expect(await connector.changedRows(some, cursor, { ...asked, most: 6 })).toBeUndefined();
    const none = await connector.changedRows(some, cursor, { ...asked, from: "2026-01-02T00:00:00" });
    expect(none).toEqual({ changes: [], rows: undefined });
  });

  it("polls at the same moment have each their own answer, and one that fails fails alone", async () => {
    const cursor = (table: string) => ({
      table,
      column: "nr",
      kind: "sequence" as const,
      key: ["client", "nr"],
      own: [],
    });
    const query = cursor("fusertest_orders");
    const poll = async (asked: typeof query, from: string) =>
      (await Array.fromAsync(connector.changedSince(asked, from, never))).flat().map(({ mark }) => mark);
    const alone = [await poll(query, "1190"), await poll(query, "1195")];
    expect(alone.map(({ length }) => length > 0)).toEqual([true, true]);
    expect(await Promise.all([poll(query, "1190"), poll(query, "1195"), poll(query, "5000")])).toEqual([...alone, []]);
    // Described while it was there.
    await erp.run("CREATE TABLE fusertest_leaving (client VARCHAR(4) NOT NULL, nr INTEGER NOT NULL)");
    const leaving = cursor("fusertest_leaving");
    expect(await poll(leaving, "0")).toEqual([]);
    await erp.run("DROP TABLE fusertest_leaving");
    const together = await Promise.allSettled([poll(query, "1190"), poll(leaving, "0"), poll(query, "1195")]);
    expect(together).toMatchObject([
      { status: "fulfilled", value: alone[0] },
      { status: "rejected", reason: { kind: "config" } },
      { status: "fulfilled", value: alone[1] },
    ]);
  });

  it("an aggregate counts what a scan gives and knows the highest mark", async () => {
    const cursor = {
      table: "fusertest_orders",
      column: "changed",
      kind: "timestamp" as const,
      key: ["client", "nr"],
      own: [],
    };
    const scoped = sourceOf("fusertest_orders", ["client", "nr"], ["client", "nr"], {
      scope: [{ column: "client", value: "001" }],
      where: [{ sql: "nr <= 10 -- small ones", parameters: {} }],
    });
    expect(await connector.aggregate(scoped, cursor, never)).toEqual({ rows: 5, mark: "2026-01-01T00:20:00" });
    expect((await collect(connector.scan(scoped, never))).length).toBe(5);
  });

  it("a query of the configuration is a source like a table", async () => {
    const source = sourceOf("q", ["client", "part"], ["client", "part", "most"], {
      from: {
        query:
          "SELECT client, MAX(nr) AS most, 1 AS part FROM fusertest_orders WHERE title <> ':not.a.parameter' AND nr < :vars.n GROUP BY client -- :nor.this",
        parameters: { "vars.n": 100 },
      },
    });
    const rows = await collect(connector.scan(source, never));
    expect(rows.map(({ key, row }) => [key, row.values])).toEqual([
      ["001.1", ["001", computed(1).value, computed(99).value]],
      ["002.1", ["002", computed(1).value, computed(98).value]],
    ]);
    expect((await collect(connector.readKeys(source, ["002.1"], never))).map(({ row }) => row.values)).toEqual([
      ["002", computed(1).value, computed(98).value],
    ]);
    const described = await connector.describeQuery(source, never);
    expect(described.columns.map(({ name, type }) => [name, type])).toEqual([
      ["client", "text"],
      ["part", computed(1).type],
      ["most", computed(98).type],
    ]);
  });

  it("an unknown parameter, a missing table and a missing column are faults of the configuration", async () => {
    const unknown = sourceOf("fusertest_orders", ["client"], ["client"], {
      where: [{ sql: "nr > :vars.nothing", parameters: {} }],
    });
    await expect(collect(connector.scan(unknown, never))).rejects.toMatchObject({
      kind: "config",
      code: "erp-parameter-unknown",
    });
    await expect(collect(connector.scan(sourceOf("nowhere", ["a"], ["a"]), never))).rejects.toMatchObject({
      kind: "config",
      code: "erp-object-missing",
    });
    await expect(
      collect(connector.scan(sourceOf("fusertest_orders", ["client"], ["client", "nothing"]), never)),
    ).rejects.toMatchObject({
      kind: "config",
      code: "erp-object-missing",
    });
    await expect(
      connector.describeQuery(sourceOf("fusertest_orders", ["client"], ["client", "nothing"]), never),
    ).rejects.toMatchObject({
      kind: "config",
      code: "erp-object-missing",
    });
  });

  it("a table is described with its columns, keys and indexes", async () => {
    const [table, ...others] = await connector.describe(
      never,
      ["FUSERTEST_ORDERS"].concat(["fusertest_orders"]).slice(erp.name.startsWith("SQLite") ? 0 : 1),
    );
    expect(others).toEqual([]);
    expect(table).toMatchObject({
      name: catalogued("fusertest_orders"),
      kind: "table",
      primaryKey: ["client", "nr"].map(catalogued),
      uniqueIndexes: [["client", "nr"].map(catalogued)],
      transactional: true,
    });
    // Files bring no indexes: a table that is made of them has the column by which the agent itself tells changes.
    const own = connector.dialect.name === "csv" ? [["FUSER_CHANGE", "integer", false, undefined]] : [];
    expect(table?.indexedColumns).toEqual(["client", own.length > 0 ? "FUSER_CHANGE" : "changed"].map(catalogued));
    expect(table?.columns.map(({ name, type, nullable, length }) => [name, type, nullable, length])).toEqual([
      [catalogued("client"), "text", false, 4],
      [catalogued("nr"), "integer", false, undefined],
      [catalogued("title"), "text", true, 40],
      [catalogued("changed"), "datetime", true, undefined],
      ...own,
    ]);
  });

  it("a scan that is left early leaves nothing behind", async () => {
    for await (const _ of connector.scan(orders(), never)) break;
    const abort = new AbortController();
    const scanning = (async () => {
      for await (const _ of connector.scan(orders(), abort.signal)) abort.abort();
    })();
    await expect(scanning).rejects.toThrow();
    await erp.run("UPDATE fusertest_orders SET title = 'title 1' WHERE nr = 1");
    expect((await collect(connector.readKeys(orders(), ["001.1"], never))).length).toBe(1);
  });

  it("the database is identified the same way each time", async () => {
    const first = await connector.identity(never);
    const again = await connector.identity(never);
    expect(again.database).toBe(first.database);
    expect(first.product).toMatch(/SQLite|MariaDB|MySQL|PostgreSQL|SQL Server|CSV|Oracle/);
    await erp.run("CREATE TABLE fusertest_later (a INTEGER)");
    const later = await connector.identity(never);
    expect(later.database).toBe(first.database);
  });
});
