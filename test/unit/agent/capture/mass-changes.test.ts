import { expect, test } from "vitest";
import { entityText } from "../../../../protocol/entity-text.ts";
import { type Bench, type BenchOptions, captureBench } from "./bench.ts";
import { type ErpRow, type FakeErp, fakeErp } from "./fake-erp.ts";
import { type FakeFeed, fakeFeed } from "./fake-feed.ts";

const { start } = captureBench();

type Way = "cursor" | "feed" | "compare";
type Kind = "emptied" | "moved" | "flagged" | "deleted";

/** A tenth and more is held, whatever the number. */
const tenth = { rows: 1_000_000, percent: 10 };
const guardOf: Record<Kind, string> = { emptied: "emptied", moved: "moved", flagged: "deletes", deleted: "deletes" };

const keyOf = (no: number): string => `c${String(no).padStart(4, "0")}`;

function company(children: number): FakeErp {
  const erp = fakeErp();
  erp.pageSize = 100;
  for (const key of ["p1", "p2"]) erp.put("parents", key, { name: `Estate ${key}`, parent: null });
  for (let no = 0; no < children; no++) erp.put("children", keyOf(no), { name: `House ${no}`, parent: "p1" });
  return erp;
}

interface Site {
  bench: Bench;
  /** One UPDATE over these rows. */
  change(kind: Kind, keys: readonly string[]): void;
  /** Until whatever was signalled, or is compared, has been read as often as it is. */
  settle(): Promise<void>;
}

async function site(way: Way, size: number, options: BenchOptions = {}): Promise<Site> {
  const erp = company(size);
  const feed: FakeFeed | undefined = way === "feed" ? fakeFeed(erp) : undefined;
  const ways = { erp, compareEveryMs: 86_400_000, ...(feed ? { feed } : {}), ...(way === "compare" ? { cursor: false } : {}) };
  const bench = await start({ ...ways, guard: tenth, guards: tenth, ...options });
  await bench.pass(4_000, 500);
  bench.portal.pull();
  expect(bench.portal.entities.size).toBe(size + 2);
  const put = (key: string, row: Omit<ErpRow, "stamp">): void => {
    if (way === "feed") feed?.put("children", key, row);
    else if (way === "cursor") erp.put("children", key, row);
    else erp.tables.children.set(key, { ...row, stamp: 0 });
  };
  return {
    bench,
    change(kind, keys) {
      for (const key of keys) {
        const row = erp.tables.children.get(key) as ErpRow;
        if (kind === "emptied") put(key, { ...row, name: "" });
        else if (kind === "moved") put(key, { ...row, parent: "p2" });
        else if (kind === "flagged") put(key, { ...row, cancelled: true });
        else if (feed !== undefined) feed.remove("children", key);
        else erp.remove("children", key);
      }
    },
    async settle() {
      if (way === "compare") bench.capture.syncNow("children", true);
      await bench.pass(8_000, 500);
      bench.portal.pull();
    },
  };
}

const openGuards = ({ store }: Bench) => store.guards.list().filter(({ state }) => state === "open");
const range = (from: number, count: number): string[] => Array.from({ length: count }, (_, at) => keyOf(from + at));
/** What the portal was told of these since. */
const told = ({ portal }: Bench, since: number, keys: readonly string[]): number => {
  const ids = new Set(keys.map((key) => `building:${key}`));
  return portal.log.slice(since).filter(({ id }) => ids.has(id)).length;
};

const kinds: Record<Way, readonly Kind[]> = {
  cursor: ["emptied", "moved", "flagged"],
  feed: ["emptied", "moved", "deleted"],
  compare: ["emptied", "moved", "flagged", "deleted"],
};
const sizes = [30, 500, 5_000];

test.each((["cursor", "feed", "compare"] as const).flatMap((way) => sizes.map((size) => [way, size] as const)))(
  "Exactly a tenth that loses a value, moves or goes by one statement is held, noticed by %s out of %i rows; everything else flows on, and approval sends it",
  async (way, size) => {
    const { bench, change, settle } = await site(way, size);
    const count = size / 10;
    for (const [turn, kind] of kinds[way].entries()) {
      const keys = range(turn * count, count);
      const [one] = range(turn + 8 * count, 1) as [string];
      const since = bench.portal.log.length;
      change(kind, keys);
      bench.erp.put("parents", "p1", { name: `Estate ${kind}`, parent: null });
      if (way === "compare") bench.capture.syncNow("parents", true);
      change("emptied", turn === 0 ? [] : [one]);
      await settle();
      expect([kind, told(bench, since, keys)]).toEqual([kind, 0]);
      expect(openGuards(bench)).toMatchObject([{ source: "children", kind: guardOf[kind], count }]);
      if (way !== "feed") expect(bench.portal.entities.get("property:p1")).toEqual({ name: `Estate ${kind}` });
      // One alone is believed.
      if (turn > 0 && kind !== "emptied") expect(told(bench, since, [one])).toBe(1);
      bench.capture.decideGuard(openGuards(bench)[0]?.id as number, "approve");
      await bench.pass(3_000, 500);
      bench.portal.pull();
      expect([kind, told(bench, since, keys)]).toEqual([kind, count]);
      expect(openGuards(bench)).toEqual([]);
      // Deletes of the last hour count.
      bench.clock.advance(7_200_000);
      await bench.pass(100);
    }
  },
);

