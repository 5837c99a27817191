import { expect, test } from "vitest";
import { forgetConflicts } from "../../../agent/settled-conflicts.ts";
import { openStore } from "../../../agent/store/open.ts";
import { conflictGroup } from "../../../agent/writeback/conflict.ts";
import { silentLog } from "../../../base/log.ts";
import { manualClock } from "../../support/manual-clock.ts";
import { tempDirectory } from "../../support/servers.ts";

const day = 86_400_000;

test("A conflict is listed until its record is gone or a month has passed; one that waits for a decision stays", async () => {
  await using folder = await tempDirectory();
  const clock = manualClock(Date.UTC(2026, 10, 23));
  await using store = openStore({ directory: folder.path, clock, log: silentLog });
  const raise = (key: string, settled: string): void => {
    const raised = {
      rule: "field-conflict",
      source: "tickets",
      key,
      field: "title",
      other: "",
      params: { command: "c", settled },
    } as const;
    store.findings.replace(conflictGroup(store, { source: "tickets", key }), [raised], clock.now());
  };
  store.transaction(() => {
    for (const key of ["gone", "asked", "stands"]) raise(key, key === "asked" ? "ask" : "erp-wins");
    store.entities.put("tickets", "stands", { rowDigest: 1n, entityDigest: 1n });
  });
  const listed = (afterDays: number): string[] => {
    forgetConflicts(store, clock.now() + afterDays * day);
    return store.findings.list({ rule: "field-conflict" }).map(({ key }) => key);
  };
  expect(listed(0)).toEqual(["asked", "stands"]);
  expect(listed(29)).toEqual(["asked", "stands"]);
  expect(listed(31)).toEqual(["asked"]);
});
