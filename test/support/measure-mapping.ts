/**
 * What the agent and the gateway spend on a row between its decoded values and the frame, stage by stage, in CPU time: `node bootstrap.mjs test/support/measure-mapping.ts`.
 * Without a database and within one process, so that it is quick and tells little differences. Each figure is measured in many short slices: the lowest tells
 * what the stage costs where nobody else is on the machine, the median what it costs now.
 */

import type { Mapped, Mapping } from "../../agent/map/mapped.ts";
import { createFrameCutter, cutFrames } from "../../agent/store/outbox-frames.ts";
import type { OutboxItem } from "../../agent/store/store.ts";
import { expandChanges } from "../../protocol/changes.ts";
import { createDigester } from "../../protocol/digest.ts";
import { decodeFrame } from "../../protocol/frames.ts";
import { changes } from "../../protocol/messages.ts";
import { validateItem } from "../../protocol/validate.ts";
import { batchFor, benchMappings, benchType, periodRow } from "./period-rows.ts";

/** About what a scan's batch holds. */
const batch = 2_000;
const slices = 300;
const frameBytes = 1024 * 1024;

/** CPU microseconds a row. */
function measure(stage: string, work: () => void): void {
  for (let slice = 0; slice < slices / 3; slice++) work();
  const spent = Array.from({ length: slices }, () => {
    const before = process.cpuUsage();
    work();
    const { user, system } = process.cpuUsage(before);
    return (user + system) / batch;
  }).sort((one, other) => one - other);
  const [lowest = 0, median = 0] = [spent[0], spent[slices >> 1]];
  process.stdout.write(`${stage.padEnd(44)} ${lowest.toFixed(2).padStart(6)} ${median.toFixed(2).padStart(6)}\n`);
}

const mapping = benchMappings().find(({ source }) => source === "periods") as Mapping;
const scanned = batchFor(
  mapping,
  Array.from({ length: batch }, (_, at) => periodRow(at)),
  benchType,
);
const rows = Array.from({ length: batch }, (_, at) => ({ row: scanned.row(at), key: scanned.key(at) as string }));
const { written } = scanned;
const writer = mapping.writerFor(written?.forms ?? []);
if (written === undefined || writer === undefined) throw new Error("The periods are not written from bytes.");
const entity = writer.entity();
const keyRoom = Buffer.alloc(1_024);
const digester = await createDigester();
const cutter = createFrameCutter();
const cut = { from: 1, maxFrameBytes: frameBytes };

const mapRow = ({ row, key }: (typeof rows)[number]): Mapped & { kind: "entity" } => {
  const mapped = mapping.map(row, key);
  if (mapped.kind !== "entity") throw new Error(JSON.stringify(mapped));
  return mapped;
};
const toItem = ({ id, text }: Mapped & { kind: "entity" }): OutboxItem => ({
  op: "upsert",
  type: mapping.type,
  id,
  time: 1,
  text,
});
const digestOf = (mapped: Mapped & { kind: "entity" }): Mapped & { kind: "entity" } => {
  digester.text(mapped.text);
  return mapped;
};
const items = rows.map(mapRow).map(toItem);
const { frames } = cutFrames(cutter, items, cut);
const decoded = frames.map(({ bytes }) => decodeFrame(bytes, { maxBytes: frameBytes, schema: changes }));
const received = decoded.flatMap((frame) => [...expandChanges(frame)]);

process.stdout.write(`CPU microseconds a row                       lowest median\n`);
measure("agent: row's bytes to key and values", () => {
  for (let at = 0; at < batch; at++) {
    written.open(at);
    if (!writer.write(written, written.writeKey(keyRoom, 0), entity)) throw new Error("A row was declined.");
  }
});
measure("agent: the same with decoding and mapping", () => {
  for (let at = 0; at < batch; at++) mapping.map(scanned.row(at), scanned.key(at) as string);
});
measure("agent: row to checked text", () => rows.forEach(mapRow));
measure("agent: the same with the entity's digest", () => {
  for (const row of rows) digestOf(mapRow(row));
});
measure("agent: texts to compressed frames", () => void cutFrames(cutter, items, cut));
measure("agent: all of it, a batch at a time", () => {
  cutFrames(
    cutter,
    rows.map((row) => toItem(digestOf(mapRow(row)))),
    cut,
  );
});
measure("gateway: frame to rows, checked", () => {
  for (const { bytes } of frames) decodeFrame(bytes, { maxBytes: frameBytes, schema: changes });
});
measure("gateway: rows to items", () => {
  for (const frame of decoded) for (const _ of expandChanges(frame));
});
measure("gateway: items checked against the model", () => {
  for (const item of received) validateItem(item);
});
measure("gateway: digests", () => {
  for (const item of received) if (item.op === "upsert") digester.entity(item.fields);
});
const sum = (of: (frame: (typeof frames)[number]) => number): number => frames.reduce((total, frame) => total + of(frame), 0);
process.stdout.write(`JSON ${(sum(({ jsonSize }) => jsonSize) / batch).toFixed(1)} bytes a row, `);
process.stdout.write(`on the wire ${(sum(({ bytes }) => bytes.length) / batch).toFixed(1)}\n`);
