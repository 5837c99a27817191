// What is checked in idle hours and by `refresh`: what the portal really holds, and whether the ERP still says what was read of it.
import { expect, test } from "vitest";
import { checkedOf } from "../../../../agent/capture/checked.ts";
import type { Checks, PortalView } from "../../../../agent/capture/portal-view.ts";
import { FuserError } from "../../../../base/errors.ts";
import { createDigester } from "../../../../protocol/digest.ts";
import { type Bench, type BenchOptions, captureBench } from "./bench.ts";
import { fakeErp } from "./fake-erp.ts";
import { fakeFeed } from "./fake-feed.ts";

const { start } = captureBench();
const digester = await createDigester();
const minute = 60_000;

interface Asked {
  portal: PortalView;
  ranges: number;
  ids: number;
  /** What the portal answers with, in place of an answer. */
  failure: Error | undefined;
}

/** The portal's inventory, as it stands at each question; ranges of `size` ids. */
function view(bench: () => Bench, size: number): Asked {
  const held = (type: string) =>
    [...bench().portal.entities]
      .filter(([name]) => name.startsWith(`${type}:`))
      .map(([name, fields]) => ({ id: name.slice(type.length + 1), digest: digester.entity(fields) }))
      .sort((one, other) => (one.id < other.id ? -1 : 1));
  const asked: Asked = {
    ranges: 0,
    ids: 0,
    failure: undefined,
    portal: {
      share: digester.share,
      async *ranges(type) {
        asked.ranges += 1;
        if (asked.failure !== undefined) throw asked.failure;
        const all = held(type);
        for (let at = 0; at < all.length; at += size) {
          const part = all.slice(at, at + size);
          const digest = part.reduce((sum, one) => BigInt.asUintN(64, sum + digester.share(one.id, one.digest)), 0n);
          yield [{ last: part.at(-1)?.id ?? "", count: part.length, digest }];
        }
      },
      async *ids(type, { after = "", until }) {
        asked.ids += 1;
        yield held(type).filter(({ id }) => id > after && (until === undefined || id <= until));
      },
    },
  };
  return asked;
}

const always = [{ fromMinute: 0, untilMinute: 1_440 }];
const never = [{ fromMinute: 0, untilMinute: 0 }];

/** A company that is in step, its compares far away. */
async function inStep(options: BenchOptions & { checks?: Partial<Checks>; estates?: number } = {}) {
  const erp = options.erp ?? fakeErp();
  for (let no = 10; no < 10 + (options.estates ?? 30); no++) {
    erp.put("parents", `p${no}`, { name: `Estate ${no}`, parent: null });
    erp.put("children", `c${no}`, { name: `House ${no}`, parent: `p${no}` });
  }
  const asked: Asked = view(() => bench, 8);
  const checks: Checks = { portal: asked.portal, idle: always, everyMs: 5 * minute, records: 1_000, ...options.checks };
  const bench: Bench = await start({ compareEveryMs: 1_000 * minute, ...options, erp, parts: { ...options.parts, checks } });
  await bench.pass(5_000);
  bench.portal.pull();
  await bench.pass(5_000);
  expect(bench.portal.entities).toEqual(bench.expected());
  bench.portal.log.length = 0;
  const passOn = async (ms: number): Promise<void> => {
    for (let left = ms; left > 0; left -= minute) {
      await bench.pass(Math.min(left, minute), 1_000);
      bench.portal.pull();
    }
  };
  return { bench, asked, erp, passOn, sent: () => bench.portal.log.map(({ op, id }) => `${op} ${id}`).sort() };
}

test("An entity altered at the portal behind the agent's back, one removed and one too many are found, mended and counted; nothing else is sent", async () => {
  const { bench, passOn, sent, asked } = await inStep();
  const { entities } = bench.portal;
  entities.set("property:p17", { name: "Altered by hand" });
  entities.delete("building:c21");
  entities.set("property:p999", { name: "Nobody's" });
  await passOn(7 * minute);
  expect(bench.portal.entities).toEqual(bench.expected());
  expect(sent()).toEqual(["delete property:p999", "upsert building:c21", "upsert property:p17"]);
  expect(checkedOf(bench.store.meta, "parents")).toMatchObject({ mended: 2, mendedAt: expect.any(Number) });
  expect(checkedOf(bench.store.meta, "children")).toMatchObject({ mended: 1 });
  const told = bench.store.journal.list({ kind: "check", limit: 10 });
  expect(told.map(({ source, status, detail }) => ({ source, status, ...detail }))).toEqual(
    expect.arrayContaining([
      { source: "parents", status: "failed", of: "portal", records: 30, altered: 1, unknown: 1, lost: 0 },
      { source: "children", status: "failed", of: "portal", records: 30, altered: 0, unknown: 0, lost: 1 },
    ]),
  );
  // Four ranges and what lies behind them each; only those that differ are named.
  expect(asked.ids).toBe(3);
  expect(bench.capture.status().map(({ source, state, mended }) => [source, state, mended])).toEqual([
    ["parents", "active", 2],
    ["children", "active", 1],
  ]);
});

test("It is checked once a night, in idle hours alone, and what agrees costs a question a type and no read", async () => {
  const { bench, asked, passOn, sent, erp } = await inStep({ checks: { idle: [{ fromMinute: 20 * 60, untilMinute: 6 * 60 }] } });
  erp.reads.clear();
  // It is seven in the morning.
  await passOn(60 * minute);
  expect(asked.ranges).toBe(0);
  expect(erp.reads.size).toBe(0);
  bench.clock.advance(12 * 60 * minute);
  await passOn(20 * minute);
  expect([asked.ranges, asked.ids, sent()]).toEqual([2, 0, []]);
  expect([...erp.reads.values()].every((count) => count === 1)).toBe(true);
  expect(erp.reads.size).toBe(60);
});

