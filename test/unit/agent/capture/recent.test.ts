import { expect, test } from "vitest";
import { countRecent, recentOf } from "../../../../agent/capture/recent.ts";
import type { MetaStore } from "../../../../agent/store/store.ts";

const minuteMs = 60_000;
const messages = { kind: "deletes", source: "messages" } as const;
const noon = 1_796_000_000_000 - (1_796_000_000_000 % minuteMs);

test("deletes count for a full hour, and for less than a minute more", () => {
  const values = new Map<string, string | undefined>();
  const meta: MetaStore = { get: (name) => values.get(name), set: (name, value) => void values.set(name, value) };
  countRecent(meta, messages, { count: 1, now: noon + 59_000 });
  countRecent(meta, messages, { count: 2, now: noon + 90_000 });
  countRecent(meta, messages, { count: 4, now: noon + 91_000 });

  expect(recentOf(meta, messages, noon + 60 * minuteMs + 58_000)).toBe(7);
  expect(recentOf(meta, messages, noon + 61 * minuteMs)).toBe(6);
  expect(recentOf(meta, messages, noon + 61 * minuteMs + 30_999)).toBe(6);
  expect(recentOf(meta, messages, noon + 62 * minuteMs)).toBe(0);
  expect(recentOf(meta, { ...messages, source: "units" }, noon + 90_000)).toBe(0);
  expect(recentOf(meta, { ...messages, kind: "moved" }, noon + 90_000)).toBe(0);
});
