import { cpSync } from "node:fs";
import path from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { Database } from "../../../../agent/store/database.ts";
import { createEntities, type Entities } from "../../../../agent/store/entities/entities.ts";
import { migrate } from "../../../../agent/store/migrate.ts";
import { createNames } from "../../../../agent/store/names.ts";
import type { EntityPlace } from "../../../../agent/store/store.ts";
import { keyDigest } from "../../../../base/key-digest.ts";
import { storeBench } from "./bench.ts";

const { folder, keep } = storeBench();

/** What there should be, in the plainest form. */
interface Held {
  row: bigint | undefined;
  entity: bigint | undefined;
  parents: Set<string>;
  stranger: boolean;
  /** While an inventory is taken: what was last put. */
  former?: bigint | undefined;
}
type Model = Map<string, Held>;

const sources = ["units", "persons"];
const keyNumber = fc.integer({ min: 0, max: 60 });
const place = fc.record({ source: fc.constantFrom(...sources), key: keyNumber.map((no) => `k${no}`) });
const digest = fc.option(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), { nil: undefined });
const nameOf = ({ source, key }: EntityPlace): string => `${source}/${key}`;
const placeOf = (name: string): EntityPlace => {
  const [source, key] = name.split("/") as [string, string];
  return { source, key };
};

const change = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      op: fc.constant("put" as const),
      at: place,
      row: digest,
      entity: digest,
      parents: fc.option(fc.array(place, { maxLength: 4 }), { nil: undefined }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ op: fc.constant("remove" as const), at: place }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant("void" as const), at: place, all: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant("void-all" as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      op: fc.constant("inventory" as const),
      source: fc.constantFrom(...sources),
      held: fc.array(fc.tuple(keyNumber, fc.bigInt({ min: 1n, max: 9n })), { maxLength: 30 }),
    }),
  },
  // Many at once fill pages; many removed let their numbers be given anew.
  {
    weight: 1,
    arbitrary: fc.record({
      op: fc.constant("many" as const),
      source: fc.constantFrom(...sources),
      from: fc.integer({ min: 100, max: 3_000 }),
      count: fc.integer({ min: 1, max: 900 }),
      remove: fc.boolean(),
    }),
  },
);
type Change = typeof change extends fc.Arbitrary<infer T> ? T : never;

const step = fc.record({
  changes: fc.array(change, { minLength: 1, maxLength: 6 }),
  end: fc.constantFrom("commit" as const, "commit" as const, "roll-back" as const, "die-before" as const, "die-after" as const),
});

function applyToModel(model: Model, one: Change): void {
  const get = (name: string): Held => {
    const held = model.get(name) ?? { row: undefined, entity: undefined, parents: new Set<string>(), stranger: false };
    model.set(name, held);
    return held;
  };
  const remove = (name: string): void => {
    model.delete(name);
    for (const { parents } of model.values()) parents.delete(name);
  };
  const ofSource = (source: string): [string, Held][] => [...model].filter(([name]) => placeOf(name).source === source);
  switch (one.op) {
    case "put": {
      const held = get(nameOf(one.at));
      held.row = one.row;
      held.entity = one.entity;
      if (one.parents !== undefined) held.stranger = false;
      if (one.parents !== undefined) held.parents = new Set(one.parents.map(nameOf).filter((name) => model.has(name)));
      return;
    }
    case "remove":
      return remove(nameOf(one.at));
    case "void": {
      const held = model.get(nameOf(one.at));
      if (one.all) for (const [, each] of ofSource(one.at.source)) each.row = undefined;
      else if (held !== undefined) held.row = undefined;
      return;
    }
    case "void-all":
      for (const held of model.values()) held.row = undefined;
      return;
    case "inventory":
      for (const [, held] of ofSource(one.source))
        Object.assign(held, { row: undefined, former: held.entity, entity: undefined, stranger: false });
      for (const [no, entity] of one.held) {
        const held = get(nameOf({ source: one.source, key: `k${no}` }));
        if (held.former !== entity) held.parents = new Set();
        Object.assign(held, { entity, former: undefined, stranger: held.parents.size === 0 });
      }
      for (const [name, held] of ofSource(one.source)) if (held.entity === undefined) remove(name);
      return;
    case "many":
      for (let no = one.from; no < one.from + one.count; no++) {
        const name = nameOf({ source: one.source, key: `k${no}` });
        if (one.remove) remove(name);
        else Object.assign(get(name), { row: BigInt(no), entity: BigInt(no), stranger: false });
      }
      return;
    default:
      return one satisfies never;
  }
}

