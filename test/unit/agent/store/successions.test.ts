import path from "node:path";
import { expect, test } from "vitest";
import { Database } from "../../../../agent/store/database.ts";
import { migrate } from "../../../../agent/store/migrate.ts";
import { createNames } from "../../../../agent/store/names.ts";
import { createSuccessions } from "../../../../agent/store/successions.ts";
import { storeBench } from "./bench.ts";
import { watched } from "./watched.ts";

const { folder, open, keep } = storeBench();

test("Of which sources there is any is known without looking through all of them after each that is put", () => {
  const database = new Database(path.join(folder(), "successions.db"));
  keep(() => database.close());
  migrate(database);
  const { database: seen, asked } = watched(database);
  const successions = createSuccessions(seen, createNames(database));
  const put = (source: string, old: string, until = 9): void =>
    successions.put({ source, old, next: `${old}-new`, reason: "renumbered", until });
  expect(successions.any(["units"])).toBe(false);
  for (let count = 0; count < 100; count++) {
    put("units", String(count));
    expect([successions.any(["units"]), successions.any(["persons"])]).toEqual([true, false]);
  }
  expect(asked.filter((sql) => sql.includes("DISTINCT"))).toHaveLength(1);
  // What a transaction took back was never put.
  const lost = (): void =>
    database.transaction(() => {
      put("persons", "1");
      throw new Error("no");
    });
  expect(lost).toThrow("no");
  expect(successions.any(["persons"])).toBe(false);
  successions.purge(10);
  expect(successions.any(["units"])).toBe(false);
});

test("What an entity continues is owed again alone, and on demand all of everything", () => {
  const { successions } = open();
  for (const [old, next] of [
    ["a", "x"],
    ["b", "x"],
    ["c", "y"],
  ] as const) {
    successions.put({ source: "units", old, next, reason: "merged", until: 9 });
    successions.told("units", old, 9);
  }
  const told = (): unknown[] => ["a", "b", "c"].filter((old) => successions.of("units", old)?.told);
  successions.owe({ source: "units", key: "x" });
  expect(told()).toEqual(["c"]);
  successions.owe();
  expect(told()).toEqual([]);
});
