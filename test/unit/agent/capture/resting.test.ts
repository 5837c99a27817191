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

test("While a busy ERP is left alone polls ask for no rows that nobody would take", async () => {
  const erp = fakeErp("showing");
  for (let no = 0; no < 4; no++) erp.put("parents", `p${no}`, { name: `Estate ${no}`, parent: null });
  erp.put("children", "c1", { name: "Flat", parent: "p1" });
  const polls = { everyMs: 50, overlap: 1_000 };
  const options = { compareEveryMs: 86_400_000, cursorKind: "timestamp", polls, parts: { gentle: true } } as const;
  const bench = await start({ erp, ...options });
  await bench.pass(10_000);
  const fetched: string[] = [];
  let childReads = 0;
  erp.at = async (moment, table) => {
    if (moment === "poll-rows") fetched.push(table);
    if (moment === "read-keys" && table === "children" && ++childReads === 2)
      await bench.clock.sleep(5_000, new AbortController().signal);
  };
  erp.put("children", "c1", { name: "Flat with balcony", parent: "p1" });
  // The confirming read takes five seconds, and so does the rest that follows it.
  while (childReads < 2) await bench.pass(100, 10);
  await bench.pass(6_000);
  fetched.length = 0;
  for (let no = 0; no < 20; no++) {
    erp.put("parents", "p0", { name: `Renamed ${no}`, parent: null });
    await bench.pass(100, 10);
  }
  expect(bench.store.pending.get("parents", "p0")).toMatchObject({ stage: "marked" });
  expect(fetched).toEqual([]);
  await bench.pass(20_000);
  bench.portal.pull();
  expect(bench.portal.entities).toEqual(bench.expected());
});
