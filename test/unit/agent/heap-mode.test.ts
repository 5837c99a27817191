import { expect, test } from "vitest";
import { withHeapMode } from "../../../agent/heap-mode.ts";
import { fakeErp, sourceQuery } from "./capture/fake-erp.ts";

const small = "--memory-saver-mode";
const quick = "--no-memory-saver-mode";
const { signal: never } = new AbortController();

test("the heap is kept small but for the time in which tables are read, also when two are read at a time and one is given up", async () => {
  const erp = fakeErp();
  for (const key of ["a", "b", "c", "d", "e"]) erp.put("parents", key, { name: key, parent: null });
  const flags: string[] = [];
  const { scan } = withHeapMode(erp.connector, (flag) => flags.push(flag));
  expect(flags).toEqual([small]);
  const one = scan(sourceQuery("parents", "parents"), never)[Symbol.asyncIterator]();
  await one.next();
  expect(flags).toEqual([small, quick]);
  for await (const _ of scan(sourceQuery("parents", "parents"), never)) expect(flags).toEqual([small, quick]);
  expect(flags).toEqual([small, quick]);
  await one.return?.();
  expect(flags).toEqual([small, quick, small]);
});
