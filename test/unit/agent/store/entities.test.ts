import { expect, test } from "vitest";
import type { EntityState } from "../../../../agent/store/store.ts";
import { storeBench } from "./bench.ts";

const { folder, open } = storeBench();
const digest = (no: bigint) => ({ rowDigest: no, entityDigest: no });

test("Digests keep all 64 bits", () => {
  const { entities } = open();
  for (const no of [0n, 1n, 2n ** 53n + 1n, 2n ** 63n - 1n, 2n ** 63n, 2n ** 64n - 1n]) {
    entities.put("units", String(no), digest(no));
    expect(entities.get("units", String(no))).toMatchObject(digest(no));
  }
});

test("An entity is known once the portal holds it, and its number stays while it lives", () => {
  const { entities } = open();
  const no = entities.put("units", "a", { rowDigest: 1n, entityDigest: undefined });
  expect(entities.known("units", "a")).toBe(false);
  expect(entities.put("units", "a", digest(2n))).toBe(no);
  expect([entities.known("units", "a"), entities.count("units"), entities.known("persons", "a")]).toEqual([true, 1, false]);
  entities.remove("units", "a");
  expect(entities.get("units", "a")).toBeUndefined();
});

test("States of many keys come in the keys' order, with gaps where there is none", () => {
  const { entities } = open();
  entities.put("units", "b", digest(2n));
  entities.put("units", "a", digest(1n));
  expect(entities.getMany("units", ["a", undefined, "x", "b"]).map((state) => state?.rowDigest)).toEqual([
    1n,
    undefined,
    undefined,
    2n,
  ]);
});

test("Exactly the keys that a scan did not see are unseen, over many pages, and none made after it began", () => {
  const store = open();
  const { entities } = store;
  store.transaction(() => {
    for (let no = 0; no < 5_000; no++) entities.put(no % 2 ? "units" : "others", `k${no}`, digest(1n));
  });
  using walk = entities.walk("units");
  entities.put("units", "made-later", digest(1n));
  const missing = new Set(["k1", "k2501", "k4999"]);
  for (let no = 1; no < 5_000; no += 2) {
    if (missing.has(`k${no}`)) continue;
    walk.see(entities.get("units", `k${no}`) as EntityState);
  }
  expect(new Set([...walk.unseen()].flat())).toEqual(missing);
});

/** A walk through three entities of one page that has seen two of them. */
function withoutB() {
  const store = open();
  const { entities } = store;
  store.transaction(() => {
    for (const key of ["a", "b", "c"]) entities.put("units", key, digest(1n));
  });
  const walk = entities.walk("units");
  for (const key of ["a", "c"]) walk.see(entities.get("units", key) as EntityState);
  return { store, entities, walk };
}

test("A key that a scan did not see is unseen, even where as many entities of its page are seen as there are", () => {
  const { entities, walk } = withoutB();
  entities.remove("units", "a");
  expect([...walk.unseen()].flat()).toEqual(["b"]);
  walk[Symbol.dispose]();
});

test("What is rolled back while a scan is under way counts neither as seen nor as gone", () => {
  const { store, entities, walk } = withoutB();
  const failing = (): void =>
    store.transaction(() => {
      entities.put("units", "d", digest(1n));
      throw new Error("no");
    });
  expect(failing).toThrow("no");
  expect([...walk.unseen()].flat()).toEqual(["b"]);
  walk[Symbol.dispose]();
});

test("Who refers to an entity is known as long as the portal holds them, and follows each change of reference", () => {
  const { entities } = open();
  const building = (key: string) => ({ source: "buildings", key });
  entities.put("buildings", "1", digest(1n));
  entities.put("buildings", "2", digest(1n));
  entities.put("units", "a", { ...digest(1n), parents: [building("1"), building("1")] });
  expect(entities.dependentsOf("buildings", ["1"], 9)[0]).toEqual([{ source: "units", key: "a" }]);
  entities.put("units", "a", { ...digest(2n), parents: [building("2")] });
  expect(entities.dependentsOf("buildings", ["1"], 9)[0]).toEqual([]);
  expect(entities.parentsOf("units", "a")).toEqual([building("2")]);
  // Without parents given they stay.
  entities.put("units", "a", digest(3n));
  expect(entities.dependentsOf("buildings", ["2"], 9)[0]).toHaveLength(1);
  entities.remove("units", "a");
  expect(entities.dependentsOf("buildings", ["2"], 9)[0]).toEqual([]);
});

test("A number used anew does not inherit references", () => {
  const { entities } = open();
  entities.put("buildings", "1", digest(1n));
  entities.put("units", "a", { rowDigest: 1n, entityDigest: undefined, parents: [{ source: "buildings", key: "1" }] });
  entities.put("buildings", "last", digest(1n));
  entities.put("units", "b", { ...digest(1n), parents: [{ source: "buildings", key: "last" }] });
  entities.remove("units", "b");
  entities.remove("buildings", "last");
  entities.put("buildings", "other", digest(1n));
  expect(entities.dependentsOf("buildings", ["other"], 9)[0]).toEqual([]);
});

