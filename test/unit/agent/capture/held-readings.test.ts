import { expect, test } from "vitest";
import { captureBench } from "./bench.ts";
import { fakeErp } from "./fake-erp.ts";

const { start } = captureBench();

function estates(count: number) {
  const erp = fakeErp();
  for (let no = 0; no < count; no++) erp.put("parents", `p${no}`, { name: `Estate ${no}`, parent: null });
  return erp;
}

/** Under its old stamp: only a compare finds it. */
function renameUnseen(erp: ReturnType<typeof fakeErp>, key: string, name: string): void {
  erp.tables.parents.set(key, { name, parent: null, stamp: erp.tables.parents.get(key)?.stamp ?? 0 });
}

test("Rows that differ here and there are settled together, each as it was read", async () => {
  const erp = estates(9);
  const commits: string[] = [];
  const bench = await start({ erp, compareEveryMs: 3_600_000, onCommit: (moment, name) => commits.push(`${moment} ${name}`) });
  await bench.pass(5_000);
  for (const key of ["p0", "p5", "p8"]) renameUnseen(erp, key, `New ${key}`);
  commits.length = 0;
  erp.reads.clear();
  bench.capture.syncNow("parents", true);
  await bench.pass(1_000);
  bench.portal.pull();
  expect(bench.portal.entities).toEqual(bench.expected());
  expect(commits.filter((commit) => commit === "after-commit scan")).toHaveLength(1);
  expect(erp.reads.get("p0")).toBeUndefined();
});

test("What a scan holds from an earlier batch is not settled over a newer read of the same key", async () => {
  const erp = estates(6);
  const bench = await start({ erp, compareEveryMs: 3_600_000 });
  await bench.pass(5_000);
  renameUnseen(erp, "p1", "Old");
  const { promise: passed, resolve: open } = Promise.withResolvers<void>();
  let pages = 0;
  erp.at = async (moment, table) => {
    if (moment === "scan-page" && table === "parents" && ++pages === 2) await passed;
  };
  bench.capture.syncNow("parents", true);
  await bench.pass(100);
  erp.put("parents", "p1", { name: "New", parent: null });
  await bench.pass(6_000);
  open();
  await bench.pass(5_000);
  expect(pages).toBe(2);
  bench.portal.pull();
  expect(bench.portal.entities).toEqual(bench.expected());
  expect(bench.portal.log.filter(({ id }) => id === "property:p1")).toHaveLength(2);
});

test("A key signalled while a scan holds its row is left to the read by key", async () => {
  const erp = estates(6);
  const bench = await start({ erp, compareEveryMs: 3_600_000 });
  await bench.pass(5_000);
  renameUnseen(erp, "p1", "Renamed");
  erp.reads.clear();
  let pages = 0;
  erp.at = async (moment, table) => {
    if (moment === "scan-page" && table === "parents" && ++pages === 2)
      bench.store.pending.mark("parents", ["p1"], { now: bench.clock.now(), confirm: false });
  };
  bench.capture.syncNow("parents", true);
  await bench.pass(5_000);
  expect(pages).toBe(2);
  bench.portal.pull();
  expect(bench.portal.entities).toEqual(bench.expected());
  expect([erp.reads.get("p1"), bench.portal.log.filter(({ id }) => id === "property:p1").length]).toEqual([1, 2]);
});
