import { expect, test } from "vitest";
import { HashFilter } from "../../../../agent/store/entities/hash-filter.ts";
import { murmur128 } from "../../../../base/murmur.ts";

const bytes = new DataView(new ArrayBuffer(4));
function hashOf(no: number): number {
  bytes.setUint32(0, no);
  return murmur128(bytes, 0, 4)[0] as number;
}

test("What was added is never denied, and of what was not hardly one in a hundred is in doubt, when it is full", () => {
  const filter = new HashFilter(20_000);
  const { capacity } = filter;
  for (let no = 0; no < capacity; no++) filter.add(hashOf(no));
  let denied = 0;
  let doubtful = 0;
  for (let no = 0; no < capacity; no++) if (!filter.mayHave(hashOf(no))) denied += 1;
  for (let no = capacity; no < 3 * capacity; no++) if (filter.mayHave(hashOf(no))) doubtful += 1;
  expect(denied).toBe(0);
  expect(doubtful / (2 * capacity)).toBeLessThan(0.012);
  expect(doubtful).toBeGreaterThan(0);
});
