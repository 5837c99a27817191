import fc from "fast-check";
import { expect, test } from "vitest";
import { openStoreForReading } from "../../../../agent/store/open.ts";
import type { OutboxFrame, OutboxItem, OutboxStore } from "../../../../agent/store/store.ts";
import { systemClock } from "../../../../base/time.ts";
import { expandChanges } from "../../../../protocol/changes.ts";
import { entityText } from "../../../../protocol/entity-text.ts";
import { decodeFrame } from "../../../../protocol/frames.ts";
import { agentMessage, changes } from "../../../../protocol/messages.ts";
import { storeBench } from "./bench.ts";

const { folder, open } = storeBench();
const unit = (id: string, name = "A"): OutboxItem => ({
  op: "upsert",
  type: "unit",
  id,
  time: 1,
  text: entityText({ name, objectType: "flat" }),
});

function itemsOf(frame: OutboxFrame, maxBytes = 64_000_000) {
  const data = frame.text ? Buffer.from(frame.bytes).toString() : frame.bytes;
  decodeFrame(data, { maxBytes, schema: agentMessage });
  return [...expandChanges(decodeFrame(data, { maxBytes, schema: changes }))];
}
function drain(outbox: OutboxStore, maxBytes?: number) {
  const items = [];
  for (let frame = outbox.frameFrom(1); frame; frame = outbox.frameFrom(frame.last + 1)) items.push(...itemsOf(frame, maxBytes));
  return items;
}

test("What goes in comes out in the same order under numbers without gaps, in frames that the protocol accepts and that keep their limit", () => {
  const store = open();
  const text = fc.string({ minLength: 1, maxLength: 3_000 });
  fc.assert(
    fc.property(fc.array(fc.array(text, { minLength: 1, maxLength: 20 }), { minLength: 1, maxLength: 5 }), (batches) => {
      store.renewEpoch("epoch-0001");
      store.outbox.setMaxFrameBytes(4_000);
      const accepted: string[] = [];
      for (const [batch, names] of batches.entries()) {
        const seqs = store.outbox.append(
          names.map((name, no) => unit(`${batch}-${no}`, name)),
          { bulk: true },
        );
        for (const [index, seq] of seqs.entries()) {
          if (seq === "too-large") continue;
          expect(seq).toBe(accepted.length + 1);
          accepted.push(names[index] as string);
        }
      }
      const items = drain(store.outbox, 4_000);
      expect(items.map((item) => item.seq)).toEqual(accepted.map((_, index) => index + 1));
      expect(items.map((item) => item.op === "upsert" && item.fields.name)).toEqual(accepted);
    }),
    { numRuns: 25 },
  );
});

test("Bulk frames hold at most 1,000 items", () => {
  const { outbox } = open();
  outbox.append(
    Array.from({ length: 2_500 }, (_, no) => unit(`u${no}`)),
    { bulk: true },
  );
  expect(outbox.frameFrom(1)).toMatchObject({ first: 1, last: 1_000 });
  expect(outbox.frameFrom(1_500)).toMatchObject({ first: 1_001, last: 2_000 });
  expect(outbox.frameFrom(2_501)).toBeUndefined();
});

test("An item that fits no frame takes no number, and the others go", () => {
  const { outbox } = open();
  outbox.setMaxFrameBytes(2_000);
  expect(outbox.append([unit("a"), unit("b", "x".repeat(5_000)), unit("c")], { bulk: false })).toEqual([1, "too-large", 2]);
  expect(drain(outbox).map(({ id }) => id)).toEqual(["a", "c"]);
});

test("Frames made before the portal named a smaller limit are cut anew under the same numbers", () => {
  const { outbox } = open();
  outbox.append(
    Array.from({ length: 200 }, (_, no) => unit(`u${no}`, "x".repeat(100))),
    { bulk: true },
  );
  const before = drain(outbox);
  expect(outbox.frameFrom(1)?.last).toBe(200);
  outbox.setMaxFrameBytes(2_000);
  expect(outbox.frameFrom(1)?.last).toBeLessThan(30);
  expect(drain(outbox, 2_000)).toEqual(before);
});

test("An ack drops whole frames, and what was acked is not sent again even before the next commit", () => {
  const directory = folder();
  const store = open(directory);
  const { outbox } = store;
  for (const id of ["a", "b", "c"]) outbox.append([unit(id)], { bulk: false });
  outbox.ack(2);
  expect(outbox.bounds()).toMatchObject({ first: 3, next: 4, items: 1 });
  expect(outbox.frameFrom(1)?.first).toBe(3);
  store.close();
  const again = open(directory).outbox;
  expect(again.bounds()).toMatchObject({ first: 3, next: 4, items: 1 });
  again.ack(3);
  expect(again.bounds()).toEqual({ first: 4, next: 4, items: 0, bytes: 0 });
  expect(again.append([unit("d")], { bulk: false })).toEqual([4]);
});

