// Rows taken as bytes and rows taken by their mapping must leave the very same store.
import fc from "fast-check";
import { expect, test } from "vitest";
import { FuserError } from "../../../../base/errors.ts";
import type { RowBatch } from "../../../../connectors/connector.ts";
import { type Bench, captureBench } from "./bench.ts";
import { type FakeErp, fakeErp } from "./fake-erp.ts";

const { start } = captureBench();

const name = fc.oneof(
  { weight: 6, arbitrary: fc.stringMatching(/^[A-Za-zäöü "\\-]{1,24}$/) },
  { weight: 1, arbitrary: fc.constantFrom("bad", "Ü".repeat(200), "x".repeat(500), "🏠 €", "a\u0001b") },
);
const parent = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: 0, max: 29 }).map((no) => `p${no}`) },
  { weight: 1, arbitrary: fc.constantFrom(null, "p996", "p997", "p998", "p999") },
);
const cancelled = fc.oneof({ weight: 9, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) });
/** Among them those that children have waited for in vain. */
const laterParent = fc.oneof(fc.integer({ min: 0, max: 29 }), fc.integer({ min: 990, max: 999 }));
const history = fc.record({
  parents: fc.array(fc.record({ name, cancelled }), { minLength: 10, maxLength: 30 }),
  children: fc.array(fc.record({ name, parent, cancelled }), { minLength: 20, maxLength: 120 }),
  pageSize: fc.integer({ min: 4, max: 60 }),
  missing: fc.constantFrom("hold" as const, "omit" as const),
  cursor: fc.boolean(),
  /** Parents last: then children are sent or parked without them. */
  parentsFirst: fc.boolean(),
  /** A child that is written, or goes, while its table is scanned, and is read by its key. */
  meanwhile: fc.option(
    fc.record({ page: fc.integer({ min: 1, max: 4 }), child: fc.integer({ min: 0, max: 140 }), name: fc.option(name) }),
  ),
  /** What comes once all of that is at rest: parents that turn bad or good, and more children. */
  later: fc.record({
    parents: fc.array(fc.record({ no: laterParent, name: fc.oneof(name, fc.constant("bad")) }), { minLength: 10, maxLength: 40 }),
    children: fc.array(fc.record({ name, parent, cancelled }), { minLength: 10, maxLength: 40 }),
  }),
  /** Of so many rows each batch brings one a second time. */
  repeats: fc.option(fc.integer({ min: 2, max: 9 })),
  /** The commit of a scan that fails. */
  failing: fc.option(fc.integer({ min: 1, max: 6 }), { freq: 1 }),
  maxFrameBytes: fc.constantFrom(250, 400, 2_000, 1_000_000),
});
type History = typeof history extends fc.Arbitrary<infer T> ? T : never;

const childKey = (no: number): string => `c${String(no).padStart(3, "0")}`;

function erpOf(given: History, offersBytes: boolean, readBack: (key: string) => Promise<unknown>): FakeErp {
  const { parents, children, pageSize, repeats, meanwhile } = given;
  const erp = fakeErp();
  erp.pageSize = pageSize;
  erp.offersBytes = offersBytes;
  for (const [no, row] of parents.entries()) erp.put("parents", `p${no}`, { ...row, parent: null });
  for (const [no, row] of children.entries()) erp.put("children", childKey(no), row);
  let pages = 0;
  erp.at = async (moment, table) => {
    if (meanwhile === null || moment !== "scan-page" || table !== "children" || ++pages !== meanwhile.page) return;
    const key = childKey(meanwhile.child);
    if (meanwhile.name === null) erp.remove("children", key);
    else erp.put("children", key, { name: meanwhile.name, parent: "p1" });
    await readBack(key);
  };
  const { scan } = erp.connector;
  if (repeats !== null)
    erp.connector = {
      ...erp.connector,
      async *scan(query, signal) {
        for await (const batch of scan(query, signal)) yield withRepeats(batch, repeats);
      },
    };
  return erp;
}

function withRepeats(batch: RowBatch, every: number): RowBatch {
  const indexes = Array.from({ length: batch.length }, (_, index) => (index % every === 0 ? [index, index] : [index])).flat();
  const from = (index: number): number => indexes[index] as number;
  return {
    length: indexes.length,
    key: (index) => batch.key(from(index)),
    row: (index) => batch.row(from(index)),
    keyDigests: BigUint64Array.from(indexes, (index) => batch.keyDigests[index] as bigint),
    digests: BigUint64Array.from(indexes, (index) => batch.digests[index] as bigint),
    written: batch.written && { ...batch.written, open: (index) => batch.written?.open(from(index)) },
  };
}

async function lived(given: History, offersBytes: boolean): Promise<Bench> {
  let scans = 0;
  const { signal } = new AbortController();
  const erp = erpOf(given, offersBytes, async (key) => bench.capture.readBack("children", key, signal));
  const bench: Bench = await start({
    erp,
    cursor: given.cursor,
    ranks: given.parentsFirst ? { parents: 0, children: 1 } : { parents: 1, children: 0 },
    missing: given.missing,
    graceMs: 1_000,
    onCommit: (moment, of) => {
      if (of === "scan" && moment === "before-commit" && ++scans === given.failing)
        throw new FuserError("transient", "The disk is full", { code: "store-full", operation: "commit" });
    },
    prepare: (store) => store.outbox.setMaxFrameBytes(given.maxFrameBytes),
  });
  await bench.pass(20_000);
  await bench.crash();
  for (const { no, name: text } of given.later.parents) erp.put("parents", `p${no}`, { name: text, parent: null });
  for (const [no, row] of given.later.children.entries()) erp.put("children", childKey(200 + no), row);
  bench.capture.syncNow(undefined, true);
  await bench.pass(10_000);
  return bench;
}

test("Bytes and mappings leave the same store to the byte: pages, index, frames, quarantine, whatever comes in between", async () => {
  let byBytes = 0;
  await fc.assert(
    fc.asyncProperty(history, async (given) => {
      const one = await lived(given, true);
      byBytes += one.writtenRows();
      const other = await lived(given, false);
      expect(other.writtenRows()).toBe(0);
      expect(one.dump()).toEqual(other.dump());
      for (const bench of [one, other]) await bench.stop();
    }),
    { numRuns: 30 },
  );
  expect(byBytes).toBeGreaterThan(300);
}, 120_000);
