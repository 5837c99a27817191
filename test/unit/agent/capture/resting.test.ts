// A gentle agent and an ERP that answers slowly.
import { expect, test } from "vitest";
import { captureBench } from "./bench.ts";
import { fakeErp } from "./fake-erp.ts";

const { start } = captureBench();

test("While a busy ERP is left alone polls only note what changed, and it is read together afterwards", async () => {
  const erp = fakeErp();
  for (let no = 0; no < 20; no++) erp.put("parents", `p${no}`, { name: `Estate ${no}`, parent: null });
  erp.put("children", "c1", { name: "Flat", parent: "p1" });
  const bench = await start({ erp, compareEveryMs: 86_400_000, parts: { gentle: true } });
  await bench.pass(60_000);
  const reads: number[] = [];
  let childReads = 0;
  erp.at = async (moment, table, keys) => {
    if (moment !== "read-keys") return;
    if (table === "parents") reads.push(keys.length);
    else if (++childReads === 2) await bench.clock.sleep(5_000, new AbortController().signal);
  };
  erp.put("children", "c1", { name: "Flat with balcony", parent: "p1" });
  // The confirming read takes five seconds, and so does the rest that follows it.
  await bench.pass(9_000);
  expect(childReads).toBe(2);
  for (let no = 0; no < 4; no++) {
    erp.put("parents", `p${no}`, { name: `Estate ${no}, renamed`, parent: null });
    await bench.pass(500);
  }
  expect(reads).toEqual([]);
  expect(bench.store.pending.get("parents", "p0")).toMatchObject({ stage: "marked" });
  await bench.pass(20_000);
  expect(reads[0]).toBeGreaterThan(1);
  bench.portal.pull();
  expect(bench.portal.entities).toEqual(bench.expected());
});
