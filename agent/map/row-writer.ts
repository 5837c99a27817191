/** Rows written down as entities from the bytes of their values (docs/decisions/0025). What is not certain is declined, and `map` says what comes of it. */
import type { Read } from "../../config/config.ts";
import type { WrittenForm } from "../../connectors/connector.ts";
import type { RowWriter, WrittenEntity } from "./mapped.ts";
import { type CompiledField, type CompiledSource, idLimit, newReading } from "./row-reading.ts";

const comma = 0x2c;

/** The writer of a source's rows; undefined where rows of child queries belong to it. */
export function rowWriter(compiled: CompiledSource, forms: readonly WrittenForm[]): RowWriter | undefined {
  const { source, fields, names: allNames, cause } = compiled;
  const targets = targetsOf(source.fields);
  if (targets === undefined) return undefined;
  const longestKey = idLimit - (source.prefix === undefined ? 0 : source.prefix.length + 1);
  const flagged = source.deletes.flag !== undefined;
  const reading = newReading();

  /** Its JSON; undefined where it is declined. */
  const fieldText = ({ when, read, empty }: CompiledField): string | null | undefined => {
    const text = when === undefined || when(reading) ? read(reading) : undefined;
    if (reading.faults.length > 0 || reading.notes.length > 0 || reading.misfit) return undefined;
    if (text === undefined || (text === null && empty === "left-out")) return null;
    return text === null && empty === "fault" ? undefined : (text ?? "null");
  };

  const write: RowWriter["write"] = (rows, keyLength, into) => {
    if (keyLength < 1 || keyLength > longestKey || (flagged && rows.flag(0))) return false;
    if (cause !== undefined && cause.read(rows.value(cause.column)) !== undefined) return false;
    reading.values = forms.map((_, column) => rows.value(column));
    reading.parentCount = 0;
    reading.faults = [];
    reading.notes = [];
    reading.misfit = false;
    into.parentCount = 0;
    let names = allNames;
    let at = into.start;
    for (let index = 0; index < fields.length; index++) {
      const parentsBefore = reading.parentCount;
      const text = fieldText(fields[index] as CompiledField);
      if (text === undefined) return false;
      if (text === null) {
        names = names.without(index);
        continue;
      }
      reserve(into, at, 1 + 3 * text.length);
      if (at > into.start) into.bytes[at++] = comma;
      const start = at;
      at += into.bytes.write(text, at);
      for (let each = parentsBefore, from = start; each < reading.parentCount; each++) {
        const { source, missing, id, key } = reading.parents[each] as (typeof reading.parents)[number];
        const found = into.bytes.indexOf(id, from, "latin1");
        from = found + id.length;
        const target = targets.findIndex((one) => one.source === source && one.missing === missing);
        if (found < 0 || from > at || target < 0) return false;
        noteParent(into, target, from - key.length, from);
      }
    }
    into.names = names.names;
    into.end = at;
    return true;
  };
  return { targets, write, entity: () => newEntity(allNames.names) };
}

/** What the fields refer to; undefined where one of them reads rows of a child query. */
function targetsOf(fields: CompiledSource["source"]["fields"]): RowWriter["targets"] | undefined {
  const targets: RowWriter["targets"][number][] = [];
  const add = (read: Read): boolean => {
    if (read.kind === "list") return read.items.every((item) => add(item.read));
    if (read.kind === "object") return Object.values(read.fields).every(add);
    if (read.kind === "ref") {
      const { source, missing } = read;
      if (!targets.some((one) => one.source === source && one.missing === missing)) targets.push({ source, missing });
    }
    return read.kind !== "rows";
  };
  return Object.values(fields).every((field) => add(field.read)) ? targets : undefined;
}

function newEntity(names: WrittenEntity["names"]): WrittenEntity {
  const positions = (): Int32Array => new Int32Array(16);
  const parents = { parentCount: 0, parentTargets: positions(), parentStarts: positions(), parentEnds: positions() };
  return { bytes: Buffer.allocUnsafe(4_096), start: 0, end: 0, names, ...parents };
}

function noteParent(into: WrittenEntity, target: number, start: number, end: number): void {
  if (into.parentCount === into.parentTargets.length) {
    into.parentTargets = larger(into.parentTargets);
    into.parentStarts = larger(into.parentStarts);
    into.parentEnds = larger(into.parentEnds);
  }
  into.parentTargets[into.parentCount] = target;
  into.parentStarts[into.parentCount] = start;
  into.parentEnds[into.parentCount] = end;
  into.parentCount += 1;
}

function larger(positions: Int32Array): Int32Array {
  const grown = new Int32Array(positions.length * 2);
  grown.set(positions);
  return grown;
}

/** Makes room for so many bytes at `at`. */
function reserve(into: WrittenEntity, at: number, bytes: number): void {
  if (at + bytes <= into.bytes.length) return;
  const grown = Buffer.allocUnsafe(Math.max(into.bytes.length * 2, at + bytes));
  into.bytes.copy(grown, 0, 0, at);
  into.bytes = grown;
}