function applyToStore(entities: Entities, one: Change): void {
  switch (one.op) {
    case "put":
      entities.put(one.at.source, one.at.key, {
        rowDigest: one.row,
        entityDigest: one.entity,
        ...(one.parents === undefined ? {} : { parents: one.parents }),
      });
      return;
    case "remove":
      return entities.remove(one.at.source, one.at.key);
    case "void":
      return one.all ? entities.voidRowDigests(one.at.source) : entities.voidRowDigests(one.at.source, one.at.key);
    case "void-all":
      return entities.voidAll();
    case "inventory":
      entities.beginInventory(one.source);
      entities.addInventory(
        one.source,
        one.held.map(([no, entityDigest]) => ({ key: `k${no}`, entityDigest })),
      );
      return entities.endInventory(one.source);
    case "many":
      for (let no = one.from; no < one.from + one.count; no++) {
        if (one.remove) entities.remove(one.source, `k${no}`);
        else if (entities.get(one.source, `k${no}`) === undefined) addNew(entities, one.source, no);
        else entities.put(one.source, `k${no}`, { rowDigest: BigInt(no), entityDigest: BigInt(no) });
      }
      return;
    default:
      return one satisfies never;
  }
}

/** As a first sync does it. */
function addNew(entities: Entities, source: string, no: number): void {
  const key = `k${no}`;
  entities.add(source, key, {
    keyDigest: weakDigest(key),
    rowDigest: BigInt(no),
    entityDigest: BigInt(no),
    parents: [],
    filled: { form: 1, bits: no },
  });
}

/** What was remembered of keys asked for before must not outlive what it says. */
function expectSameKnown(entities: Entities, model: Model): void {
  for (const source of sources) {
    for (let no = 0; no <= 60; no++) {
      const key = `k${no}`;
      const isKnown = model.get(nameOf({ source, key }))?.entity !== undefined;
      expect(entities.knownNo(source, key)).toBe(isKnown ? entities.get(source, key)?.no : undefined);
    }
  }
}

/** Everything that can be asked, asked of both. */
function expectSame(entities: Entities, model: Model): void {
  expectSameKnown(entities, model);
  for (const source of sources) {
    const own = [...model].filter(([name]) => placeOf(name).source === source);
    const keys = [...new Set([...own.map(([name]) => placeOf(name).key), ...Array.from({ length: 61 }, (_, no) => `k${no}`)])];
    const states = entities.getMany(source, keys).map((state) => state && [state.rowDigest, state.entityDigest]);
    const expected = keys.map((key) => {
      const held = model.get(nameOf({ source, key }));
      return held && [held.row, held.entity];
    });
    expect(states).toEqual(expected);
    expect(entities.count(source)).toBe(own.filter(([, { entity }]) => entity !== undefined).length);
    expect(entities.hasStrangers(source, "any")).toBe(own.some(([, { stranger }]) => stranger));
    const few = Array.from({ length: 61 }, (_, no) => `k${no}`);
    for (const [at, children] of entities.dependentsOf(source, few, 1_000).entries()) {
      const parent = nameOf({ source, key: few[at] as string });
      const referring = [...model].filter(
        ([name, held]) => name !== parent && held.entity !== undefined && held.parents.has(parent),
      );
      expect(new Set(children.map(nameOf))).toEqual(new Set(referring.map(([name]) => name)));
    }
    for (const key of few) {
      const held = model.get(nameOf({ source, key }));
      expect(new Set(entities.parentsOf(source, key).map(nameOf))).toEqual(held?.parents ?? new Set());
    }
    expectSameWalk(entities, model, source);
  }
  expectSameKnown(entities, model);
}

function expectSameWalk(entities: Entities, model: Model, source: string): void {
  using walk = entities.walk(source);
  const own = [...model].filter(([name]) => placeOf(name).source === source);
  // In another order than they were made, every third one left out, every seventh changed, and some that are new.
  const rows = own
    .filter((_, index) => index % 3 !== 0)
    .map(([name, held], index) => ({ key: placeOf(name).key, row: index % 7 === 0 ? 12_345n : (held.row ?? 77n) }))
    .reverse();
  rows.push({ key: "new-1", row: 1n }, { key: "new-2", row: 2n });
  const digests = BigUint64Array.from(rows, ({ key }) => weakDigest(key));
  const { indexes, isNew } = walk.differing(
    digests,
    BigUint64Array.from(rows, ({ row }) => row),
  );
  for (const [index, { key, row }] of rows.entries()) {
    const held = model.get(nameOf({ source, key }));
    if (!indexes.includes(index)) expect(held?.row).toBe(row);
    else if (isNew[indexes.indexOf(index)]) expect(held).toBeUndefined();
    const state = entities.get(source, key);
    if (state !== undefined) walk.see(state);
  }
  const seen = new Set(rows.map(({ key }) => key));
  const unseen = own.map(([name]) => placeOf(name).key).filter((key) => !seen.has(key));
  expect([...walk.unseen()].flat().sort()).toEqual(unseen.sort());
}

