import { expect, test } from "vitest";
import type { Mapping, Parent } from "../../../../agent/map/mapped.ts";
import { captureBench } from "./bench.ts";
import { fakeErp, type TableName } from "./fake-erp.ts";

const { start } = captureBench();
type Mapped = ReturnType<Mapping["map"]>;

/** Estates named "out" do not take part; children named "bad" can't be mapped, and say what they belong to. */
function scoped(mapped: Mapped, values: { table: TableName; parentOf: (id: string) => string | null | undefined }): Mapped {
  if (values.table === "parents")
    return mapped.kind === "entity" && mapped.text.values.includes("out")
      ? { kind: "cancelled", id: mapped.id, reason: "out-of-scope" }
      : mapped;
  const parent = values.parentOf(mapped.id);
  if (mapped.kind !== "faulty" || parent === null || parent === undefined) return mapped;
  const named: Parent = { source: "parents", key: parent, type: "property", id: parent, missing: "hold" };
  return { ...mapped, parents: [named] };
}

async function running(estates: number, children: number) {
  const erp = fakeErp();
  for (let no = 0; no < estates; no++) erp.put("parents", `p${no}`, { name: no % 10 === 0 ? "in" : "out", parent: null });
  for (let no = 0; no < children; no++)
    erp.put("children", `c${no}`, { name: no % 100 < 2 ? "bad" : `n${no}`, parent: `p${no % estates}` });
  const parentOf = (id: string) => erp.tables.children.get(id)?.parent;
  const bench = await start({
    erp,
    cursor: false,
    compareEveryMs: 5_000,
    map: (table, mapped) => scoped(mapped, { table, parentOf }),
  });
  const held = () => bench.store.quarantine.list().map(({ key }) => key);
  return { erp, bench, held };
}

test("A first sync with most estates out of scope takes their rows as they come: none is read by key, and no faulty one of them is held", async () => {
  const { erp, bench, held } = await running(20, 400);
  await bench.pass(2_000);
  bench.portal.pull();
  // Two estates with 20 children each, of which four can't be mapped.
  expect(bench.portal.entities.size).toBe(2 + 40 - 4);
  expect(held().sort()).toEqual(["c0", "c100", "c200", "c300"]);
  expect(erp.reads.size).toBe(0);
});

test("What is faulty and held goes with its estate, and is held again when that comes back", async () => {
  const { erp, bench, held } = await running(20, 400);
  await bench.pass(2_000);
  bench.portal.pull();
  erp.put("parents", "p0", { name: "out", parent: null });
  await bench.pass(30_000, 500);
  bench.portal.pull();
  expect(held()).toEqual([]);
  expect([...bench.portal.entities.keys()].filter((id) => id.startsWith("property"))).toEqual(["property:p10"]);
  erp.put("parents", "p0", { name: "in", parent: null });
  await bench.pass(30_000, 500);
  bench.portal.pull();
  expect(held().sort()).toEqual(["c0", "c100", "c200", "c300"]);
  expect(bench.portal.entities.size).toBe(2 + 40 - 4);
  // Mended, it is an entity like any other.
  erp.put("children", "c0", { name: "good", parent: "p0" });
  await bench.pass(10_000, 500);
  bench.portal.pull();
  expect(bench.portal.entities.get("building:c0")).toMatchObject({ name: "good" });
});
