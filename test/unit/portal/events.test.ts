import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { silentLog } from "../../../base/log.ts";
import { systemClock } from "../../../base/time.ts";
import { eventsIn } from "../../../portal/events.ts";
import { Store } from "../../../portal/store.ts";

test("An event that the store can't keep is still told to listeners, and stops nobody", () => {
  const database = new DatabaseSync(":memory:");
  using store = new Store(database);
  const events = eventsIn({ store, clock: systemClock, log: silentLog });
  const heard: string[] = [];
  events.listen(({ kind }) => heard.push(kind));
  const size = Number((database.prepare("PRAGMA page_count").get() as { page_count: number }).page_count);
  database.exec(`PRAGMA max_page_count = ${size}`);
  // As on a full disk: sooner or later no page is left.
  for (let n = 0; n < 200; n++) events.emit({ kind: "noted", agentId: "a", code: `noted-${n}`, text: "x".repeat(1_000) });
  expect(heard).toHaveLength(200);
  expect(events.recent(1_000).length).toBeLessThan(200);
});
