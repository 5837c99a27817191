import { expect, test } from "vitest";
import { knownIn } from "../../../portal/known.ts";
import { createCache } from "../../../portal/known-cache.ts";
import { Store } from "../../../portal/store.ts";
import { seededRandom } from "../../support/erp/random.ts";

function insert(store: Store, agentId: string, ids: readonly string[]): void {
  const sql = "INSERT INTO entity (agent_id, type, id, fields, seq, epoch, time) VALUES (?, 'unit', ?, '{}', 1, 'epoch-0001', 1)";
  store.transaction(() => {
    for (const id of ids) store.run(sql, agentId, id);
  });
}

test("What was added is known and nothing else, by type, id and link, whatever was removed in between", () => {
  using store = new Store(":memory:");
  const random = seededRandom(1);
  const known = knownIn(store, random);
  const links = [known.ofLink("a1"), known.ofLink("a2")];
  const expected = links.map(() => new Set<string>());
  for (let round = 0; round < 60_000; round++) {
    const which = round % 2;
    const [type, id] = [random() < 0.5 ? "unit" : "person", `001.${Math.floor(random() * 20_000)}`];
    if (random() < 0.7) {
      links[which]?.of(type).add(id);
      expected[which]?.add(`${type} ${id}`);
    } else {
      links[which]?.of(type).remove(id);
      expected[which]?.delete(`${type} ${id}`);
    }
  }
  let missed = 0;
  for (const [which, link] of links.entries()) {
    for (const type of ["unit", "person"]) {
      for (let no = 0; no < 20_000; no++) {
        const has = link.of(type).has(`001.${no}`);
        const isExpected = expected[which]?.has(`${type} 001.${no}`) === true;
        // It may overlook one behind another's gap, and then the tables are asked; it must never know what is not there.
        if (has) expect(isExpected).toBe(true);
        else if (isExpected) missed += 1;
      }
    }
  }
  expect(missed).toBeLessThan(((expected[0]?.size ?? 0) + (expected[1]?.size ?? 0)) / 50);
  known.clear();
  expect(links[0]?.of("unit").has("001.1")).toBe(false);
});

test("A miss is answered by the tables, of its own agent alone, and reads more ahead the more there are", () => {
  using store = new Store(":memory:");
  const ids = Array.from({ length: 3_000 }, (_, no) => `U.${String(no).padStart(5, "0")}`);
  insert(store, "a1", ids);
  store.run("UPDATE entity SET deleted_at = 1 WHERE id = 'U.00007'");
  store.run("UPDATE entity SET deleted_at = 1, replaced_by = 'U.00009' WHERE id = 'U.00008'");
  const [one, two] = [knownIn(store, Math.random).ofLink("a1"), knownIn(store, Math.random).ofLink("a2")];
  let asked = 0;
  for (const id of ids) {
    if (one.of("unit").has(id)) continue;
    asked += 1;
    expect(one.of("unit").look(id, true)).toBe(id !== "U.00007");
  }
  expect(asked).toBeLessThan(20);
  expect(one.of("unit").look("U.00007x", true)).toBe(false);
  expect(two.of("unit").look("U.00001", true)).toBe(false);
});

test("Ids are read ahead once each, in whatever order they are asked for", () => {
  using store = new Store(":memory:");
  const random = seededRandom(3);
  const ids = Array.from({ length: 30_000 }, () => `P.${Math.floor(random() * 1e9)}`);
  insert(store, "a1", [...new Set(ids)]);
  insert(store, "a2", ["P.5"]);
  const all = store.all.bind(store);
  const get = store.get.bind(store);
  let rows = 0;
  store.all = () => expect.unreachable();
  store.get = (sql, ...values) => {
    const row = get(sql, ...values);
    const { ids: read } = { ...row } as { ids?: Uint8Array | null };
    rows += read === undefined ? 1 : read === null ? 0 : read.filter((byte) => byte === 0x0a).length + 1;
    return row as never;
  };
  const known = knownIn(store, seededRandom(4));
  const link = known.ofLink("a1");
  for (const id of ids) expect(link.of("unit").has(id) || link.of("unit").look(id, true)).toBe(true);
  expect(rows).toBeLessThan(31_000);
  // Where something is about to go nothing else is read.
  known.clear();
  rows = 0;
  for (const id of ids.slice(0, 100)) link.of("unit").look(id, false);
  expect(rows).toBe(100);
  expect(all("SELECT 1 FROM entity WHERE agent_id = 'a2'")).toHaveLength(1);
});

test("With room for no more something is forgotten, and nothing made up", () => {
  using store = new Store(":memory:");
  const link = knownIn(store, seededRandom(2)).ofLink("a1");
  const many = 2_500_000;
  for (let no = 0; no < many; no++) link.of("unit").add(String(no));
  let has = 0;
  for (let no = 0; no < 10_000; no++) if (link.of("unit").has(String(many - 1 - no))) has += 1;
  expect(has).toBeGreaterThan(9_000);
  for (let no = 0; no < 10_000; no++) expect(link.of("unit").has(`x${no}`)).toBe(false);
});

/** Adds so many ids of one link's seed. */
function fill(cache: ReturnType<typeof createCache>, high: number, count: number): void {
  const bytes = new DataView(new ArrayBuffer(4));
  for (let no = 0; no < count; no++) {
    bytes.setUint32(0, no);
    cache.hash({ high, low: ~high }, bytes, 0, 4);
    cache.add();
  }
}

test("What links have left behind takes no room for good: an agent that connects a thousand times fills nothing", () => {
  const cache = createCache();
  for (let link = 1; link <= 1_000; link++) {
    cache.joined();
    fill(cache, link, 5_000);
    expect(cache.isFull).toBe(false);
    cache.left();
  }
  // Far fewer would fit if each had left its own there.
  expect(cache.places).toBeLessThanOrEqual(4 * 16_384);
});

test("While the links are there nothing of theirs is forgotten for room that can be had", () => {
  const cache = createCache();
  for (let link = 1; link <= 40; link++) {
    cache.joined();
    fill(cache, link, 5_000);
    if (link % 4 === 0) cache.left();
  }
  expect(cache.generation).toBe(0);
});