test.each(["emptied", "moved"] as const)(
  "What a person rejects stays at the portal as it was, comes back at no compare, and is named until the row changes again or is released: %s",
  async (kind) => {
    const { bench, change, settle } = await site("compare", 30);
    const keys = range(0, 3);
    const before = bench.portal.entities.get("building:c0001");
    change(kind, keys);
    await settle();
    expect(bench.capture.decideGuard(openGuards(bench)[0]?.id as number, "reject")).toBe(3);
    const since = bench.portal.log.length;
    await settle();
    await settle();
    expect([told(bench, since, keys), openGuards(bench), bench.store.pending.count()]).toEqual([0, [], 0]);
    expect(bench.portal.entities.get("building:c0001")).toEqual(before);
    expect(bench.store.quarantine.list()).toMatchObject(keys.map((key) => ({ key, code: "kept-values" })));
    bench.erp.tables.children.set("c0001", { name: "Mended", parent: "p1", stamp: 0 });
    await settle();
    bench.capture.release("children", "c0002");
    await bench.pass(5_000);
    bench.portal.pull();
    expect(bench.portal.entities.get("building:c0001")).toMatchObject({ name: "Mended" });
    expect([told(bench, since, ["c0002"]), bench.store.quarantine.list().map(({ key }) => key)]).toEqual([1, ["c0000"]]);
  },
);

test.each(["cursor", "feed", "compare"] as const)(
  "Killed at any commit while it finds out how many they are, the agent sends none of them: noticed by %s",
  async (way) => {
    for (const commits of [1, 2, 3, 4, 6, 9]) {
      const { bench, change, settle } = await site(way, 500, { compareEveryMs: 60_000 });
      const keys = range(0, 50);
      bench.armCrash(commits, commits % 2 === 0 ? "before-commit" : "after-commit");
      change("emptied", keys);
      await bench.pass(1_500, 500);
      await bench.crash();
      await settle();
      await bench.pass(60_000, 1_000);
      bench.portal.pull();
      expect([commits, told(bench, 502, keys)]).toEqual([commits, 0]);
      expect(openGuards(bench)).toMatchObject([{ kind: "emptied", count: 50 }]);
      await bench.stop();
    }
  },
);

test("Rows that are told of piece by piece are counted before the first goes, and a few that trickle go all the same", async () => {
  const { bench, change } = await site("feed", 100);
  for (let no = 0; no < 10; no++) {
    change(no % 2 === 0 ? "deleted" : "emptied", [keyOf(no)]);
    await bench.pass(1_000, 500);
  }
  expect(told(bench, 102, range(0, 10))).toBe(0);
  await bench.pass(6_000, 500);
  bench.portal.pull();
  // Five of each: fewer than a tenth.
  expect([told(bench, 102, range(0, 10)), openGuards(bench)]).toEqual([10, []]);
  change("deleted", range(20, 3));
  await bench.pass(1_500, 500);
  change("deleted", range(30, 3));
  await bench.pass(8_000, 500);
  bench.portal.pull();
  expect([told(bench, 102, range(20, 20)), openGuards(bench)]).toMatchObject([0, [{ kind: "deletes", count: 6 }]]);
});

test("A held row that is mended in the ERP is held no longer, one that goes is deleted as any other, and a guard with nothing left goes", async () => {
  const { bench, change, settle } = await site("cursor", 30);
  change("emptied", range(0, 3));
  await settle();
  bench.erp.put("children", "c0000", { name: "House 0", parent: "p1" });
  bench.erp.put("children", "c0001", { name: "Another", parent: "p1" });
  await settle();
  expect(openGuards(bench)).toMatchObject([{ count: 1, fields: ["name"] }]);
  bench.erp.remove("children", "c0002");
  bench.capture.syncNow("children", true);
  await bench.pass(8_000, 500);
  bench.portal.pull();
  expect([openGuards(bench), bench.portal.entities]).toEqual([[], bench.expected()]);
});

