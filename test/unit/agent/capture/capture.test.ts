import { expect, test } from "vitest";
import { storeError } from "../../../../agent/store/sqlite-errors.ts";
import { type Log, silentLog } from "../../../../base/log.ts";
import { captureBench } from "./bench.ts";
import { fakeErp } from "./fake-erp.ts";

const { start } = captureBench();

function company(): ReturnType<typeof fakeErp> {
  const erp = fakeErp();
  for (let no = 0; no < 6; no++) erp.put("parents", `p${no}`, { name: `Estate ${no}`, parent: null });
  for (let no = 0; no < 12; no++)
    erp.put("children", `c${String(no).padStart(2, "0")}`, { name: `House ${no}`, parent: `p${no % 6}` });
  return erp;
}

test("The first sync brings everything, parents before their children", async () => {
  const bench = await start({ erp: company() });
  await bench.pass(5_000);
  bench.portal.pull();
  expect(bench.portal.entities).toEqual(bench.expected());
  expect(bench.portal.entities.size).toBe(18);
  expect(bench.store.pending.count()).toBe(0);
});

test("A change is sent after the next poll, once, and confirmed by a second read that sends nothing", async () => {
  const bench = await start({ erp: company() });
  await bench.pass(5_000);
  bench.portal.pull();
  bench.erp.reads.clear();
  bench.erp.put("parents", "p1", { name: "Renamed", parent: null });
  await bench.pass(5_000);
  bench.portal.pull();
  expect(bench.portal.log.filter((item) => item.id === "property:p1")).toHaveLength(2);
  expect(bench.portal.entities).toEqual(bench.expected());
  expect(bench.erp.reads.get("p1")).toBe(2);
});

test.each([500, 20_000])(
  "A marked key is read again once %d ms have passed, as confirmAfter says, and not before",
  async (ms) => {
    const bench = await start({ erp: company(), parts: { confirmAfterMs: ms } });
    await bench.pass(5_000);
    bench.erp.reads.clear();
    bench.store.pending.mark("parents", ["p1"], { now: bench.clock.now(), confirm: true });
    await bench.pass(ms - 100);
    expect(bench.erp.reads.get("p1")).toBe(1);
    await bench.pass(1_200);
    expect(bench.erp.reads.get("p1")).toBe(2);
    expect(bench.store.pending.count()).toBe(0);
  },
);

test("A store that is full is told as that, never as the fault of the keys that were being read, and they are taken once there is room", async () => {
  let full = false;
  const told: [code: string | undefined, message: string][] = [];
  const note = (message: string, fields?: { code?: string }): void => void told.push([fields?.code, message]);
  const log: Log = { ...silentLog, error: note, warn: note, part: () => log };
  const bench = await start({
    erp: company(),
    parts: { log },
    onCommit(moment) {
      if (full && moment === "before-commit") throw storeError(Object.assign(new Error("full"), { errcode: 13 }), "store.db");
    },
  });
  await bench.pass(5_000);
  bench.portal.pull();
  bench.erp.put("parents", "p1", { name: "Renamed", parent: null });
  bench.store.pending.mark("parents", ["p2", "p3"], { now: bench.clock.now(), confirm: false });
  full = true;
  await bench.pass(5_000);
  full = false;
  expect(new Set(told.map(([code, message]) => `${code}: ${/disk/.test(message)}`))).toEqual(new Set(["store-full: true"]));
  await bench.pass(20_000);
  bench.portal.pull();
  expect(bench.portal.entities).toEqual(bench.expected());
  expect(bench.store.pending.count()).toBe(0);
});
