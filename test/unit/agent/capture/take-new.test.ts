import { expect, test } from "vitest";
import { KeyDigests } from "../../../../agent/capture/key-digests.ts";
import { captureBench } from "./bench.ts";
import { fakeErp } from "./fake-erp.ts";

const { start } = captureBench();

test("Of a first sync's rows those that need thought are found among the plain ones, and all arrive in order", async () => {
  const erp = fakeErp();
  erp.pageSize = 100;
  for (let no = 0; no < 150; no++) erp.put("parents", `p${no}`, { name: no % 50 === 7 ? "bad" : `Estate ${no}`, parent: null });
  for (let no = 0; no < 400; no++) {
    // Some are faulty, some cancelled, some name a parent that is faulty itself or does not exist.
    const parent = no % 40 === 3 ? "p7" : no % 40 === 4 ? "p999" : `p${(no * 7) % 150}`;
    erp.put("children", `c${no}`, { name: no % 40 === 5 ? "bad" : `House ${no}`, parent, cancelled: no % 40 === 6 });
  }
  const bench = await start({ erp });
  await bench.pass(10_000);
  // The portal of this bench throws at a child that comes before its parent.
  bench.portal.pull();
  expect(bench.portal.entities).toEqual(bench.expected());
  expect(erp.reads.get("c1")).toBeUndefined();
  const parked = bench.store.quarantine.list().map(({ id }) => id);
  expect(parked).toEqual(expect.arrayContaining(["p7", "c3", "c4", "c5"]));
  const before = bench.portal.log.length;
  bench.capture.syncNow(undefined, true);
  await bench.pass(10_000);
  bench.portal.pull();
  expect(bench.portal.log).toHaveLength(before);
});

test("A batch's repeated keys are told by their digests, whatever their rows", () => {
  const digests = new KeyDigests();
  const keys = BigUint64Array.of(5n, 2n ** 63n, 5n, 5n + 2n ** 32n, 2n ** 63n, 6n);
  for (let round = 0; round < 2; round++) {
    digests.begin(keys);
    expect([0, 1, 2, 3, 4, 5].map((index) => digests.add(index))).toEqual([true, true, false, true, false, true]);
  }
});

test("New parents that children wait for are noticed among plain ones, whichever way their rows go", async () => {
  for (const missing of ["hold", "omit"] as const) {
    const erp = fakeErp();
    erp.pageSize = 50;
    for (let no = 0; no < 20; no++) erp.put("children", `c${no}`, { name: `House ${no}`, parent: `p${no}` });
    const bench = await start({ erp, missing, cursor: false });
    await bench.pass(20_000);
    bench.portal.pull();
    expect(bench.portal.entities.size).toBe(missing === "hold" ? 0 : 20);
    // Another life remembers nothing of the keys that were pending once.
    await bench.crash();
    for (let no = 0; no < 30; no++) erp.put("parents", `p${no}`, { name: `Estate number ${no}`, parent: null });
    bench.capture.syncNow("parents", true);
    await bench.pass(20_000);
    bench.portal.pull();
    // Of the children those whose parents must be asked for, and of the parents those that nobody waits for.
    expect(bench.writtenRows()).toBe(20);
    expect(bench.portal.entities).toEqual(bench.expected());
  }
});

test("Of a large batch that can't go as bytes a thousand rows are a commit, and a change that comes meanwhile has its turn in between", async () => {
  for (const offersBytes of [true, false]) {
    const erp = fakeErp();
    erp.pageSize = 10_000;
    erp.offersBytes = offersBytes;
    for (let no = 0; no < 3_500; no++) erp.put("parents", `p${no}`, { name: `Estate number ${no}`, parent: null });
    const commits: string[] = [];
    const bench = await start({ erp, onCommit: (moment, of) => moment === "after-commit" && commits.push(of) });
    erp.put("children", "c1", { name: "House", parent: null });
    await bench.until(bench.capture.readBack("children", "c1", new AbortController().signal));
    await bench.pass(5_000);
    expect(commits.filter((of) => of === "scan")).toHaveLength(offersBytes ? 1 : 4);
    if (!offersBytes) expect(commits.indexOf("read")).toBeLessThan(commits.lastIndexOf("scan"));
    bench.portal.pull();
    expect(bench.portal.entities.size).toBe(3_501);
    // All of them changed: none of it is bulk, and yet too much at once.
    for (let no = 0; no < 3_500; no++) erp.put("parents", `p${no}`, { name: `Estate no. ${no}`, parent: null });
    bench.capture.syncNow("parents", true);
    commits.length = 0;
    await bench.pass(5_000);
    expect(commits.filter((of) => of === "scan").length).toBeGreaterThanOrEqual(4);
    bench.portal.pull();
    expect(bench.portal.entities).toEqual(bench.expected());
  }
});
