import { expect, test } from "vitest";
import { KeyScratch } from "../../../../agent/store/entities/key-bytes.ts";
import { KnownTable } from "../../../../agent/store/entities/known-table.ts";

const scratch = new KeyScratch();
const remember = (table: KnownTable, source: number, key: string, no: number): void =>
  table.remember(source, scratch.of(key), no);
const find = (table: KnownTable, source: number, key: string): number => table.find(source, scratch.of(key));

test("A number is remembered for its source and key alone, and not after all were forgotten", () => {
  const table = new KnownTable();
  remember(table, 1, "4711", 42);
  remember(table, 2, "4711", 43);
  expect([find(table, 1, "4711"), find(table, 2, "4711"), find(table, 3, "4711"), find(table, 1, "4712")]).toEqual([
    42, 43, 0, 0,
  ]);
  table.clear();
  expect([find(table, 1, "4711"), find(table, 2, "4711")]).toEqual([0, 0]);
});

test("However many are asked for, what is remembered is right, and most is while the table may grow", () => {
  const table = new KnownTable();
  const count = 100_000;
  for (let no = 1; no <= count; no++) remember(table, 1, `key-${no}`, no);
  let right = 0;
  let wrong = 0;
  for (let no = 1; no <= count; no++) {
    const found = find(table, 1, `key-${no}`);
    if (found === no) right += 1;
    else if (found !== 0) wrong += 1;
  }
  expect(wrong).toBe(0);
  expect(right).toBeGreaterThan(0.99 * count);
});

test("A key of any length is told from others", () => {
  const table = new KnownTable();
  remember(table, 1, `${"x".repeat(5_000)}1`, 1);
  expect(find(table, 1, `${"x".repeat(5_000)}2`)).toBe(0);
  expect(find(table, 1, `${"x".repeat(5_000)}1`)).toBe(1);
});