test("A portal that refuses, or that something is on its way to, puts the check off, and no source fails by it", async () => {
  const { bench, asked, passOn, sent } = await inStep();
  asked.failure = new FuserError("transient", "not now", { code: "inventory-refused", operation: "test" });
  bench.portal.entities.delete("building:c21");
  await passOn(10 * minute);
  expect(asked.ranges).toBeGreaterThan(0);
  expect(bench.capture.status().map(({ state }) => state)).toEqual(["active", "active"]);
  expect(sent()).toEqual([]);
  asked.failure = undefined;
  await passOn(61 * minute);
  expect(sent()).toEqual(["upsert building:c21"]);
});

test("What is in the outbox puts a check off: the portal's older state is not taken for a difference", async () => {
  const { bench, asked, erp, passOn, sent } = await inStep();
  erp.put("parents", "p11", { name: "On its way", parent: null });
  await bench.pass(10 * minute, 1_000);
  expect(bench.store.outbox.bounds().items).toBe(1);
  expect(asked.ranges).toBe(0);
  await passOn(10 * minute);
  expect(asked.ranges).toBe(2);
  expect(sent()).toEqual(["upsert property:p11"]);
  expect(checkedOf(bench.store.meta, "parents").mended).toBe(0);
});

test("A change that is read, sent and acked while the portal is asked is no difference, though the answer is older", async () => {
  const { bench, asked, erp, passOn, sent } = await inStep();
  const { ids } = asked.portal;
  bench.portal.entities.set("property:p12", { name: "Altered by hand" });
  let slow = true;
  asked.portal.ids = async function* (type, bounds, signal) {
    const all = await Array.fromAsync(ids(type, bounds, signal));
    if (slow) {
      slow = false;
      erp.put("parents", "p11", { name: "Meanwhile", parent: null });
      await bench.clock.sleep(15_000, signal);
      bench.portal.pull();
      expect(sent()).toEqual(["upsert property:p11"]);
    }
    yield* all;
  };
  await passOn(20 * minute);
  expect(slow).toBe(false);
  expect(sent()).toEqual(["upsert property:p11", "upsert property:p12"]);
  expect(bench.portal.entities).toEqual(bench.expected());
  expect(checkedOf(bench.store.meta, "parents").mended).toBe(1);
});

test("More than the guard allows of what the portal holds beside the ERP waits for a person", async () => {
  const { bench, passOn, sent } = await inStep({ guard: { rows: 3, percent: 100 } });
  for (let no = 0; no < 10; no++) bench.portal.entities.set(`property:x${no}`, { name: "Nobody's" });
  await passOn(10 * minute);
  expect(sent()).toEqual([]);
  expect(bench.store.guards.list()).toMatchObject([{ source: "parents", count: 10, state: "open" }]);
});

test("A row that changed without a word of its column is read anew, counted, and told once it stood out twice; one that only comes late is not counted", async () => {
  const { bench, erp, passOn, sent } = await inStep({ polls: { everyMs: 4 * minute, overlap: 20 } });
  await passOn(3 * minute);
  const row = erp.tables.parents.get("p14");
  if (row !== undefined) erp.tables.parents.set("p14", { ...row, name: "Without a stamp" });
  await passOn(minute);
  erp.put("parents", "p15", { name: "Told late", parent: null });
  await passOn(20 * minute);
  expect(sent()).toEqual(["upsert property:p14", "upsert property:p15"]);
  expect(bench.portal.entities).toEqual(bench.expected());
  expect(checkedOf(bench.store.meta, "parents").mended).toBe(1);
  expect(bench.store.journal.list({ kind: "check", status: "failed", limit: 9 })).toMatchObject([
    { source: "parents", detail: { of: "erp", changed: 1, gone: 0 } },
  ]);
});

test("Of a source that lives on compares a changed row is read anew and no failure; a row that is gone is left to the compare", async () => {
  const { bench, erp, passOn, sent } = await inStep({ cursor: false });
  erp.put("parents", "p14", { name: "New name", parent: null });
  erp.remove("children", "c19");
  await passOn(20 * minute);
  expect(sent()).toEqual(["upsert property:p14"]);
  expect(checkedOf(bench.store.meta, "parents").mended).toBe(0);
});

test("A row that went without a word of the feed leads to a full compare, so that the guards see all that is missing", async () => {
  const erp = fakeErp();
  const { bench, passOn, sent } = await inStep({ erp, feed: fakeFeed(erp), guard: { rows: 3, percent: 100 } });
  for (let no = 10; no < 20; no++) erp.remove("children", `c${no}`);
  // Compares that are owed for it are an hour apart.
  await passOn(65 * minute);
  expect(sent()).toEqual([]);
  expect(bench.store.guards.list()).toMatchObject([{ source: "children", count: 10, state: "open" }]);
});

test("A source with a schedule of its own is refreshed by it, and sends everything again where that is asked for", async () => {
  const second = await refreshed("changed");
  second.bench.portal.entities.delete("building:c12");
  await second.passOn(65 * minute);
  expect(second.sent()).toEqual(["upsert building:c12"]);
  const third = await refreshed("all");
  await third.passOn(65 * minute);
  expect(third.sent()).toEqual([0, 1, 2, 3, 4].map((no) => `upsert building:c1${no}`));
  await third.passOn(30 * minute);
  expect(third.sent()).toHaveLength(5);
  expect([second.asked.ranges, third.asked.ranges]).toEqual([1, 0]);

  async function refreshed(send: "changed" | "all") {
    return inStep({ checks: { idle: never }, estates: 5, refresh: { schedule: { kind: "every", ms: 60 * minute }, send } });
  }
});
