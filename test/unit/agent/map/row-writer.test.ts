import { expect, test } from "vitest";
import type { Mapping, WrittenEntity } from "../../../../agent/map/mapped.ts";
import type { ColumnType, RowBatch, Value } from "../../../../connectors/connector.ts";
import { batchOfSent, fieldOf, sentOf } from "../../../support/packed-batch.ts";
import { column, config, constant, from, mappingOf, ref, source } from "./sample.ts";

const columns: Record<string, ColumnType> = { K: "text", OBJ: "integer", LAGE: "text", STATUS: "text" };
const properties = source("properties", "property", { key: ["OBJ"], prefix: "o", fields: { name: column("LAGE") } });
const units = source("units", "unit", {
  key: ["K"],
  fields: {
    propertyId: ref("properties", ["OBJ"]),
    name: from("LAGE", { do: ["trim"] }),
    objectType: constant("flat"),
    number: column("STATUS"),
  },
});

function batchFor(mapping: Mapping, rows: readonly Record<string, Value>[]): RowBatch {
  const names = mapping.query.columns;
  const sent = rows.map((row) => names.map((name) => sentOf(row[name] ?? null, columns[name] as ColumnType)));
  const key = mapping.query.key.map((name) => names.indexOf(name));
  return batchOfSent(sent, { fields: names.map((name) => fieldOf(columns[name] as ColumnType)), key });
}

/** What was written, in the words of `Mapped`. */
function told(into: WrittenEntity, targets: readonly { source: string; missing: string }[]): object {
  const text = (start: number, end: number): string => into.bytes.toString("utf8", start, end);
  const parents = Array.from({ length: into.parentCount }, (_, at) => ({
    ...targets[into.parentTargets[at] as number],
    key: text(into.parentStarts[at] as number, into.parentEnds[at] as number),
  }));
  return { values: text(into.start, into.end), names: into.names, parents };
}

test("A row is written as it is mapped, behind what stands in the bytes already", () => {
  const mapping = mappingOf(units, columns, { all: config([properties, units]) });
  const batch = batchFor(mapping, [
    { K: "1", OBJ: 17, LAGE: "  2. OG „links“ ", STATUS: "x" },
    { K: "2", OBJ: 4, LAGE: "EG" },
  ]);
  const writer = mapping.writerFor(batch.written?.forms ?? []);
  if (batch.written === undefined || writer === undefined) throw new Error("Nothing is written here");
  const into = writer.entity();
  into.start = into.bytes.write("before");
  for (const index of [0, 1]) {
    batch.written.open(index);
    expect(writer.write(batch.written, 1, into)).toBe(true);
    const mapped = mapping.map(batch.row(index), batch.key(index) as string);
    if (mapped.kind !== "entity") throw new Error("The row is fine");
    const parents = mapped.parents.map(({ source, missing, key }) => ({ source, missing, key }));
    expect(told(into, writer.targets)).toEqual({ ...mapped.text, parents });
    expect(into.names).toBe(mapped.text.names);
    expect(into.bytes.toString("utf8", 0, into.start)).toBe("before");
  }
});

test("A row that can't be sent as it stands is declined, and the next one is written", () => {
  const mapping = mappingOf(units, columns, { all: config([properties, units]) });
  const batch = batchFor(mapping, [
    { K: "1", OBJ: 17, LAGE: "x".repeat(5_000) },
    { K: "2", OBJ: 4, LAGE: "EG" },
  ]);
  const writer = mapping.writerFor(batch.written?.forms ?? []);
  const into = writer?.entity() as WrittenEntity;
  const written = [0, 1].map((index) => {
    batch.written?.open(index);
    return batch.written && writer?.write(batch.written, 1, into);
  });
  expect(written).toEqual([false, true]);
});
