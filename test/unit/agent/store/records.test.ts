import { expect, test } from "vitest";
import type { QuarantineEntry } from "../../../../agent/store/store.ts";
import { storeBench } from "./bench.ts";

const { folder, open } = storeBench();

const entry = (key: string, more: Partial<QuarantineEntry> = {}): QuarantineEntry => ({
  source: "units",
  key,
  type: "unit",
  id: key,
  code: "date-invalid",
  field: "start",
  message: "no date",
  digest: undefined,
  since: 1,
  waitsFor: undefined,
  ...more,
});

test("A quarantined entity is listed once, since its reason first held", () => {
  const { quarantine } = open();
  quarantine.put(entry("a"));
  quarantine.put(entry("a", { since: 9 }));
  expect(quarantine.get("units", "a")?.since).toBe(1);
  quarantine.put(entry("a", { since: 9, code: "too-large", digest: 2n ** 64n - 1n }));
  expect(quarantine.get("units", "a")).toEqual(entry("a", { since: 9, code: "too-large", digest: 2n ** 64n - 1n }));
  expect(quarantine.count()).toBe(1);
  expect([quarantine.remove("units", "a"), quarantine.remove("units", "a")]).toEqual([true, false]);
});

test("Who waits for a parent is found by it", () => {
  const { quarantine } = open();
  const waitsFor = { source: "buildings", key: "1" };
  quarantine.put(entry("a", { waitsFor }));
  quarantine.put(entry("b"));
  expect(quarantine.dependents("buildings", "1").map(({ key }) => key)).toEqual(["a"]);
  expect(quarantine.list({ source: "units", limit: 1, offset: 1 }).map(({ key }) => key)).toEqual(["b"]);
});

test("A source has one open guard of a kind at a time", () => {
  const { guards, pending } = open();
  const guard = guards.open("units", "deletes", 1);
  expect(guards.open("units", "deletes", 2).id).toBe(guard.id);
  expect(guards.open("units", "history", 2).id).not.toBe(guard.id);
  guards.outOf(guard.id, 100);
  pending.mark("units", ["a", "b", "c"], { now: 1, confirm: false });
  for (const key of ["a", "b"]) {
    pending.advance("units", key, pending.get("units", key)?.mark ?? 0, { stage: "held", notBefore: 1, guard: guard.id });
  }
  expect(guards.get(guard.id)).toMatchObject({ count: 2, of: 100, since: 1, state: "open" });
  guards.remove(guard.id);
  guards.close(guard.id, "rejected", 3);
  guards.close(guard.id, "approved", 4);
  pending.releaseGuard(guard.id, "dropped", 4);
  expect(guards.get(guard.id)).toMatchObject({ count: 2, of: 100, state: "rejected" });
  expect(guards.open("units", "deletes", 5).id).not.toBe(guard.id);
});

test("The journal is filtered, newest first, and bounded in age and size", () => {
  const { journal } = open(folder(), { journal: { keepDays: 2, maxBytes: 10_000 } });
  const day = 86_400_000;
  const add = (at: number, kind: string, size = 1): void =>
    journal.add({ at, kind, source: "units", status: "ok", durationMs: 3, detail: { text: "x".repeat(size) } });
  add(day, "sync");
  add(4 * day, "command");
  add(5 * day, "sync");
  expect(journal.list({ limit: 9 }).map(({ at }) => at)).toEqual([5 * day, 4 * day, day]);
  expect(journal.list({ kind: "sync", source: "units", status: "ok", since: 2 * day, limit: 9 })).toHaveLength(1);
  journal.purge(5 * day);
  expect(journal.list({ limit: 9 })).toHaveLength(2);
  for (let no = 0; no < 20; no++) add(5 * day, "sync", 1_000);
  journal.purge(5 * day);
  expect(journal.list({ limit: 99 }).length).toBeGreaterThan(7);
  expect(journal.list({ limit: 99 }).length).toBeLessThan(11);
});

test("A source keeps what is known of it; positions, samples and children go by their signal", () => {
  const { sources } = open();
  expect(sources.get("units")).toMatchObject({ fingerprint: undefined, comparedAt: undefined, rows: 0, reconciled: false });
  sources.update("units", { fingerprint: "f", rows: 3 });
  sources.update("units", { comparedAt: 7 });
  expect(sources.get("units")).toMatchObject({ fingerprint: "f", rows: 3, comparedAt: 7 });
  sources.update("units", { comparedAt: undefined });
  expect(sources.get("units").comparedAt).toBeUndefined();
  sources.setPosition("units", "42");
  sources.setSamples("units", [{ key: "a", mark: "42" }]);
  expect([sources.position("units"), sources.samples("units"), sources.position("other"), sources.samples("other")]).toEqual([
    "42",
    [{ key: "a", mark: "42" }],
    undefined,
    [],
  ]);
  sources.setParents("units/texts", [
    { own: "1", parent: "a" },
    { own: "2", parent: "b" },
  ]);
  sources.setParents("units/texts", [{ own: "1", parent: "b" }]);
  expect(sources.child("units/texts", "1")?.parent).toBe("b");
  const none = new Uint8Array(8);
  expect([...sources.unseenChildren("units/texts", none, sources.highestChildNo())].flat().map(({ own }) => own)).toEqual([
    "1",
    "2",
  ]);
  sources.removeChild("units/texts", "1");
  expect(sources.child("units/texts", "1")).toBeUndefined();
});

test("What is known of a source is as its last commit left it, within a transaction and after one that was rolled back", () => {
  const { sources, transaction, renewEpoch } = open();
  sources.update("units", { rows: 1, reconciled: true });
  expect(sources.get("units").rows).toBe(1);
  const half = () => {
    sources.update("units", { rows: 2 });
    expect(sources.get("units").rows).toBe(2);
    throw new Error("half done");
  };
  expect(() => transaction(half)).toThrow("half done");
  expect(sources.get("units")).toMatchObject({ rows: 1, reconciled: true });
  renewEpoch("the-next-epoch");
  expect(sources.get("units")).toMatchObject({ rows: 1, reconciled: false });
});