test("Work that is given to others is no move", async () => {
  const { bench, change, settle } = await site("cursor", 30, {
    map: (_, mapped) =>
      mapped.kind === "entity" ? { ...mapped, parents: mapped.parents.map((one) => ({ ...one, type: "teamMember" })) } : mapped,
  });
  change("moved", range(0, 10));
  await settle();
  expect([told(bench, 32, range(0, 10)), openGuards(bench)]).toEqual([10, []]);
});

test("What is held stays held when the mapping changes meanwhile, and can still be rejected", async () => {
  const options: BenchOptions = { erp: company(30), cursor: false, guards: tenth, fingerprint: "1" };
  const bench = await start(options);
  await bench.pass(4_000, 500);
  bench.portal.pull();
  const compared = async (): Promise<void> => {
    bench.capture.syncNow("children", true);
    await bench.pass(8_000, 500);
    bench.portal.pull();
  };
  for (const key of range(0, 3)) bench.erp.tables.children.set(key, { name: "", parent: "p1", stamp: 0 });
  await compared();
  options.fingerprint = "2";
  await bench.crash();
  // Also of rows that come with other digests now.
  bench.store.pending.mark("children", range(1, 2), { now: bench.clock.now(), confirm: false });
  await bench.pass(8_000, 500);
  await compared();
  expect([told(bench, 32, range(0, 3)), openGuards(bench)]).toMatchObject([0, [{ kind: "emptied", count: 3 }]]);
  bench.capture.decideGuard(openGuards(bench)[0]?.id as number, "reject");
  await compared();
  expect([told(bench, 32, range(0, 3)), openGuards(bench)]).toEqual([0, []]);
});

test("Values that another mapping leaves out, or that the ERP's schema lacks, are not emptied in the ERP: nothing is held", async () => {
  let bare = false;
  const options: BenchOptions = {
    ...{ erp: company(30), cursor: false, guards: tenth, fingerprint: "1" },
    map: (table, mapped) =>
      bare && table === "children" && mapped.kind === "entity"
        ? { ...mapped, text: entityText({ propertyId: "p1" }), filled: 2 }
        : mapped,
  };
  const bench = await start(options);
  await bench.pass(4_000, 500);
  bare = true;
  options.fingerprint = "2";
  await bench.crash();
  await bench.pass(8_000, 500);
  bench.portal.pull();
  expect(bench.portal.entities.get("building:c0001")).toEqual({ propertyId: "p1" });
  bare = false;
  options.fingerprint = "3";
  await bench.crash();
  await bench.pass(8_000, 500);
  bench.portal.pull();
  // Its column is gone: rows that change are sent without it, and what else they lose is told all the same.
  bare = true;
  options.lacks = ["name"];
  await bench.crash();
  for (const key of range(0, 6)) bench.erp.tables.children.set(key, { name: "Changed", parent: "p1", stamp: 0 });
  await bench.pass(8_000, 500);
  bench.capture.syncNow("children", true);
  await bench.pass(8_000, 500);
  bench.portal.pull();
  expect([openGuards(bench), bench.store.pending.count()]).toEqual([[], 0]);
});

test.each([
  ["emptied", "moved"],
  ["moved", "emptied"],
] as const)("Who has approved that rows are %s was not asked whether they may be %s as well", async (first, second) => {
  const { bench, change, settle } = await site("compare", 30);
  const keys = range(0, 4);
  const before = bench.portal.entities.get("building:c0001");
  change(first, keys);
  await settle();
  expect(openGuards(bench)).toMatchObject([{ kind: first, count: 4 }]);
  // No signal tells of it before the person decides.
  change(second, keys);
  bench.capture.decideGuard(openGuards(bench)[0]?.id as number, "approve");
  await bench.pass(8_000, 500);
  bench.portal.pull();
  expect(bench.portal.entities.get("building:c0001")).toEqual(before);
  expect(openGuards(bench)).toMatchObject([{ count: 4, fields: ["name", "parents"] }]);
  bench.capture.decideGuard(openGuards(bench)[0]?.id as number, "approve");
  await bench.pass(8_000, 500);
  bench.portal.pull();
  expect([openGuards(bench), bench.portal.entities]).toEqual([[], bench.expected()]);
});

test("What was approved for one kind counts for the other, when it comes to how many go within an hour", async () => {
  const { bench, change, settle } = await site("compare", 40);
  change("moved", range(0, 4));
  change("emptied", range(0, 2));
  await settle();
  expect(openGuards(bench)).toMatchObject([{ kind: "moved", count: 4 }]);
  bench.capture.decideGuard(openGuards(bench)[0]?.id as number, "approve");
  await settle();
  expect([openGuards(bench), bench.portal.entities]).toEqual([[], bench.expected()]);
  change("emptied", range(10, 2));
  await settle();
  expect(openGuards(bench)).toMatchObject([{ kind: "emptied", count: 2 }]);
});