test("An inventory takes the place of all digests, adds what was not known, drops what the portal does not hold, and reconciles the source", () => {
  const { entities, sources } = open();
  entities.put("units", "kept", digest(1n));
  entities.put("units", "lost", digest(2n));
  entities.put("persons", "other", digest(3n));
  entities.beginInventory("units");
  expect(sources.get("units").reconciled).toBe(false);
  entities.addInventory("units", [{ key: "kept", entityDigest: 9n }]);
  entities.addInventory("units", [{ key: "new", entityDigest: 2n ** 64n - 1n }]);
  entities.endInventory("units");
  expect(entities.get("units", "kept")).toMatchObject({ rowDigest: undefined, entityDigest: 9n });
  expect(entities.get("units", "new")?.entityDigest).toBe(2n ** 64n - 1n);
  expect(entities.get("units", "lost")).toBeUndefined();
  expect(entities.get("persons", "other")).toMatchObject(digest(3n));
  expect(sources.get("units").reconciled).toBe(true);
});

test("A new epoch empties the outbox, starts its numbers over, and lets no source be read before it is reconciled", () => {
  const store = open();
  store.entities.put("units", "a", digest(1n));
  store.sources.update("units", { reconciled: true });
  store.outbox.append([{ op: "delete", type: "unit", id: "a", time: 1, reason: "gone" }], { bulk: false });
  store.renewEpoch("epoch-0002");
  expect(store.outbox.bounds()).toEqual({ first: 1, next: 1, items: 0, bytes: 0 });
  expect(store.entities.get("units", "a")).toMatchObject({ rowDigest: undefined, entityDigest: 1n });
  expect(store.sources.get("units").reconciled).toBe(false);
  expect(store.meta.get("epoch")).toBe("epoch-0002");
});

test("Where the portal holds another state than was last put, nobody knows what that refers to; where it holds the same, the references stay", () => {
  const { entities } = open();
  entities.put("persons", "p", digest(9n));
  const parents = [{ source: "persons", key: "p" }];
  for (const key of ["same", "other"]) entities.put("tickets", key, { ...digest(1n), parents });
  entities.beginInventory("tickets");
  entities.addInventory("tickets", [
    { key: "same", entityDigest: 1n },
    { key: "other", entityDigest: 2n },
  ]);
  entities.endInventory("tickets");
  expect(entities.parentsOf("tickets", "same")).toEqual(parents);
  expect(entities.parentsOf("tickets", "other")).toEqual([]);
  expect(entities.hasStrangers("tickets", "any")).toBe(true);
  expect(entities.getMany("tickets", ["same", "other"])).toMatchObject([
    { rowDigest: undefined, entityDigest: 1n },
    { rowDigest: undefined, entityDigest: 2n },
  ]);
});

test("Keys of any characters are told apart, also when the store was opened anew", () => {
  const directory = folder();
  const keys = ["plain", "Ä", "\u20ac\u20ac", "\u{1f3e0}.1", "", "e\u0301"];
  const before = open(directory);
  for (const [index, key] of keys.entries()) before.entities.put("units", key, digest(BigInt(index)));
  for (const [index, key] of keys.entries()) before.entities.put("persons", key.replace(/[^a-z]/g, "x"), digest(BigInt(index)));
  before.close();
  const { entities } = open(directory);
  expect(keys.map((key) => entities.get("units", key)?.rowDigest)).toEqual([0n, 1n, 2n, 3n, 4n, 5n]);
  using walk = entities.walk("units");
  expect([...walk.unseen()].flat()).toEqual(keys);
});

test("Which fields of an entity had a value survives a restart, says nothing in another form, and goes with the entity", () => {
  const directory = folder();
  const store = open(directory);
  const put = (key: string, bits: number, form = 7): number =>
    store.entities.put("units", key, { rowDigest: 1n, entityDigest: 1n, parents: [], filled: { form, bits } });
  const [a, b] = [put("a", 0b101), put("b", 0x8000_0001)];
  store.entities.put("units", "a", { rowDigest: 2n, entityDigest: 2n });
  store.close();
  const again = open(directory);
  const { entities } = again;
  expect([entities.filled(a, 7), entities.filled(b, 7), entities.filled(a, 8), entities.filled(999, 7)]).toEqual([
    5, 0x8000_0001, 0, 0,
  ]);
  entities.remove("units", "a");
  expect([entities.filled(a, 7), entities.filled(b, 7)]).toEqual([0, 0x8000_0001]);
  // What the portal holds is another state than the one that was put.
  entities.beginInventory("units");
  entities.addInventory("units", [{ key: "b", entityDigest: 5n }]);
  expect(entities.filled(b, 7)).toBe(0);
  entities.put("units", "b", { rowDigest: 1n, entityDigest: 1n, filled: { form: 8, bits: 2 } });
  expect([entities.filled(b, 7), entities.filled(b, 8)]).toEqual([0, 2]);
});
