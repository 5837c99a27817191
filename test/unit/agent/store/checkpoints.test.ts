import { cpSync, statSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { storeBench } from "./bench.ts";

const bench = storeBench();

/** Bytes of the file itself: what a commit writes is in the log until it is folded back. */
const fileBytes = (directory: string): number => statSync(path.join(directory, "store.db")).size;

test("The write-ahead log is folded back once commits rest, and not while they come one upon the other", () => {
  const directory = bench.folder();
  const store = bench.open(directory);
  bench.clock.advance(5_000);
  const before = fileBytes(directory);
  const write = (no: number): void => store.meta.set(`large-${no}`, "x".repeat(100_000));
  for (let no = 0; no < 20; no++) {
    write(no);
    bench.clock.advance(5);
  }
  expect(fileBytes(directory)).toBe(before);
  bench.clock.advance(10);
  expect(fileBytes(directory)).toBeGreaterThan(before + 20 * 100_000);
});

test("Commits that come again and again have the log folded back once a second at the most", () => {
  const directory = bench.folder();
  const store = bench.open(directory);
  bench.clock.advance(5_000);
  const sizes = new Set<number>();
  for (let no = 0; no < 150; no++) {
    store.meta.set(`large-${no}`, "x".repeat(50_000));
    bench.clock.advance(20);
    sizes.add(fileBytes(directory));
  }
  expect(sizes.size).toBeGreaterThanOrEqual(3);
  expect(sizes.size).toBeLessThanOrEqual(4);
});

test("What was committed is there whether or not its log was folded back before the power failed", () => {
  const directory = bench.folder();
  const store = bench.open(directory);
  store.meta.set("before", "1");
  bench.clock.advance(2_000);
  store.meta.set("after", "2");
  const copy = bench.folder();
  for (const name of ["store.db", "store.db-wal"]) cpSync(path.join(directory, name), path.join(copy, name));
  const again = bench.open(copy);
  expect([again.meta.get("before"), again.meta.get("after")]).toEqual(["1", "2"]);
});
