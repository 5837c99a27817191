import path from "node:path";
import { expect, test } from "vitest";
import type { Raised } from "../../../../agent/quality/judged.ts";
import { Database } from "../../../../agent/store/database.ts";
import { createFindings } from "../../../../agent/store/findings.ts";
import { migrate } from "../../../../agent/store/migrate.ts";
import { createNames } from "../../../../agent/store/names.ts";
import { storeBench } from "./bench.ts";
import { watched } from "./watched.ts";

const bench = storeBench();
const raised = (key: string, params: Raised["params"] = {}): Raised => ({
  rule: "email-placeholder",
  source: "persons",
  key,
  field: "emails",
  other: "",
  params,
});
// As large as hashes are.
const [group, other] = [-(2n ** 63n) + 5n, 2n ** 63n - 1n];
const dayMs = 86_400_000;

test("A finding is raised once, keeps its time and number while it is found again, and closes when it no longer is", () => {
  const { findings } = bench.open();
  expect(findings.replace(group, [raised("a"), raised("b")], 100)).toBe(true);
  const [first] = findings.list();
  expect(findings.replace(group, [raised("a"), raised("b")], 200)).toBe(false);
  expect(findings.replace(group, [raised("a", { count: 3 })], 300)).toBe(true);
  expect(findings.list()).toEqual([{ ...first, params: { count: 3 } }]);
  expect(first).toMatchObject({ key: "a", since: 100, closedAt: undefined });
  expect(findings.count({ source: "persons" })).toBe(1);
  expect(findings.count({ source: "units" })).toBe(0);
  expect(findings.count({ rule: "schema-missing" })).toBe(0);
  expect(findings.replace(group, [], 400)).toBe(true);
  expect(findings.count()).toBe(0);
});

test("What was closed and is found again is a new finding", () => {
  const { findings } = bench.open();
  findings.replace(group, [raised("a")], 100);
  const before = findings.list()[0];
  findings.replace(group, [], 200);
  findings.replace(group, [raised("a")], 300);
  expect(findings.list()[0]).toMatchObject({ since: 300 });
  expect(findings.list()[0]?.id).not.toBe(before?.id);
});

test("Groups do not close each other's findings, and what is open is never purged", () => {
  const { findings } = bench.open();
  findings.replace(group, [raised("a")], 100);
  findings.replace(other, [raised("a"), raised("c")], 100);
  findings.replace(other, [], 200);
  findings.purge(1_000 * dayMs);
  expect(findings.list({ rule: "email-placeholder" }).map(({ key }) => key)).toEqual(["a"]);
  expect(findings.list({ limit: 1, offset: 1 })).toEqual([]);
});

test("What is accepted no longer counts as open, until its time is over or it is raised anew; what is closed can't be accepted", () => {
  const { findings } = bench.open();
  findings.replace(1n, [raised("a"), raised("b")], 100);
  const [{ id } = { id: 0 }] = findings.list({ key: "a" });
  expect(findings.accept(id, { at: 200, until: 500, reason: "known" })).toMatchObject({ id, key: "a", accepted: { at: 200 } });
  expect([...findings.open(300)]).toEqual([["persons", 1]]);
  expect([...findings.open(500)]).toEqual([["persons", 2]]);
  expect(findings.list({ accepted: { is: true, at: 300 } })).toMatchObject([
    { key: "a", accepted: { until: 500, reason: "known" } },
  ]);
  expect(findings.list({ accepted: { is: false, at: 300 } }).map(({ key }) => key)).toEqual(["b"]);
  expect(findings.count({ accepted: { is: true, at: 500 } })).toBe(0);
  // The same finding in other words keeps its acceptance.
  findings.replace(1n, [raised("a", { count: 2 })], 300);
  expect([...findings.open(300)]).toEqual([]);
  findings.replace(1n, [], 300);
  expect(findings.accept(id, { at: 400, until: undefined, reason: "known" })).toBeUndefined();
  findings.replace(1n, [raised("a")], 400);
  expect([...findings.open(400)]).toEqual([["persons", 1]]);
});

test("What is open is counted anew only when something has changed, an acceptance is over or the clock was set back", () => {
  const database = new Database(path.join(bench.folder(), "findings.db"));
  bench.keep(() => database.close());
  migrate(database);
  const { database: seen, asked } = watched(database);
  const findings = createFindings(seen, createNames(database));
  const counts = (): number => asked.filter((sql) => sql.includes("GROUP BY")).length;
  const open = (now: number): number => findings.open(now).get("persons") ?? 0;
  findings.replace(1n, [raised("a"), raised("b")], 100);
  expect([open(100), open(200), open(300), counts()]).toEqual([2, 2, 2, 1]);
  findings.replace(1n, [raised("a"), raised("b")], 300);
  expect([open(300), counts()]).toEqual([2, 1]);
  const [{ id } = { id: 0 }] = findings.list({ key: "a" });
  findings.accept(id, { at: 300, until: 500, reason: "known" });
  expect([open(300), open(499), counts()]).toEqual([1, 1, 2]);
  expect([open(500), open(900), counts()]).toEqual([2, 2, 3]);
  expect([open(400), counts()]).toEqual([1, 4]);
  const lost = (): void =>
    database.transaction(() => {
      findings.replace(1n, [], 600);
      expect(open(600)).toBe(0);
      throw new Error("no");
    });
  expect(lost).toThrow("no");
  expect(open(600)).toBe(2);
  findings.keepOnly([]);
  expect(open(600)).toBe(0);
});
