// Cursor columns as ERPs really fill them: instants, dates in the far future, and a column that the admin exchanges for another.
import { expect, test } from "vitest";
import { isLater, markBefore } from "../../../../agent/capture/marks.ts";
import type { CursorRow } from "../../../../connectors/connector.ts";
import { captureBench } from "./bench.ts";
import { type FakeErp, fakeErp } from "./fake-erp.ts";

const { start } = captureBench();

/** The sequence of the fake ERP as seconds of a day of November 2026; rows named in `never` bear a date that means "never". */
function timestamped(erp: FakeErp, never: ReadonlySet<string>): void {
  const inner = erp.connector.changedSince;
  const text = (mark: string): string => new Date(Date.UTC(2026, 10, 22, 6) + Number(mark) * 1_000).toISOString().slice(0, 19);
  erp.connector = {
    ...erp.connector,
    async *changedSince(query, from, signal) {
      const all: CursorRow[] = [];
      for await (const rows of inner({ ...query, kind: "sequence" }, "0", signal)) {
        for (const row of rows) all.push({ ...row, mark: never.has(row.own as string) ? "9999-12-31T00:00:00" : text(row.mark) });
      }
      all.sort((one, other) => (one.mark < other.mark ? -1 : 1));
      const asked = from === undefined ? all.slice(-1) : all.filter(({ mark }) => mark >= from);
      if (asked.length > 0) yield asked;
    },
  };
}

test("A mark of an instant column counts like any other", () => {
  expect(markBefore("timestamp", "2026-11-22T06:00:00Z", 60_000)).toBe("2026-11-22T05:59:00");
  expect(isLater("timestamp", "2026-11-22T06:00:00.5Z", "2026-11-22T06:00:00Z")).toBe(true);
});

test("A row that bears a date in the far future does not deafen the cursor column to every later change", async () => {
  const erp = fakeErp();
  for (let no = 0; no < 3; no++) erp.put("parents", `p${no}`, { name: `Estate ${no}`, parent: null });
  const never = new Set(["p1"]);
  timestamped(erp, never);
  const bench = await start({ erp, compareEveryMs: 3_600_000, cursorKind: "timestamp" });
  await bench.pass(5_000);
  erp.put("parents", "p0", { name: "Renamed", parent: null });
  await bench.pass(5_000);
  never.add("p2");
  erp.put("parents", "p2", { name: "Never renamed", parent: null });
  await bench.pass(5_000);
  erp.put("parents", "p0", { name: "Renamed again", parent: null });
  erp.reads.clear();
  await bench.pass(10_000);
  bench.portal.pull();
  expect(bench.portal.entities).toEqual(bench.expected());
  expect([...erp.reads]).toEqual([["p0", 2]]);
});

test("A cursor column that is exchanged for one of another kind takes its position anew, and misses nothing in between", async () => {
  const erp = fakeErp();
  erp.put("parents", "p1", { name: "Estate", parent: null });
  const options = { erp, compareEveryMs: 3_600_000, cursorKind: "timestamp" as "timestamp" | "sequence" };
  const sequence = erp.connector;
  timestamped(erp, new Set());
  const bench = await start(options);
  await bench.pass(5_000);
  erp.connector = sequence;
  options.cursorKind = "sequence";
  erp.put("parents", "p1", { name: "Changed while the agent was down", parent: null });
  await bench.crash();
  await bench.pass(5_000);
  bench.portal.pull();
  expect(bench.portal.entities).toEqual(bench.expected());
});
