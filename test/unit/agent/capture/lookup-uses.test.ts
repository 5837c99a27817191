import { expect, test } from "vitest";
import { asOfNow } from "../../../../agent/capture/lookup-uses.ts";
import type { Reading } from "../../../../agent/capture/reading.ts";
import type { CapturedSource } from "../../../../agent/capture/source.ts";
import type { Mapped } from "../../../../agent/map/mapped.ts";
import { entityText } from "../../../../protocol/entity-text.ts";
import { captureBench } from "./bench.ts";
import { fakeErp, sourceQuery } from "./fake-erp.ts";

const { start } = captureBench();

/** Rows of `parents` are estates named by what a table says of their name; the test sets the table. */
function estates() {
  const state = { generation: 1, names: new Map<string, string>(), mapped: 0 };
  const map = (row: { values: readonly unknown[] }, key: string): Mapped => {
    state.mapped += 1;
    const name = row.values[1] as string;
    const [found, lookups] = [state.names.get(name), [{ lookup: "names", row: name }]];
    const fault = { code: "lookup-missing", field: "name", column: undefined, message: "it is not there" } as const;
    if (found === undefined) return { kind: "faulty", id: key, faults: [fault], lookups };
    return {
      kind: "entity",
      id: key,
      text: entityText({ name: found }),
      filled: 0,
      parents: [],
      cause: undefined,
      notes: [],
      lookups,
    };
  };
  const lookups = {
    needs: new Map([["names", new Set([undefined])]]),
    use() {},
    get generation() {
      return state.generation;
    },
  };
  const ids = { idOf: (key: string) => key, keyOf: (id: string) => id, asOf: () => state.generation };
  const source: CapturedSource = {
    mapping: {
      ...{ source: "estates", type: "property", rank: 0, query: sourceQuery("estates", "parents"), fingerprint: "1" },
      ...{ append: false, graceMs: 0, fields: [], lineage: [], ...ids, lookups, map, writerFor: () => undefined },
    },
    cursor: undefined,
    feed: undefined,
    compare: { kind: "every", ms: 3_600_000 },
    children: [],
  };
  return { state, source };
}

/** Estates whose names are of so many kinds, in step with what `names` says. */
async function running(count: number, kinds: number) {
  const { state, source } = estates();
  const erp = fakeErp();
  for (let no = 0; no < count; no++) erp.put("parents", String(no), { name: `n${no % kinds}`, parent: null });
  for (let kind = 0; kind < kinds; kind++) state.names.set(`n${kind}`, `Haus ${kind}`);
  const bench = await start({
    erp,
    parts: { sources: [source] },
    prepare: (store) => store.sources.update("estates", { reconciled: true }),
  });
  const news = async (ms: number): Promise<string[]> => {
    await bench.pass(ms);
    bench.portal.pull();
    return bench.portal.log.splice(0).map(({ op, id }) => `${op} ${id}`);
  };
  const change = (row: string, to: string): Promise<number> => {
    state.names.set(row, to);
    state.generation += 1;
    return bench.until(bench.capture.remap({ lookup: "names", rows: [row] }, new AbortController().signal));
  };
  return { bench, erp, state, news, change };
}

test("A changed row of a lookup has those read again that asked for it, those in quarantine as well, and nobody else", async () => {
  const { erp, state, news, change, bench } = await running(30, 10);
  expect(await news(5_000)).toHaveLength(30);
  state.mapped = 0;
  expect(await change("n3", "Villa")).toBe(3);
  expect((await news(5_000)).sort()).toEqual(["upsert property:13", "upsert property:23", "upsert property:3"]);
  expect(state.mapped).toBe(3);
  // One that the table lacks waits for it.
  erp.put("parents", "99", { name: "new", parent: null });
  bench.capture.syncNow("estates", true);
  expect(await news(10_000)).toEqual([]);
  expect(bench.store.quarantine.get("estates", "99")?.code).toBe("lookup-missing");
  expect(await change("new", "Neu")).toBe(1);
  expect(await news(5_000)).toEqual(["upsert property:99"]);
  expect(bench.store.quarantine.count()).toBe(0);
  // What is gone is asked for nothing any more.
  erp.remove("parents", "99");
  bench.capture.syncNow("estates", true);
  expect(await news(20_000)).toEqual(["delete property:99"]);
  expect(await change("new", "Alt")).toBe(0);
});

test("A change that concerns very many is marked in several commits, and a kill among them is made up for by the portal's next sending", async () => {
  const { state, news, change, bench } = await running(1_200, 1);
  expect(await news(20_000)).toHaveLength(1_200);
  bench.armCrash(2, "after-commit");
  change("n0", "Villa").catch(() => undefined);
  await bench.crash();
  state.mapped = 0;
  expect(await change("n0", "Villa")).toBe(1_200);
  expect(await news(20_000)).toHaveLength(1_200);
  expect(bench.portal.entities.get("property:7")).toEqual({ name: "Villa" });
});

test("What was mapped before a table changed and is settled after it is mapped again", () => {
  const { state, source } = estates();
  const readingOf = (): Reading => {
    const mapped = source.mapping.map({ values: ["1", "n0"], flags: [], children: [] }, "1");
    const remap = () => source.mapping.map({ values: ["1", "n0"], flags: [], children: [] }, "1");
    return { key: "1", pending: undefined, row: { digest: 1n, mapped, generation: state.generation, remap } };
  };
  const before = [readingOf(), { key: "2", pending: undefined, row: undefined }];
  expect(asOfNow(source, before)).toBe(before);
  state.names.set("n0", "Haus");
  state.generation += 1;
  expect(asOfNow(source, before).map(({ row }) => row?.mapped.kind)).toEqual(["entity", undefined]);
});
