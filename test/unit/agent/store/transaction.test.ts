import { copyFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { Database } from "../../../../agent/store/database.ts";
import { createMeta } from "../../../../agent/store/meta.ts";
import { migrate } from "../../../../agent/store/migrate.ts";
import { createOutbox } from "../../../../agent/store/outbox.ts";
import { entityText } from "../../../../protocol/entity-text.ts";
import { storeBench } from "./bench.ts";

const { folder, open, keep } = storeBench();

test("A transaction that throws leaves nothing, neither in the file nor in what is counted in memory", () => {
  const store = open();
  const before = store.outbox.bounds();
  expect(() =>
    store.transaction(() => {
      store.pending.mark("units", ["1"], { now: 1, confirm: false });
      store.outbox.append([{ op: "upsert", type: "unit", id: "1", time: 1, text: entityText({ name: "A" }) }], { bulk: true });
      throw new Error("no");
    }),
  ).toThrow("no");
  expect(store.pending.count()).toBe(0);
  expect(store.outbox.bounds()).toEqual(before);
  // The name of the source was undone with the rest, and is given anew.
  store.pending.mark("units", ["1"], { now: 1, confirm: false });
  expect(store.pending.due("units", 1, 9)).toHaveLength(1);
});

test("An inner action that failed is never committed, even if the outer one swallows its error", () => {
  const store = open();
  expect(() =>
    store.transaction(() => {
      store.meta.set("outer", "x");
      try {
        store.transaction(() => {
          store.meta.set("inner", "half");
          throw new Error("inner");
        });
      } catch {}
    }),
  ).toThrow("inner");
  expect(store.meta.get("outer")).toBeUndefined();
});

test("A transaction that waits is refused: a part of it would run after the commit", () => {
  const store = open();
  expect(() => store.transaction(async () => store.meta.set("x", "y"))).toThrow(
    expect.objectContaining({ code: "transaction-asynchronous" }),
  );
  expect(store.meta.get("x")).toBeUndefined();
});

test("What was committed is there after a death right behind the commit, what was not is gone", () => {
  const directory = folder();
  const copies: Record<string, string> = {};
  const store = open(directory, {
    onCommit(moment, name) {
      if (name !== "probe") return;
      const copy = folder();
      for (const file of ["store.db", "store.db-wal"]) copyFileSync(path.join(directory, file), path.join(copy, file));
      copies[moment] = copy;
    },
  });
  store.transaction(() => {
    store.pending.mark("units", ["1"], { now: 1, confirm: true });
    store.sources.setPosition("units", "42");
  }, "probe");
  const before = open(copies["before-commit"]);
  expect([before.pending.count(), before.sources.position("units")]).toEqual([0, undefined]);
  const after = open(copies["after-commit"]);
  expect([after.pending.count(), after.sources.position("units")]).toEqual([1, "42"]);
});

test("On a full disk nothing is half committed, the error says so, and it goes on once there is space", () => {
  const database = new Database(path.join(folder(), "store.db"));
  keep(() => database.close());
  migrate(database);
  const meta = createMeta(database);
  const outbox = createOutbox(database, meta);
  const item = (no: number) =>
    ({ op: "upsert", type: "unit", id: String(no), time: 1, text: entityText({ name: `${no}`.repeat(900) }) }) as const;
  database.exec(`PRAGMA max_page_count = ${Number(database.pragma("page_count")) + 3}`);
  const fill = (): void => {
    for (let no = 0; no < 1_000; no++) {
      database.transaction(() => {
        meta.set("last", String(no));
        outbox.append([item(no)], { bulk: false });
      });
    }
  };
  expect(fill).toThrow(
    expect.objectContaining({ kind: "transient", code: "store-full", hint: expect.stringContaining("Free space") }),
  );
  expect(Number(meta.get("last"))).toBe(outbox.bounds().items - 1);
  database.exec("PRAGMA max_page_count = 1000000");
  fill();
  expect(outbox.bounds().next).toBe(outbox.bounds().items + 1);
});
