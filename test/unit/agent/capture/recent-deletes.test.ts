import { expect, test } from "vitest";
import { countDeletes, recentDeletes } from "../../../../agent/capture/recent-deletes.ts";
import type { MetaStore } from "../../../../agent/store/store.ts";

const minuteMs = 60_000;
const noon = 1_796_000_000_000 - (1_796_000_000_000 % minuteMs);

test("deletes count for a full hour, and for less than a minute more", () => {
  const values = new Map<string, string | undefined>();
  const meta: MetaStore = { get: (name) => values.get(name), set: (name, value) => void values.set(name, value) };
  countDeletes(meta, "messages", { count: 1, now: noon + 59_000 });
  countDeletes(meta, "messages", { count: 2, now: noon + 90_000 });
  countDeletes(meta, "messages", { count: 4, now: noon + 91_000 });

  expect(recentDeletes(meta, "messages", noon + 60 * minuteMs + 58_000)).toBe(7);
  expect(recentDeletes(meta, "messages", noon + 61 * minuteMs)).toBe(6);
  expect(recentDeletes(meta, "messages", noon + 61 * minuteMs + 30_999)).toBe(6);
  expect(recentDeletes(meta, "messages", noon + 62 * minuteMs)).toBe(0);
  expect(recentDeletes(meta, "units", noon + 90_000)).toBe(0);
});
