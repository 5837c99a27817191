// An administrator sets the wall clock back, and wishes that could not be fulfilled at once.
import { expect, test } from "vitest";
import { FuserError } from "../../../../base/errors.ts";
import { captureBench } from "./bench.ts";
import { fakeErp } from "./fake-erp.ts";

const { start } = captureBench();
const hourMs = 3_600_000;

function estates(count: number) {
  const erp = fakeErp();
  for (let no = 0; no < count; no++) erp.put("parents", `p${no}`, { name: `Estate ${no}`, parent: null });
  return erp;
}

test.each([["running on"], ["started again"]])("A clock set back by a day stops nothing (%s)", async (how) => {
  const erp = estates(3);
  const bench = await start({ erp, compareEveryMs: 2 * hourMs });
  await bench.pass(5_000);
  erp.put("parents", "p1", { name: "Signalled before", parent: null });
  bench.store.pending.mark("parents", ["p1"], { now: bench.clock.now(), confirm: true });
  bench.clock.setWall(bench.clock.now() - 24 * hourMs);
  if (how === "started again") await bench.crash();
  await bench.pass(65_000);
  erp.put("parents", "p2", { name: "Changed after", parent: null });
  await bench.pass(5_000);
  bench.portal.pull();
  expect(bench.portal.entities).toEqual(bench.expected());
  expect(bench.store.pending.count()).toBe(0);
});

test("A clock set back while bulk work waits for room in the outbox holds it up no longer than that", async () => {
  const bench = await start({ erp: estates(3) });
  await bench.pass(5_000);
  const { outbox, pending } = bench.store;
  const { hasRoom } = outbox;
  outbox.hasRoom = (bulk) => !bulk;
  const many = Array.from({ length: 5_001 }, (_, no) => `x${no}`);
  pending.mark("parents", many, { now: bench.clock.now(), confirm: false });
  await bench.pass(1_000);
  expect(pending.count()).toBe(many.length);
  bench.clock.setWall(bench.clock.now() - 24 * hourMs);
  pending.setBack(bench.clock.now());
  outbox.hasRoom = hasRoom;
  await bench.pass(5_000);
  expect(pending.count()).toBeLessThan(many.length);
});

test("A compare that was asked for and failed is made as soon as the ERP lets it, not with the next schedule", async () => {
  const erp = estates(3);
  const bench = await start({ erp, cursor: false, compareEveryMs: 24 * hourMs });
  await bench.pass(5_000);
  erp.put("parents", "p1", { name: "Changed", parent: null });
  let failing = true;
  erp.at = async (moment) => {
    if (failing && moment === "scan-page") throw new FuserError("transient", "away", { code: "erp-away", operation: "scan" });
  };
  bench.capture.syncNow("parents", true);
  await bench.pass(3_000);
  failing = false;
  await bench.pass(60_000);
  bench.portal.pull();
  expect(bench.portal.entities).toEqual(bench.expected());
  expect(bench.capture.status().map(({ state }) => state)).toEqual(["active", "active"]);
});

test("An ERP that no longer answers shows in the status of every source, although none asks it for anything", async () => {
  const erp = estates(3);
  const bench = await start({ erp, cursor: false, compareEveryMs: 24 * hourMs });
  await bench.pass(5_000);
  const identity = erp.connector.identity;
  erp.connector.identity = async () => {
    throw new FuserError("transient", "away", { code: "erp-away", operation: "identify" });
  };
  await bench.pass(65_000);
  expect(bench.capture.status()).toMatchObject([
    { state: "failing", reason: "erp-away" },
    { state: "failing", reason: "erp-away" },
  ]);
  erp.connector.identity = identity;
  await bench.pass(65_000);
  expect(bench.capture.status().map(({ state }) => state)).toEqual(["active", "active"]);
});