test("A flush makes an ack durable that no commit took along, and costs none where there is nothing to do", () => {
  const directory = folder();
  let commits = 0;
  const store = open(directory, {
    onCommit(moment) {
      if (moment === "after-commit") commits += 1;
    },
  });
  store.outbox.append([unit("a")], { bulk: false });
  store.outbox.ack(1);
  using reader = openStoreForReading(directory, systemClock);
  expect(reader.outbox.bounds().items).toBe(1);
  store.outbox.flush();
  expect(reader.outbox.bounds().items).toBe(0);
  const before = commits;
  store.outbox.flush();
  expect(commits).toBe(before);
});

test("An ack outlives a later transaction that fails", () => {
  const { outbox, transaction } = open();
  outbox.append([unit("a"), unit("b")], { bulk: false });
  outbox.append([unit("c")], { bulk: false });
  outbox.ack(2);
  const failing = (): void =>
    transaction(() => {
      outbox.append([unit("d")], { bulk: false });
      throw new Error("no");
    });
  expect(failing).toThrow("no");
  expect(outbox.bounds()).toMatchObject({ first: 3, next: 4, items: 1 });
});

test("It says what an item was, and under which number an entity's newest state waits", () => {
  const { outbox } = open();
  outbox.append([unit("a"), unit("b")], { bulk: true });
  outbox.append([{ op: "delete", type: "unit", id: "a", time: 2, reason: "gone" }], { bulk: false });
  expect(outbox.itemAt(2)).toEqual({ op: "upsert", type: "unit", id: "b" });
  expect(outbox.itemAt(9)).toBeUndefined();
  expect([outbox.seqOf("unit", "a"), outbox.seqOf("unit", "b"), outbox.seqOf("unit", "c")]).toEqual([3, 2, undefined]);
  outbox.ack(3);
  expect(outbox.seqOf("unit", "a")).toBeUndefined();
});

test("An ack whose commit fails never was: the refused item is still there to be named when the portal repeats it", () => {
  let full = false;
  const store = open(undefined, {
    onCommit(moment) {
      if (full && moment === "before-commit") throw new Error("disk full");
    },
  });
  store.outbox.append([unit("A"), unit("B")], { bulk: false });
  full = true;
  expect(() => store.transaction(() => store.outbox.ack(2))).toThrow("disk full");
  full = false;
  store.outbox.append([unit("C")], { bulk: false });
  expect(store.outbox.itemAt(2)?.id).toBe("B");
  expect(store.outbox.bounds()).toMatchObject({ first: 1, items: 3 });
});

test("It is full at 64 MB, bulk work at 8 MB ahead, and an ack makes room again", () => {
  const store = open();
  const { outbox } = store;
  outbox.setMaxFrameBytes(16_000_000);
  // Digits of a generator of Park and Miller: text that does not compress well.
  let seed = 1;
  const noise = (): string => {
    const values = Uint32Array.from({ length: 350_000 }, () => {
      seed = (seed * 48_271) % 2_147_483_647;
      return seed;
    });
    return Buffer.from(values.buffer).toString("base64");
  };
  const big = (): OutboxItem => ({ op: "upsert", type: "unit", id: "a", time: 1, text: entityText({ name: noise() }) });
  while (outbox.hasRoom(true)) outbox.append([big()], { bulk: true });
  expect(outbox.bounds().bytes).toBeGreaterThan(8 * 1024 * 1024);
  expect(outbox.bounds().bytes).toBeLessThan(12 * 1024 * 1024);
  expect(outbox.hasRoom(false)).toBe(true);
  for (let frame = 0; frame < 60 && outbox.hasRoom(false); frame++) outbox.append([big()], { bulk: false });
  expect(outbox.hasRoom(false)).toBe(false);
  outbox.ack(outbox.bounds().next - 1);
  expect([outbox.hasRoom(true), outbox.hasRoom(false)]).toEqual([true, true]);
});

test("Listeners hear of what was appended after its commit, when it can be read", () => {
  const store = open();
  const heard: (number | undefined)[] = [];
  store.outbox.onAppend(() => heard.push(store.outbox.frameFrom(1)?.last));
  store.transaction(() => {
    store.outbox.append([unit("a")], { bulk: false });
    expect(heard).toEqual([]);
  });
  expect(heard).toEqual([1]);
});
