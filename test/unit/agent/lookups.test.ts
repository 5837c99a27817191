import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { openLookups } from "../../../agent/lookups.ts";
import type { LookupTables, Mapping } from "../../../agent/map/mapped.ts";
import { openStoreOn } from "../../../agent/store/open.ts";
import { silentLog } from "../../../base/log.ts";
import { manualClock } from "../../support/manual-clock.ts";

const message = (rows: [string, string][], version: string) =>
  ({ type: "lookup", id: "1", name: "names", version, fields: ["code", "name"], rows }) as const;
const never = new AbortController().signal;

test("A table that could not be taken to its end is asked for again under its old version, and nobody between the two is forgotten", async () => {
  using stores = new DisposableStack();
  const store = openStoreOn(new DatabaseSync(":memory:"), { clock: manualClock(), log: silentLog });
  stores.defer(() => store.close());
  const asked: (readonly string[] | "all")[] = [];
  let fails = false;
  const capture = {
    remap: async ({ rows }: { rows: readonly string[] | "all" }) => {
      if (fails) throw new Error("the link ended");
      asked.push(rows);
      return 0;
    },
  };
  let tables: LookupTables | undefined;
  const use = (given: LookupTables) => {
    tables = given;
  };
  const mapping = { lookups: { needs: new Map([["names", new Set([undefined])]]), use, generation: 0 } } as unknown as Mapping;
  const open = () => {
    const lookups = openLookups({ store, log: silentLog });
    lookups.bind([mapping]);
    return lookups;
  };
  const lookups = open();
  const take = (rows: Record<string, string>, version: string) => {
    const { type, id, name, fields, rows: listed } = message(Object.entries(rows), version);
    const plain = { type, id, name, version, fields: [...fields], rows: listed.map((row) => [...row]) };
    return lookups.take(plain, capture, never);
  };
  expect(lookups.used()).toEqual([{ name: "names", version: null }]);
  expect(await take({ a: "1", b: "1", c: "1" }, "one")).toEqual({ outcome: "ok" });
  fails = true;
  await expect(take({ a: "2", b: "1", c: "1" }, "two")).rejects.toThrow("the link ended");
  // Whatever is read meanwhile goes by the newer one.
  expect(tables?.of("names")?.rows.get("a")).toEqual(["a", "2"]);
  expect(lookups.used()).toEqual([{ name: "names", version: "one" }]);
  fails = false;
  expect(await take({ a: "1", b: "3", c: "1" }, "three")).toEqual({ outcome: "ok" });
  expect(asked).toEqual(["all", ["a", "b"]]);
  const generation = tables?.generation;
  expect(await take({ a: "1", c: "1" }, "four")).toEqual({ outcome: "ok" });
  expect(asked.at(-1)).toEqual(["b"]);
  expect(tables?.generation).not.toBe(generation);
  expect(open().used()).toEqual([{ name: "names", version: "four" }]);
});
