/**
 * What the agent and the gateway spend on a row between its decoded values and the frame, stage by stage, in CPU time: `node bootstrap.mjs test/support/measure-mapping.ts`.
 * Without a database and within one process, so that it is quick and tells little differences. Each figure is measured in many short slices: the lowest tells
 * what the stage costs where nobody else is on the machine, the median what it costs now.
 */

import type { Mapped, Mapping } from "../../agent/map/mapped.ts";
import { compileMapping } from "../../agent/map/mapping.ts";
import { buildQuery } from "../../agent/map/query.ts";
import { createFrameCutter, cutFrames } from "../../agent/store/outbox-frames.ts";
import type { OutboxItem } from "../../agent/store/store.ts";
import { encodeKey } from "../../base/key.ts";
import { configuration } from "../../bench/configuration.ts";
import { mandant, periodColumns } from "../../bench/erp.ts";
import { parseConfig } from "../../config/load.ts";
import type { Column, Row, Value } from "../../connectors/connector.ts";
import { expandChanges } from "../../protocol/changes.ts";
import { createDigester } from "../../protocol/digest.ts";
import { decodeFrame } from "../../protocol/frames.ts";
import { changes } from "../../protocol/messages.ts";
import { validateItem } from "../../protocol/validate.ts";

/** About what a scan's batch holds. */
const batch = 2_000;
const slices = 300;
const frameBytes = 1024 * 1024;

function periodsMapping(): Mapping {
  const wishes = {
    connection: ["server: 127.0.0.1", "database: bench", "user: bench", "password: { secret: bench }"],
    courtesy: "{ pace: full }",
  };
  const text = configuration({ ...wishes, portalUrl: "ws://127.0.0.1:1/agent", state: "/tmp/bench", periods: true });
  const { config, faults } = parseConfig({ text, file: "/tmp/bench/erpfuser.yaml" });
  if (config === undefined) throw new Error(JSON.stringify(faults));
  const source = config.sources.find(({ name }) => name === "periods");
  if (source === undefined) throw new Error("There is no source of periods.");
  const query = buildQuery(source, config);
  const columns = query.columns.map((name): Column => {
    const type = ["FOLGE", "BEGINN", "ENDE"].includes(name) ? "integer" : "text";
    return { name, type, nullable: false, length: undefined, hasDefault: false, autoIncrement: false };
  });
  const compiled = compileMapping({ config, source, query, described: { columns, children: [], rows: undefined } });
  if ("faults" in compiled) throw new Error(JSON.stringify(compiled.faults));
  return compiled.mapping;
}

const padded = (number: number, width: number): string => String(number).padStart(width, "0");
/** Whole number in [0, below), the same in every run. */
const chance = (seed: number, below: number): number => (Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) >>> 4) % below;
const name = (seed: number): string =>
  ["Jürgen Müller", "Käthe Großmann", "Hans-Jörg Böhm", "Friederike Lindenberger"][chance(seed, 4)] as string;

/** Rows as bench/erp.ts makes them. */
function periodRows(mapping: Mapping): { row: Row; key: string }[] {
  return Array.from({ length: batch }, (_, at) => {
    const person = (purpose: number): string => padded(chance(at * 8 + purpose, 200_000) + 1, 10);
    const two = chance(at, 10) < 4;
    const values: Record<string, Value> = {
      MANDANT: mandant,
      OBJNR: padded(Math.floor(at / 500) + 1, 6),
      HAUSNR: padded((Math.floor(at / 100) % 5) + 1, 4),
      WOHNNR: padded((Math.floor(at / 10) % 10) + 1, 6),
      FOLGE: (at % 10) + 1,
      VERTRAGNR: `MV ${mandant}/${padded(Math.floor(at / 500) + 1, 6)}/${padded(chance(at, 2 ** 28), 10)}`.padEnd(60),
      ART: chance(at + 1, 10) === 0 ? "EV" : "MV",
      BEGINN: 19900101 + chance(at + 2, 30) * 10_000 + chance(at + 3, 12) * 100 + chance(at + 4, 28),
      ENDE: chance(at + 5, 2) === 0 ? 99991231 : 20200101 + chance(at + 6, 12) * 100 + chance(at + 7, 28),
      PERSNR: person(0),
      NAME1: name(at).padEnd(50),
      MITPERSNR: two ? person(1) : "",
      NAME2: two ? name(at + 1).padEnd(30) : "",
      BUERGNR: chance(at + 8, 20) === 0 ? person(2) : "",
    };
    const key = encodeKey([...periodColumns.slice(0, 5)].map((column) => String(values[column])));
    return { row: { values: mapping.query.columns.map((column) => values[column] as Value), flags: [], children: [] }, key };
  });
}

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

const mapping = periodsMapping();
const rows = periodRows(mapping);
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
measure("gateway: items checked against the model", () => received.forEach(validateItem));
measure("gateway: digests", () => {
  for (const item of received) if (item.op === "upsert") digester.entity(item.fields);
});
const sum = (of: (frame: (typeof frames)[number]) => number): number => frames.reduce((total, frame) => total + of(frame), 0);
process.stdout.write(`JSON ${(sum(({ jsonSize }) => jsonSize) / batch).toFixed(1)} bytes a row, `);
process.stdout.write(`on the wire ${(sum(({ bytes }) => bytes.length) / batch).toFixed(1)}\n`);
