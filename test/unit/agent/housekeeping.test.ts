import { expect, test } from "vitest";
import { noteLostHistory } from "../../../agent/capture/lost-history.ts";
import type { CapturedSource } from "../../../agent/capture/source.ts";
import { keepHouse } from "../../../agent/housekeeping.ts";
import { openStore } from "../../../agent/store/open.ts";
import type { Store } from "../../../agent/store/store.ts";
import { FuserError } from "../../../base/errors.ts";
import { type Log, silentLog } from "../../../base/log.ts";
import { manualClock } from "../../support/manual-clock.ts";
import { tempDirectory } from "../../support/servers.ts";

const turns = async (): Promise<void> => {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
};

type Doubt = (store: Store, now: number) => void;

const lostHistory: Doubt = (store, now) => {
  const source = { mapping: { source: "tickets" }, children: [] } as unknown as CapturedSource;
  noteLostHistory(store, source, { reason: "restored", now });
};

/** Keeps house for so many seconds, after a loss of history or another reason to doubt; `ask` answers the question what the ERP no longer knows. */
async function keep(
  seconds: number,
  ask: (signal: AbortSignal, among?: { settledSince?: number | undefined }) => Promise<readonly string[]>,
  { doubt = lostHistory, vanished = [] }: { doubt?: Doubt; vanished?: string[] } = {},
): Promise<{ told: string[]; failure: unknown }> {
  await using folder = await tempDirectory();
  const clock = manualClock(Date.UTC(2026, 10, 23, 5));
  await using store = openStore({ directory: folder.path, clock, log: silentLog });
  doubt(store, clock.now());
  const told: string[] = [];
  const log: Log = { ...silentLog, warn: (message, fields) => void told.push(`${fields?.code}: ${message}`), part: () => log };
  const stop = new AbortController();
  let commits = 0;
  const house = {
    ...{ store, parts: { clock, random: () => 0, log }, compiled: { mappings: [{ source: "tickets" }] } },
    writeback: { vanished: () => vanished, effectsVanished: ask },
  };
  let failure: unknown;
  const running = keepHouse(house, { signal: stop.signal, commits: () => commits++ }).catch((error: unknown) => {
    failure = error;
  });
  for (let second = 0; second < seconds; second++) {
    await turns();
    clock.advance(1_000);
  }
  await turns();
  stop.abort();
  await running;
  return { told, failure };
}

test("While a backup is loaded and tables are away, what commands did is asked for until the ERP answers, and the trouble is said once", async () => {
  let asked = 0;
  const { told, failure } = await keep(8, async () => {
    if (++asked < 4)
      throw new FuserError("config", "The ERP has no such table: AUFTRTEXT", {
        code: "erp-object-missing",
        operation: "look up a command",
      });
    return [];
  });
  expect(failure).toBeUndefined();
  expect(asked).toBe(4);
  expect(told).toEqual([expect.stringMatching(/^erp-object-missing: .*AUFTRTEXT/)]);
});

test("A bug of ours is not asked again as if the ERP were in the way", async () => {
  const { failure } = await keep(2, () => Promise.reject(new TypeError("not a function")));
  expect(failure).toBeInstanceOf(TypeError);
});

test("Once another server has taken over, what commands did is asked for one time, though its history is not known to lack anything", async () => {
  const asked: unknown[] = [];
  const doubt: Doubt = (store, now) => store.meta.set("erp.taken-over", String(now));
  await keep(30, async (_, among) => (asked.push(among) > 0 ? ["a command"] : []), { doubt, vanished: ["a command"] });
  // Of a day: what commands of before did clerks may have undone since.
  expect(asked).toEqual([{ settledSince: Date.UTC(2026, 10, 22, 5) }]);
});

test("A loss of history that is settled brings up no older failover again: clerks may have undone since what commands did", async () => {
  const asked: unknown[] = [];
  let kept: Store | undefined;
  const doubt: Doubt = (store, now) => {
    kept = store;
    store.meta.set("erp.taken-over", String(now));
    lostHistory(store, now);
  };
  await keep(
    10,
    async (_, among) => {
      asked.push(among);
      kept?.meta.set("history-lost.tickets", undefined);
      return [];
    },
    { doubt },
  );
  expect(asked).toEqual([{ settledSince: undefined }]);
});
