// A capture whose sources live on a feed: three estates, each with a building; the next routine compare is far away.
import { expect } from "vitest";
import type { Log } from "../../../../base/log.ts";
import { type BenchOptions, captureBench } from "./bench.ts";
import { fakeErp } from "./fake-erp.ts";
import { type FakeFeed, fakeFeed } from "./fake-feed.ts";

export const never = 1e12;

/** What was logged, each with its code. */
function notes() {
  const said: { message: string; code: unknown; fields: Readonly<Record<string, unknown>> }[] = [];
  const take = (message: string, fields: Readonly<Record<string, unknown>> = {}): void => {
    said.push({ message, code: fields.code, fields });
  };
  const log: Log = { debug: () => {}, info: take, warn: take, error: take, part: () => log };
  return { log, said, codes: () => said.map(({ code }) => code).filter((code) => code !== undefined) };
}

export function livingOnFeed() {
  const { start } = captureBench();
  return async (options: BenchOptions = {}, prepare?: (feed: FakeFeed) => void, offered: "with" | "without" = "with") => {
    const erp = fakeErp();
    erp.pageSize = 100;
    for (const no of [1, 2, 3]) erp.put("parents", `p${no}`, { name: `Estate ${no}`, parent: null });
    for (const no of [1, 2, 3]) erp.put("children", `c${no}`, { name: `House ${no}`, parent: `p${no}` });
    const feed = fakeFeed(erp);
    if (offered === "without") feed.name = "another";
    prepare?.(feed);
    const { log, said, codes } = notes();
    /** Tables that were compared, in their order. */
    const scans: string[] = [];
    erp.at = async (moment, table) => void (moment === "scan-page" && scans.push(table));
    const bench = await start({ erp, feed, log, compareEveryMs: never, ...options });
    const inStep = (): void => {
      bench.portal.pull();
      expect(bench.portal.entities).toEqual(bench.expected());
    };
    return { erp, feed, bench, said, codes, inStep, scans };
  };
}
