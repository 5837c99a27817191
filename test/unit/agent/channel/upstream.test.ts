import { expect, test } from "vitest";
import type { Begin } from "../../../../agent/channel/greeting.ts";
import type { Link } from "../../../../agent/channel/link.ts";
import { createUpstream } from "../../../../agent/channel/upstream.ts";
import { openStore } from "../../../../agent/store/open.ts";
import { silentLog } from "../../../../base/log.ts";
import { systemClock } from "../../../../base/time.ts";
import type { Refusal, Welcome } from "../../../../protocol/messages.ts";
import { channelBench, property } from "./bench.ts";

const bench = channelBench();

test("An ack costs a commit only where it refuses something, or is the first; its frames leave the outbox all the same, for good at the next commit", () => {
  let commits = 0;
  const directory = bench.folder();
  const open = () =>
    openStore({
      directory,
      clock: systemClock,
      log: silentLog,
      onCommit(moment) {
        if (moment === "after-commit") commits += 1;
      },
    });
  const store = open();
  store.renewEpoch("epoch-of-this-test");
  const told: number[] = [];
  const upstream = createUpstream({
    store,
    welcome: { windowItems: 100, windowBytes: 1_000_000, maxFrameBytes: 1_000_000 } as Welcome,
    begin: { start: { type: "start", epoch: "epoch-of-this-test", next: 1 }, checkUntil: 0 } as unknown as Begin,
    onAck: (seq) => void told.push(seq),
  });
  const link = { bufferedBytes: 0, send: () => undefined } as unknown as Link;
  const commitsOfAck = (refused: Refusal[] = []): number => {
    store.outbox.append([property("p")], { bulk: false });
    const seq = store.outbox.bounds().next - 1;
    upstream.pump(link);
    const before = commits;
    expect(upstream.acknowledge({ type: "ack", seq, refused })).toBeUndefined();
    expect(store.outbox.bounds().items).toBe(0);
    return commits - before;
  };
  expect(commitsOfAck()).toBe(1);
  expect(commitsOfAck()).toBe(0);
  expect(commitsOfAck([{ seq: 3, code: "invalid", reason: "no" }])).toBe(1);
  expect(commitsOfAck()).toBe(0);
  expect(told).toEqual([1, 3]);
  store.close();
  const again = open();
  expect(again.outbox.bounds()).toMatchObject({ items: 0, next: 5 });
  again.close();
});
