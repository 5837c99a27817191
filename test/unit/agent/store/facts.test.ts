import { expect, test } from "vitest";
import type { Span } from "../../../../agent/quality/judged.ts";
import type { Store } from "../../../../agent/store/store.ts";
import { storeBench } from "./bench.ts";

const bench = storeBench();

const email = (store: Store, address: string) =>
  ({ kind: "email", hash: store.facts.hash("email", address), detail: 0n }) as const;
const span = (store: Store, unit: string, person: string, days: [number, number]): Span => ({
  kind: "tenant",
  unit: store.facts.selfOf("units", unit),
  person: store.facts.selfOf("persons", person),
  role: "main",
  from: days[0],
  until: days[1],
});
const persons = (key: string) => ({ source: "persons", key });

test("Entities with the same fact are found together until one no longer has it or is gone", () => {
  const { facts, ...store } = bench.open();
  const shared = email({ ...store, facts }, "a@b.de");
  const own = email({ ...store, facts }, "c@d.de");
  facts.put(persons("1"), { facts: [shared], spans: [] });
  facts.put(persons("2"), { facts: [shared, own], spans: [] });
  const keys = () =>
    facts
      .holders("email", shared.hash, 10)
      .map(({ key }) => key)
      .sort();
  expect(keys()).toEqual(["1", "2"]);
  expect(facts.holders("email", shared.hash, 1)).toHaveLength(1);
  expect(facts.put(persons("2"), { facts: [own], spans: [] }).groups).toEqual([{ kind: "email", hash: shared.hash }]);
  expect(keys()).toEqual(["1"]);
  expect(facts.remove(persons("1")).groups).toEqual([{ kind: "email", hash: shared.hash }]);
  expect(keys()).toEqual([]);
});

test("What stays the same touches nobody; a span that changes touches who used the unit before and who does now", () => {
  const store = bench.open();
  const { facts } = store;
  const first = { facts: [], spans: [span(store, "u", "1", [10, 20])] };
  const place = { source: "periods", key: "p" };
  expect(facts.put(place, first).persons).toEqual([facts.selfOf("persons", "1")]);
  expect(facts.put(place, first)).toEqual({ groups: [], units: [], persons: [] });
  const touched = facts.put(place, { facts: [], spans: [span(store, "v", "2", [10, 20])] });
  expect(touched.persons).toEqual([facts.selfOf("persons", "1"), facts.selfOf("persons", "2")]);
  expect(touched.units).toEqual([facts.selfOf("units", "u"), facts.selfOf("units", "v")]);
  expect(facts.spansOfPerson(facts.selfOf("persons", "1"), 10)).toEqual([]);
  expect(facts.spansOfUnit(facts.selfOf("units", "v"), 10)).toMatchObject([{ source: "periods", key: "p", from: 10, until: 20 }]);
});

test("How an entity was judged stays with its fact, and goes with it", () => {
  const store = bench.open();
  const { facts } = store;
  const fact = email(store, "a@b.de");
  facts.put(persons("1"), { facts: [fact], spans: [] });
  const held = () => facts.holders("email", fact.hash, 1)[0]?.held;
  expect(held()).toBeUndefined();
  facts.setHeld(facts.selfOf("persons", "1"), fact, true);
  facts.put(persons("1"), { facts: [fact], spans: [] });
  expect(held()).toBe(true);
  facts.remove(persons("1"));
  facts.put(persons("1"), { facts: [fact], spans: [] });
  expect(held()).toBeUndefined();
});

test("Hashes are the same in one store's life, other ones in another store, and none tells of its text without the store's key", () => {
  const directory = bench.folder();
  const store = bench.open(directory);
  const hash = store.facts.hash("email", "a@b.de");
  store.close();
  expect(bench.open(directory).facts.hash("email", "a@b.de")).toBe(hash);
  expect(bench.open().facts.hash("email", "a@b.de")).not.toBe(hash);
  expect(bench.open().facts.hash("staff", "a@b.de")).not.toBe(hash);
});

test("A transaction that fails takes the hashes' key with it, and the next one is kept", () => {
  const keys = ["one", "two"];
  const store = bench.open(undefined, { drawKey: () => keys.shift() as string });
  const fail = (): void => {
    store.transaction(() => {
      store.facts.hash("email", "a@b.de");
      throw new Error("no");
    });
  };
  expect(fail).toThrow("no");
  const hash = store.facts.hash("email", "a@b.de");
  expect(store.meta.get("facts-key")).toBe("two");
  expect(store.facts.hash("email", "a@b.de")).toBe(hash);
});
