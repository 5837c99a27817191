// While the ERP lacks a column, what was sent whole stays at the portal as it is: a column that vanishes must never look like a value that was emptied.
import { describe, expect, test } from "vitest";
import type { Quality } from "../../../../agent/quality/judged.ts";
import { createDigester } from "../../../../protocol/digest.ts";
import { type EntityText, entityText, fieldsOf } from "../../../../protocol/entity-text.ts";
import { type Bench, type BenchOptions, captureBench } from "./bench.ts";

const benches = captureBench();
const digester = await createDigester();
const never = new AbortController().signal;
const children = 12;
const isWhole = (text: EntityText): boolean => Object.hasOwn(fieldsOf(text), "propertyId");

/** A company whose children name their parents, all at the portal. */
async function synced(options: BenchOptions): Promise<Bench> {
  const bench = await benches.start(options);
  bench.erp.put("parents", "p", { name: "Haus", parent: null });
  for (let no = 10; no < 10 + children; no++) bench.erp.put("children", `c${no}`, { name: `Wohnung ${no}`, parent: "p" });
  await bench.pass(5_000);
  bench.capture.syncNow(undefined, true);
  await bench.pass(5_000);
  bench.portal.pull();
  expect(bench.portal.entities).toEqual(bench.expected());
  return bench;
}

/** The column with the parents is gone; the agent is built anew, as it is when the schema changed. */
async function lose(bench: Bench, options: BenchOptions, fingerprint = "without"): Promise<void> {
  options.lacks = ["propertyId"];
  options.fingerprint = fingerprint;
  options.map = (table, mapped) => {
    if (table !== "children" || mapped.kind !== "entity") return mapped;
    const { propertyId: _, ...rest } = fieldsOf(mapped.text);
    return { ...mapped, text: entityText(rest), parents: [] };
  };
  await bench.crash();
}

async function giveBack(bench: Bench, options: BenchOptions, fingerprint = "1"): Promise<void> {
  options.fingerprint = fingerprint;
  delete options.lacks;
  delete options.map;
  await bench.crash();
}

/** Ids of what the portal got since. */
async function got(bench: Bench, ms = 10_000): Promise<string[]> {
  const before = bench.portal.log.length;
  await bench.pass(ms);
  bench.portal.pull();
  return bench.portal.log.slice(before).map(({ id }) => id);
}

describe.each([{ cursor: true }, { cursor: false }])("Fields that the ERP lacks, noticed by cursor: $cursor", ({ cursor }) => {
  test("What does not change is not sent again, what changes goes without them, and once they are back it alone is sent whole", async () => {
    const options: BenchOptions = { cursor };
    const bench = await synced(options);
    await lose(bench, options);
    expect(await got(bench)).toEqual([]);
    bench.erp.put("children", "c11", { name: "umbenannt", parent: "p" });
    bench.erp.put("children", "c99", { name: "neu", parent: "p" });
    expect((await got(bench, 70_000)).sort()).toEqual(["building:c11", "building:c99"]);
    expect(bench.portal.entities.get("building:c11")).toEqual({ name: "umbenannt" });
    expect(bench.portal.entities.get("building:c12")).toEqual({ name: "Wohnung 12", propertyId: "p" });
    bench.erp.remove("children", "c13");
    expect(await got(bench, 70_000)).toEqual(["building:c13"]);
    await giveBack(bench, options);
    expect((await got(bench)).sort()).toEqual(["building:c11", "building:c99"]);
    expect(bench.portal.entities).toEqual(bench.expected());
  });

  test("A restart, a kill at any of the first commits, a second column and another mapping meanwhile send nothing either", async () => {
    const options: BenchOptions = { cursor };
    const bench = await synced(options);
    for (const commits of [1, 2, 3]) {
      await lose(bench, options, `without ${commits}`);
      bench.armCrash(commits, commits === 2 ? "before-commit" : "after-commit");
      expect(await got(bench, 2_000)).toEqual([]);
      await bench.crash();
      expect(await got(bench)).toEqual([]);
    }
    await bench.crash();
    expect(await got(bench)).toEqual([]);
    await giveBack(bench, options, "another mapping");
    expect(await got(bench)).toEqual([]);
    expect(bench.portal.entities).toEqual(bench.expected());
  });

  test("Facts that protect somebody, and what was found, stay with what stands", async () => {
    const quality: Quality = {
      fingerprint: "q",
      hasSpans: () => false,
      judgeEmail: () => ({ raised: [], otherwise: [] }),
      judgeGroup: () => [],
      judgeHeld: () => [],
      judgeAwaiting: () => [],
      roleOf: (source) => (source === "children" ? "protects" : undefined),
      gather: ({ text }, look) => ({
        facts: isWhole(text) ? [{ kind: "staff", hash: look.hash("staff", "p"), detail: 0n }] : [],
        spans: [],
      }),
      judge: ({ source, key, text }) => ({
        ...{ text, withheld: [], hold: undefined, held: [] },
        raised: isWhole(text) ? [{ rule: "email-placeholder", source, key, field: "propertyId", other: "", params: {} }] : [],
      }),
    };
    const options: BenchOptions = { cursor, parts: { quality } };
    const bench = await synced(options);
    const counted = () => [
      bench.store.facts.holders("staff", bench.store.facts.hash("staff", "p"), 100).length,
      bench.store.findings.count(),
    ];
    expect(counted()).toEqual([children, children]);
    await lose(bench, options);
    expect(await got(bench)).toEqual([]);
    bench.erp.put("children", "c11", { name: "umbenannt", parent: "p" });
    expect(await got(bench, 70_000)).toEqual(["building:c11"]);
    expect(counted()).toEqual([children, children]);
    await giveBack(bench, options);
    expect(await got(bench)).toEqual(["building:c11"]);
    expect(counted()).toEqual([children, children]);
  });

  test("What the portal held before a new epoch stays whole as well, and what it has lost comes without them", async () => {
    const options: BenchOptions = { cursor };
    const bench = await synced(options);
    await lose(bench, options);
    await got(bench);
    bench.store.renewEpoch("epoch-0002");
    bench.portal.last = 0;
    bench.portal.entities.delete("building:c12");
    const held = [...bench.portal.entities];
    await bench.capture.reconcile(async function* (type) {
      const own = held.filter(([name]) => name.startsWith(`${type}:`));
      yield own.map(([name, fields]) => ({ id: name.slice(type.length + 1), digest: digester.entity(fields) }));
    }, never);
    expect(await got(bench)).toEqual(["building:c12"]);
    await giveBack(bench, options);
    expect(await got(bench)).toEqual(["building:c12"]);
    expect(bench.portal.entities).toEqual(bench.expected());
  });
});
