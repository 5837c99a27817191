import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import fc from "fast-check";
import { expect, test } from "vitest";
import { Database } from "../../../../agent/store/database.ts";
import { migrate } from "../../../../agent/store/migrate.ts";
import { createNames } from "../../../../agent/store/names.ts";
import { createPending } from "../../../../agent/store/pending.ts";
import { storeBench } from "./bench.ts";
import { watched } from "./watched.ts";

const { open, folder, keep } = storeBench();

test("What each commit asks is found by an index, however many keys of the source wait", () => {
  const file = path.join(folder(), "pending.db");
  const database = new Database(file);
  keep(() => database.close());
  migrate(database);
  const { database: seen, prepared } = watched(database);
  createPending(seen, createNames(database));
  using reader = new DatabaseSync(file, { readOnly: true });
  const planOf = (sql: string): string =>
    reader
      .prepare(`EXPLAIN QUERY PLAN ${sql}`)
      .all()
      .map(({ detail }) => String(detail))
      .join(", ");
  // The next due keys of a source, when the next one of it is due, and when all that is suspected will have been read.
  const often = prepared
    .filter((sql) => /not_before <= \?/.test(sql) || /min\(not_before\)/.test(sql))
    .filter((sql) => /^\s*SELECT/.test(sql));
  expect(often).toHaveLength(4);
  for (const sql of often) expect(planOf(sql)).toMatch(/pending USING (COVERING )?INDEX pending_due \(source=\?/);
});

test("A key is pending once, however often it is signalled, and stays due since its first signal", () => {
  const { pending } = open();
  pending.mark("units", ["a", "a", "b"], { now: 10, confirm: false });
  pending.mark("units", ["a"], { now: 20, confirm: false });
  expect(pending.count("units")).toBe(2);
  expect(pending.get("units", "a")).toMatchObject({ stage: "marked", since: 10, notBefore: 10 });
});

test("A key is cleared only under the mark it was read under: a signal during the read keeps it", () => {
  const { pending } = open();
  pending.mark("units", ["a"], { now: 1, confirm: false });
  const read = pending.get("units", "a")?.mark as number;
  pending.mark("units", ["a"], { now: 2, confirm: false });
  expect(pending.clear("units", "a", read)).toBe(false);
  expect(pending.advance("units", "a", read, { stage: "grace", notBefore: 99 })).toBe(false);
  expect(pending.get("units", "a")?.stage).toBe("marked");
  expect(pending.clear("units", "a", pending.get("units", "a")?.mark as number)).toBe(true);
});

test("A mark once cleared never comes back, so an old read can't clear a new signal", () => {
  const { pending } = open();
  pending.mark("units", ["a"], { now: 1, confirm: false });
  const old = pending.get("units", "a")?.mark as number;
  pending.clear("units", "a", old);
  pending.mark("units", ["a"], { now: 2, confirm: false });
  expect(pending.clear("units", "a", old)).toBe(false);
});

test("A signal without confirmation never takes away an owed one", () => {
  const { pending } = open();
  pending.mark("units", ["a"], { now: 1, confirm: true });
  pending.mark("units", ["a"], { now: 2, confirm: false });
  expect(pending.get("units", "a")?.owesConfirm).toBe(true);
});

test("Keys come due oldest first, at their time, and held ones never by themselves", () => {
  const { pending, guards } = open();
  pending.mark("units", ["late"], { now: 30, confirm: false });
  pending.mark("units", ["early", "held"], { now: 10, confirm: false });
  const guard = guards.open("units", "deletes", 10);
  pending.advance("units", "held", pending.get("units", "held")?.mark as number, {
    stage: "held",
    notBefore: 10,
    guard: guard.id,
  });
  expect(pending.due("units", 29, 10).map(({ key }) => key)).toEqual(["early"]);
  expect(pending.due("units", 30, 10).map(({ key }) => key)).toEqual(["early", "late"]);
  expect([pending.nextDue("units"), pending.nextDue(), pending.nextDue("other")]).toEqual([10, 10, undefined]);
});

test("A guard's keys are released together: approved ones are due at once, dropped ones forgotten", () => {
  const { pending, guards } = open();
  const hold = (key: string): number => {
    const guard = guards.open("units", "deletes", 1).id;
    pending.mark("units", [key], { now: 1, confirm: false });
    pending.advance("units", key, pending.get("units", key)?.mark as number, { stage: "held", notBefore: 1, guard });
    return guard;
  };
  const first = hold("a");
  hold("b");
  expect(pending.heldBy(first).map(({ key }) => key)).toEqual(["a", "b"]);
  expect(pending.releaseGuard(first, "approved", 5)).toBe(2);
  expect(pending.due("units", 5, 10).map(({ stage }) => stage)).toEqual(["approved", "approved"]);
  guards.close(first, "approved", 5);
  const second = hold("c");
  expect(pending.releaseGuard(second, "dropped", 6)).toBe(1);
  expect(pending.get("units", "c")).toBeUndefined();
});

test("Whatever happens to keys, there is never more than one pending key per entity", () => {
  const { pending } = open();
  const key = fc.constantFrom("a", "b", "c");
  const step = fc.oneof(
    fc.record({ do: fc.constant("mark" as const), key }),
    fc.record({ do: fc.constant("clear" as const), key }),
    fc.record({ do: fc.constant("advance" as const), key }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      for (const one of steps) {
        const mark = pending.get("units", one.key)?.mark ?? 0;
        if (one.do === "mark") pending.mark("units", [one.key, one.key], { now: 1, confirm: true });
        else if (one.do === "clear") pending.clear("units", one.key, mark);
        else pending.advance("units", one.key, mark, { stage: "grace", notBefore: 7 });
      }
      const keys = pending.due("units", 100, 100).map((found) => found.key);
      expect(new Set(keys).size).toBe(keys.length);
      expect(pending.count("units")).toBe(keys.length);
    }),
    { numRuns: 30 },
  );
});

test("Listeners hear of marks once per commit, and not of a transaction that was rolled back", () => {
  const store = open();
  let heard = 0;
  const stop = store.pending.onMark(() => heard++);
  store.transaction(() => {
    store.pending.mark("units", ["a"], { now: 1, confirm: false });
    store.pending.mark("units", ["b"], { now: 1, confirm: false });
  });
  expect(heard).toBe(1);
  try {
    store.transaction(() => {
      store.pending.mark("units", ["c"], { now: 1, confirm: false });
      throw new Error("no");
    });
  } catch {}
  store.meta.set("x", "y");
  expect(heard).toBe(1);
  stop();
  store.pending.mark("units", ["d"], { now: 1, confirm: false });
  expect(heard).toBe(1);
});
