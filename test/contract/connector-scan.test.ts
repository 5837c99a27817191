import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { encodeKey } from "../../base/key.ts";
import type { Connector, RowBatch } from "../../connectors/connector.ts";
import { collect, keysOf, never, type Subject, sourceOf } from "./erp/subject.ts";
import { readers } from "./erp/subjects.ts";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;
const emoji = "🏠🏡🏢";
const nastyKeys = [
  "",
  "a",
  "B",
  "ä",
  "ae",
  "z",
  "ß",
  "Straße",
  "a b",
  "a.b",
  "a%b",
  "a:b",
  "'",
  '"',
  "\\",
  "\n",
  emoji,
  "x".repeat(60),
  "0010",
  "1e3",
  "NULL",
  "-1",
  "é",
  "ý",
];

describe.each(readers)("$name: scans", ({ make }) => {
  let erp: Subject;
  let connector: Connector;
  let hasty: Connector;
  beforeAll(async () => {
    erp = await make();
    connector = await erp.open();
    hasty = await erp.open({ limits: { snapshotMs: 0, batchRows: 3 } });
  });
  afterAll(async () => {
    await connector?.close();
    await hasty?.close();
    await erp?.[Symbol.asyncDispose]();
  });

  it("keys of every shape are scanned once, in pieces too, and found again by key", async () => {
    await erp.run(
      `CREATE TABLE fusertest_shapes (k ${erp.type("germanKey")} NOT NULL, part CHAR(4) NOT NULL, words VARCHAR(20), PRIMARY KEY (k, part))`,
    );
    let inserted = 0;
    for (const key of nastyKeys) {
      if (key === "" && erp.emptyIsNull) continue;
      // A German collation holds ä equal to ae and ß equal to ss: the one that came first stays.
      if ((await erp.rows(`SELECT 1 FROM fusertest_shapes WHERE k = ${erp.literal(key)}`)).length > 0) continue;
      inserted += 3;
      for (const part of ["1", "01  ", "Ä"]) {
        await erp.run("INSERT INTO fusertest_shapes VALUES (?, ?, ?)", [key, part, `${[...key].length}/${part}`]);
      }
    }
    expect(inserted).toBeGreaterThan(60);
    const source = sourceOf("fusertest_shapes", ["k", "part"], ["k", "part", "words"]);
    const whole = await collect(connector.scan(source, never));
    expect(whole.length).toBe(inserted);
    const keys = whole.map(({ key }) => key as string);
    expect(new Set(keys).size).toBe(inserted);
    expect(keys).toContain(encodeKey([emoji, "Ä"]));
    const pieces = (await collect(hasty.scan(source, never))).map(({ key }) => key as string);
    expect([...pieces].sort()).toEqual([...keys].sort());
    const read = await collect(connector.readKeys(source, keys, never));
    expect(read.map(({ key }) => key).sort()).toEqual([...keys].sort());
    for (const key of keys)
      expect((await collect(connector.readKeys(source, [key], never))).map((row) => row.key)).toEqual([key]);
  });

  it("rows without a key, and rows that share one, are neither lost nor doubled in pieces", async () => {
    await erp.run("CREATE TABLE fusertest_loose (a VARCHAR(10), b INTEGER, n INTEGER NOT NULL)");
    let n = 0;
    for (const a of [null, "x", "X", "y"]) {
      for (const b of [null, 1, 2]) {
        for (let copy = 0; copy < 5; copy++) {
          n += 1;
          await erp.run("INSERT INTO fusertest_loose VALUES (?, ?, ?)", [a, b, n]);
        }
      }
    }
    const source = sourceOf("fusertest_loose", ["a", "b"], ["a", "b", "n"]);
    for (const scanner of [connector, hasty]) {
      const rows = await collect(scanner.scan(source, never));
      expect(rows.length).toBe(60);
      expect(rows.filter(({ key }) => key === undefined).length).toBe(30);
      for (const a of ["x", "X", "y"]) expect(rows.filter(({ key }) => key === `${a}.2`).length).toBe(5);
      expect(rows.filter(({ row }) => row.values[0] === null && row.values[1] === 1).length).toBe(5);
      expect(rows.filter(({ row }) => row.values[0] === "x" && row.values[1] === null).length).toBe(5);
    }
  });

  it("a scan in pieces gives every row that was there all the time exactly once while others come and go", async () => {
    await erp.run(`CREATE TABLE fusertest_living (k ${erp.type("key")} NOT NULL PRIMARY KEY, words VARCHAR(20))`);
    const stable = Array.from({ length: 200 }, (_, index) => `k${String(index).padStart(4, "0")}`);
    for (const key of stable) await erp.run("INSERT INTO fusertest_living VALUES (?, 'stable')", [key]);
    const seen = new Map<string, number>();
    let round = 0;
    const source = sourceOf("fusertest_living", ["k"], ["k", "words"]);
    const busy = await erp.open({ limits: { snapshotMs: 0, batchRows: 10 } });
    for await (const batch of busy.scan(source, never)) {
      for (const key of keysOf(batch)) seen.set(String(key), (seen.get(String(key)) ?? 0) + 1);
      round += 1;
      // What comes ahead of a scan that goes row by row is read, too: without an end it would never catch up.
      if (round <= 40)
        await erp.run("INSERT INTO fusertest_living VALUES (?, 'new'), (?, 'new')", [`k00${round}x`, `k019${round}y`]);
      await erp.run("DELETE FROM fusertest_living WHERE k = ?", [`k00${round - 1}x`]);
      await erp.run("UPDATE fusertest_living SET words = ? WHERE k = ?", [
        `round ${round}`,
        stable[(round * 37) % 200] as string,
      ]);
    }
    await busy.close();
    expect(round).toBeGreaterThan(15);
    expect(stable.filter((key) => seen.get(encodeKey([key])) !== 1)).toEqual([]);
    expect([...seen.values()].every((count) => count === 1)).toBe(true);
  });

  it("a scan never makes the ERP wait", async () => {
    await erp.run("CREATE TABLE fusertest_shared (id INTEGER NOT NULL PRIMARY KEY, n INTEGER NOT NULL)");
    for (let id = 1; id <= 50; id++) await erp.run("INSERT INTO fusertest_shared VALUES (?, 0)", [id]);
    const small = await erp.open({ limits: { batchRows: 10 } });
    let written = 0;
    for await (const _ of small.scan(sourceOf("fusertest_shared", ["id"], ["id", "n"]), never)) {
      await erp.run("UPDATE fusertest_shared SET n = n + 1");
      written += 1;
    }
    await small.close();
    expect(written).toBe(5);
  });

  it("changes of one and the same moment are all given, however many", async () => {
    await erp.run(`CREATE TABLE fusertest_bulk (id INTEGER NOT NULL PRIMARY KEY, changed ${erp.type("stamp")})`);
    await erp.run("CREATE INDEX bulk_changed ON fusertest_bulk (changed)");
    for (let id = 1; id <= 60; id++)
      await erp.run("INSERT INTO fusertest_bulk VALUES (?, ?)", [id, id <= 50 ? "2026-05-01 12:00:00" : "2026-05-01 12:00:01"]);
    const query = { table: "fusertest_bulk", column: "changed", kind: "timestamp" as const, key: ["id"], own: [] };
    const rows = (await Array.fromAsync(hasty.changedSince(query, "2026-05-01T12:00:00", never))).flat();
    expect(rows.map(({ key }) => Number(key)).sort((a, b) => a - b)).toEqual(Array.from({ length: 60 }, (_, index) => index + 1));
    expect((await Array.fromAsync(connector.changedSince(query, "2026-05-01T12:00:01", never))).flat().length).toBe(10);
    expect(await Array.fromAsync(connector.changedSince(query, "2026-05-01T12:00:02", never))).toEqual([]);
  });

  it("batches keep to their bytes, too", async () => {
    await erp.run("CREATE TABLE fusertest_wide (id INTEGER NOT NULL PRIMARY KEY, words TEXT)");
    for (let id = 1; id <= 40; id++) await erp.run("INSERT INTO fusertest_wide VALUES (?, ?)", [id, "w".repeat(20_000)]);
    const narrow = await erp.open({ limits: { batchBytes: 50_000 } });
    const sizes: number[] = [];
    for await (const batch of narrow.scan(sourceOf("fusertest_wide", ["id"], ["id", "words"]), never)) sizes.push(batch.length);
    await narrow.close();
    expect(sizes.reduce((a, b) => a + b, 0)).toBe(40);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(4);
  });

  it("a slow consumer of 300,000 rows costs no memory that grows", async () => {
    await erp.run("CREATE TABLE fusertest_many (id INTEGER NOT NULL PRIMARY KEY, a VARCHAR(60), b VARCHAR(60))");
    await erp.run("INSERT INTO fusertest_many SELECT 1, 'row one of many rows', 'some more words to fill the row'");
    for (let rows = 1; rows < 300_000; rows *= 2) {
      await erp.run(`INSERT INTO fusertest_many SELECT id + ${rows}, a, b FROM fusertest_many WHERE id + ${rows} <= 300000`);
    }
    const source = sourceOf("fusertest_many", ["id"], ["id", "a", "b"]);
    let rows = 0;
    let sum = 0;
    let most = 0;
    const before = memory();
    for await (const batch of connector.scan(source, never)) {
      rows += batch.length;
      sum += checksum(batch);
      if (rows % 50_000 < 500) {
        await new Promise((resolve) => setTimeout(resolve, 20));
        most = Math.max(most, memory());
      }
    }
    expect(rows).toBe(300_000);
    expect(sum).toBe(300_000);
    expect(most - before).toBeLessThan(30_000_000);
    // Files are imported first.
  }, 120_000);
});

function checksum(batch: RowBatch): number {
  return batch.keyDigests.filter((digest) => digest !== 0n).length;
}

/** What is reachable, and what buffers hold outside of the heap. */
function memory(): number {
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
