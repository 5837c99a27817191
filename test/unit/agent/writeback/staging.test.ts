import { expect, test } from "vitest";
import { command, settle, until, writebackBench } from "./bench.ts";

const open = writebackBench();
const staged = { state: "staged" } as const;
const lookMs = 5 * 60_000;

/** A command whose row has just been stored, and of which the portal has been told. */
async function stagedBench(more: Parameters<typeof command>[0] = {}) {
  const bench = open();
  const id = bench.receive(command(more));
  bench.erp.next.push(staged);
  const run = bench.run();
  await until(() => bench.get(id).result?.outcome === "waiting");
  /** So many looks, each after its time. */
  const look = async (times = 1): Promise<void> => {
    for (let turn = 0; turn < times; turn++) {
      const before = bench.erp.lookups.length;
      await settle();
      bench.clock.advance(lookMs);
      await until(() => bench.erp.lookups.length > before);
    }
  };
  return { bench, id, run, look };
}

test("A staged command waits, is only looked for from then on, and ends with the key that the ERP gave later", async () => {
  const { bench, id, look } = await stagedBench({ expiresAt: "2026-11-22T06:01:00Z" });
  expect(bench.get(id)).toMatchObject({ state: "received", result: { outcome: "waiting", error: { code: "staged" } } });
  expect(bench.store.inbox.unsettled()).toMatchObject([{ id, outcome: "waiting" }]);
  bench.erp.nextLookup.push(staged, staged, { state: "found", key: "001.4711", results: new Map() });
  // Past its time limit too: it has reached the ERP.
  await look(3);
  await bench.reaches(id, "finished");
  expect(bench.get(id).result).toMatchObject({ outcome: "applied", revision: 2, entity: { id: "001.4711" } });
  expect([bench.erp.writes.length, bench.erp.lookups.length]).toEqual([1, 3]);
  expect(bench.readBacks).toMatchObject([{ source: "tickets", key: "001.4711" }]);
});

test("A refusal of the ERP's own work is told with its words", async () => {
  const { bench, id, look } = await stagedBench();
  bench.erp.nextLookup.push({ state: "rejected", code: "erp-staging-refused", message: "no", reason: "Objekt gesperrt" });
  await look();
  await bench.reaches(id, "finished");
  expect(bench.get(id).result).toMatchObject({
    outcome: "rejected",
    error: { code: "erp-staging-refused", de: expect.stringContaining("Begründung: Objekt gesperrt") },
  });
});

test("A staged row that is found nowhere any more makes its command uncertain; it is not written again before a person says so", async () => {
  const { bench, id, look } = await stagedBench();
  bench.erp.nextLookup.push({ state: "absent" });
  await look();
  await bench.reaches(id, "uncertain");
  expect(bench.erp.writes).toHaveLength(1);
  bench.writeback.resolve(id, { kind: "retry" });
  await until(() => bench.erp.writes.length === 2);
  expect(bench.erp.writes[1]?.mayBeRepeated).toBe(true);
});

test("After a restart it is looked for as before, and no trouble of the ERP writes it", async () => {
  const { bench, id, run, look } = await stagedBench();
  await run.stop();
  bench.restart();
  bench.erp.nextLookup.push(new Error("broken"), staged, { state: "found", key: "001.4711", results: new Map() });
  bench.run();
  await look(3);
  await bench.reaches(id, "finished");
  expect([bench.erp.writes.length, bench.get(id).result?.outcome]).toEqual([1, "applied"]);
});

test("A crash between the commit and the note, or a lost store, finds the row by the command's id and waits as well", async () => {
  const bench = open();
  const id = bench.receive(command(), { mayBeRepeated: true });
  bench.erp.next.push(staged);
  bench.erp.nextLookup.push({ state: "found", key: "001.4711", results: new Map() });
  bench.run();
  await until(() => bench.get(id).result?.outcome === "waiting");
  expect(bench.erp.writes).toMatchObject([{ mayBeRepeated: true }]);
  await settle();
  bench.clock.advance(lookMs);
  await bench.reaches(id, "finished");
  expect(bench.erp.writes).toHaveLength(1);
});
