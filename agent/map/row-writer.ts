/** Rows written down as entities from the bytes of their values (docs/decisions/0025). What is not certain is declined, and `map` says what comes of it. */
import type { Read } from "../../config/config.ts";
import type { WrittenForm } from "../../connectors/connector.ts";
import type { ConditionOfBytes } from "./byte-conditions.ts";
import { byteWriter, conditionOfBytes, type WriterScope } from "./byte-writers.ts";
import type { RowWriter } from "./mapped.ts";
import { type CompiledSource, type EmptyRule, idLimit } from "./row-reading.ts";
import { declined, empty, newEntity, reserve, type WriteBytes, writeFixed } from "./written-entity.ts";

const comma = 0x2c;
const nothing = Buffer.from("null");

interface WrittenField {
  bit: number;
  when: ConditionOfBytes | undefined;
  write: WriteBytes;
  empty: EmptyRule;
}

/** The writer of a source's rows; undefined where rows of child queries belong to them, or what lookups of the portal say. */
export function rowWriter(compiled: CompiledSource, forms: readonly WrittenForm[]): RowWriter | undefined {
  const { source, names: allNames, cause } = compiled;
  const targets = targetsOf(source.fields);
  if (targets === undefined || compiled.isWhole) return undefined;
  const fields = writtenFields(compiled, { forms, targets });
  const longestKey = idLimit - (source.prefix === undefined ? 0 : source.prefix.length + 1);
  const flagged = source.deletes.flag !== undefined;

  const write: RowWriter["write"] = (rows, keyLength, into) => {
    if (keyLength < 1 || keyLength > longestKey || (flagged && rows.flag(0))) return false;
    if (cause !== undefined && rows.starts[cause.column] !== rows.ends[cause.column]) {
      if (cause.read(rows.value(cause.column)) !== undefined) return false;
    }
    into.parentCount = 0;
    let names = allNames;
    let filled = 0;
    let at = into.start;
    for (let index = 0; index < fields.length; index++) {
      const { bit, when, write: writeField, empty: rule } = fields[index] as WrittenField;
      const met = when === undefined ? 1 : when(rows);
      if (met === declined) return false;
      let start = at;
      if (at > into.start) {
        reserve(into, at, 1);
        into.bytes[start++] = comma;
      }
      const end = met === 0 ? empty : writeField(rows, into, start);
      if (end >= 0) {
        at = end;
        if (end - start !== 2 || !isOpening(into.bytes[start] as number)) filled |= bit;
      } else if (end === declined || (met === 1 && rule === "fault")) return false;
      else if (met === 1 && rule === "kept") at = writeFixed(nothing, into, start);
      else names = names.without(index);
    }
    into.names = names.names;
    into.filled = filled >>> 0;
    into.end = at;
    return true;
  };
  return { targets, write, entity: () => newEntity(allNames.names) };
}

/** Of two bytes that begin so nothing stands between. */
const isOpening = (byte: number): boolean => byte === 0x22 || byte === 0x5b || byte === 0x7b;

function writtenFields({ fields }: CompiledSource, scope: WriterScope): readonly WrittenField[] {
  return fields.map(({ bit, when, compiled, empty: rule }) => ({
    bit,
    when: when && conditionOfBytes(when, scope),
    write: byteWriter(compiled, scope),
    empty: rule,
  }));
}

/** What the fields refer to; undefined where one of them reads rows of a child query. */
function targetsOf(fields: CompiledSource["source"]["fields"]): RowWriter["targets"] | undefined {
  const targets: RowWriter["targets"][number][] = [];
  const add = (read: Read): boolean => {
    if (read.kind === "list" || read.kind === "oneOf") return read.items.every((item) => add(item.read));
    if (read.kind === "object") return Object.values(read.fields).every(add);
    if (read.kind === "ref") {
      const { source, missing } = read;
      if (!targets.some((one) => one.source === source && one.missing === missing)) targets.push({ source, missing });
    }
    return read.kind !== "rows";
  };
  return Object.values(fields).every((field) => add(field.read)) ? targets : undefined;
}
