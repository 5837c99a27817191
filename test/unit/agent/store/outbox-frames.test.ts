import fc from "fast-check";
import { expect, test } from "vitest";
import { type BuiltFrame, createFrameCutter, cutFrames } from "../../../../agent/store/outbox-frames.ts";
import type { OutboxItem, OutboxRow } from "../../../../agent/store/store.ts";
import { buildChanges, type ChangeItem, expandChanges } from "../../../../protocol/changes.ts";
import { entityText } from "../../../../protocol/entity-text.ts";
import { decodeFrame } from "../../../../protocol/frames.ts";
import { changes } from "../../../../protocol/messages.ts";

const cutter = createFrameCutter();
const id = fc.stringMatching(/^[A-Za-z0-9_.%:-]{1,20}$/);
const field = fc.constantFrom("name", "floor", "rooms", "constructor");
const common = { type: fc.constantFrom("unit", "ticket"), id, time: fc.integer({ min: 0, max: 2 ** 45 }) };
const upsert = fc.record(
  {
    ...common,
    op: fc.constant("upsert"),
    fields: fc.dictionary(field, fc.oneof(fc.jsonValue({ maxDepth: 2 }), fc.string({ unit: "binary" })), {
      noNullPrototype: true,
    }),
    cause: fc.stringMatching(/^[A-Za-z0-9_-]{8,12}$/),
    replaces: id,
    withheld: fc.uniqueArray(fc.oneof(field, fc.string({ minLength: 1, maxLength: 20 })), { minLength: 1 }),
  },
  { requiredKeys: ["type", "id", "time", "op", "fields"] },
);
const remove = fc.record({ ...common, op: fc.constant("delete"), reason: fc.constantFrom("gone", "merged") });
const items = fc.array(fc.oneof({ weight: 4, arbitrary: upsert }, { weight: 1, arbitrary: remove }), {
  minLength: 1,
  maxLength: 30,
}) as fc.Arbitrary<ChangeItem[]>;

function toOutbox(item: ChangeItem): OutboxItem {
  if (item.op === "delete") return item as OutboxItem;
  const { fields, ...rest } = item;
  return { ...rest, text: entityText(fields) } as OutboxItem;
}
const throughJson = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

test("Frames carry the items that were cut into them, each frame as small as it says and within its limit, the rest said to be too large", () => {
  fc.assert(
    fc.property(items, fc.integer({ min: 1, max: 2 ** 40 }), fc.integer({ min: 150, max: 5_000 }), (given, from, limit) => {
      const cut = cutFrames(cutter, given.map(toOutbox), { from, maxFrameBytes: limit });
      const expected = given.filter((_, index) => cut.seqs[index] !== "too-large");
      const got = cut.frames.flatMap((frame) => {
        const data = frame.text ? Buffer.from(frame.bytes).toString() : frame.bytes;
        const decoded = decodeFrame(data, { maxBytes: limit, schema: changes });
        expect(frame.jsonSize).toBeLessThanOrEqual(limit);
        expect(Buffer.byteLength(JSON.stringify(decoded))).toBe(frame.jsonSize);
        return [...expandChanges(decoded)];
      });
      expect(got).toEqual(expected.map((item, index) => ({ ...(throughJson(item) as object), seq: from + index })));
      expect(cut.next).toBe(from + expected.length);
      let number = from;
      for (const [index, item] of given.entries()) {
        const fits = Buffer.byteLength(JSON.stringify(buildChanges(number, [item]))) <= limit;
        expect(cut.seqs[index]).toBe(fits ? number++ : "too-large");
      }
    }),
    { numRuns: 300 },
  );
});

test("Rows that come as bytes among others make the very same frames", () => {
  const other = createFrameCutter();
  fc.assert(
    fc.property(items, fc.integer({ min: 150, max: 5_000 }), fc.infiniteStream(fc.boolean()), (given, limit, ways) => {
      const frames: { written: BuiltFrame[]; mapped: BuiltFrame[] } = { written: [], mapped: [] };
      cutter.begin(7, { maxFrameBytes: limit, onFrame: (frame) => frames.mapped.push(frame) });
      other.begin(7, { maxFrameBytes: limit, onFrame: (frame) => frames.written.push(frame) });
      for (const item of given.map(toOutbox)) {
        const isPlain = item.op === "upsert" && !("cause" in item || "replaces" in item || "withheld" in item);
        const added = isPlain && ways.next().value === true ? other.addRow(rowOf(item)) : other.add(item);
        expect(added).toBe(cutter.add(item));
      }
      expect(other.end()).toBe(cutter.end());
      expect(frames.written).toEqual(frames.mapped);
    }),
    { numRuns: 300 },
  );
});

function rowOf(item: Extract<OutboxItem, { op: "upsert" }>): OutboxRow {
  const { type, time, text } = item;
  const bytes = Buffer.from(`${item.id}and what stands behind it`);
  return { type, time, names: text.names, bytes, idEnd: item.id.length, values: Buffer.from(text.values) };
}