/** Many keys share the half by which they are filed, and some the whole digest. */
function weakDigest(key: string): bigint {
  const mixed = keyDigest(key);
  return BigInt.asUintN(64, (((mixed % 211n) * 0x9e3779b1n) << 32n) + (mixed % 97n) + 1n);
}

const limits = { leastToFold: 40, manyInVain: 3, leafEntries: 8, leastDead: 20, digestOf: weakDigest };

interface Life {
  directory: string;
  database: Database;
  entities: Entities;
  /** Copies the files at this moment of the next commit. */
  dieAt: { moment: "before-commit" | "after-commit"; to: string } | undefined;
}

function live(directory: string): Life {
  const life = { directory, dieAt: undefined } as unknown as Life;
  life.database = new Database(path.join(directory, "store.db"), {
    hook(moment) {
      if (life.dieAt?.moment !== moment) return;
      for (const file of ["store.db", "store.db-wal"]) cpSync(path.join(directory, file), path.join(life.dieAt.to, file));
    },
  });
  keep(() => life.database.close());
  migrate(life.database);
  life.entities = createEntities(life.database, createNames(life.database), limits);
  return life;
}

test("Whatever is done, rolled back or cut off by a death, the pages tell what a plain map would", () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 3, maxLength: 12 }), (steps) => {
      let life = live(folder());
      let model: Model = new Map();
      for (const { changes, end } of steps) {
        const next = structuredClone(model);
        const died = end === "die-before" || end === "die-after";
        if (died) life.dieAt = { moment: end === "die-before" ? "before-commit" : "after-commit", to: folder() };
        try {
          life.database.transaction(() => {
            for (const one of changes) {
              applyToStore(life.entities, one);
              applyToModel(next, one);
            }
            if (end === "roll-back") throw new Error("rolled back");
          });
        } catch (error) {
          if (end !== "roll-back") throw error;
        }
        if (end === "commit" || end === "die-after") model = next;
        if (died) {
          const to = life.dieAt?.to as string;
          life.database.close();
          life = live(to);
        }
        expectSame(life.entities, model);
      }
      life.database.close();
    }),
    { numRuns: 30 },
  );
}, 120_000);

test("A number that is given anew answers to its new key alone, and nobody refers to it who referred to the old one", () => {
  const { database, entities } = live(folder());
  const digests = { rowDigest: 1n, entityDigest: 1n };
  const add = (from: number, to: number): void =>
    database.transaction(() => {
      for (let no = from; no < to; no++) entities.put("units", `u${no}`, digests);
    });
  add(0, 2_000);
  database.transaction(() => {
    for (let no = 0; no < 2_000; no++) {
      const parents = [no, (no + 1) % 2_000].map((parent) => ({ source: "units", key: `u${parent}` }));
      entities.put("persons", `p${no}`, { ...digests, parents });
    }
  });
  const numbers = new Set<number | undefined>(Array.from({ length: 2_000 }, (_, no) => entities.get("units", `u${no}`)?.no));
  database.transaction(() => {
    for (let no = 0; no < 1_900; no++) entities.remove("units", `u${no}`);
  });
  add(5_000, 6_800);
  const anew = Array.from({ length: 1_800 }, (_, no) => `u${5_000 + no}`);
  expect(anew.filter((key) => numbers.has(entities.get("units", key)?.no)).length).toBeGreaterThan(1_000);
  expect(entities.dependentsOf("units", anew, 9).flat()).toEqual([]);
  expect(Array.from({ length: 1_900 }, (_, no) => entities.get("units", `u${no}`)).filter(Boolean)).toEqual([]);
  expect(entities.parentsOf("persons", "p7")).toEqual([]);
  expect(entities.parentsOf("persons", "p1950")).toHaveLength(2);
  expect(entities.count("units")).toBe(1_900);
});

test("While a scan is under way an entity that gets the number of one that is gone is none that it should have seen", () => {
  const { database, entities } = live(folder());
  const digests = { rowDigest: 1n, entityDigest: 1n };
  const fill = (name: string, count: number): void =>
    database.transaction(() => {
      for (let no = 0; no < count; no++) entities.put("units", `${name}${no}`, digests);
    });
  fill("old", 1_000);
  using walk = entities.walk("units");
  database.transaction(() => {
    for (let no = 10; no < 1_000; no++) entities.remove("units", `old${no}`);
  });
  fill("new", 900);
  expect([...walk.unseen()].flat().sort()).toEqual(Array.from({ length: 10 }, (_, no) => `old${no}`));
});
