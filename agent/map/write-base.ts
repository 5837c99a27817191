/** What the portal last saw of a column that an update changes, as the ERP holds it. */
import type { Read, Write } from "../../config/config.ts";
import type { Column, Table, Value } from "../../connectors/connector.ts";
import type { Json } from "../../protocol/model.ts";
import { ownerOf } from "./ownership.ts";
import { Unwritable } from "./reader-texts.ts";
import type { WriteFrame } from "./write-frame.ts";
import type { WriteScope } from "./write-scope.ts";
import { type CompiledWrite, compileWrite } from "./write-values.ts";

export interface BaseReader {
  /** Undefined: nothing to compare. Throws Unwritable where a value is needed and was not sent. */
  read(frame: WriteFrame): Value | undefined;
  /** For a constant: the field that it sets, and the value that this means. */
  fixed: readonly (readonly [string, unknown])[];
}

/**
 * For a column that is written from fields: the same value worked out from the base. For a constant: the base of the field that the source reads from
 * this very column.
 */
export function baseReader(
  { column, write, compiled }: { column: Column; write: Write; compiled: CompiledWrite },
  table: Table,
  scope: WriteScope,
): BaseReader {
  if (compiled.uses.length === 0) return constantBase({ column, write }, table, scope);
  const inverse = write.kind === "from" ? inverseOf(write.map, column, { field: write.field, scope }) : undefined;
  return {
    fixed: [],
    read(frame) {
      const { base } = frame.command;
      const changed = compiled.uses.filter((field) => Object.hasOwn(frame.values, field));
      const missing = changed.find((field) => base?.[field] === undefined);
      if (missing !== undefined) {
        if (ownerOf(missing, scope) !== "shared") return undefined;
        throw new Unwritable("base-missing", missing);
      }
      const before = { ...frame, values: { ...frame.values, ...(base as Record<string, Json>) } };
      if (compiled.alike !== undefined) return lookedUpBase(compiled, before, frame);
      return inverse?.(before.values[compiled.uses[0] as string]) ?? compiled.value(before);
    },
  };
}

/** Of the column's values that mean what the portal saw any one: they are alike. Does its table no longer know it, only the target itself is no conflict. */
function lookedUpBase(compiled: CompiledWrite, before: WriteFrame, frame: WriteFrame): Value {
  const codes = compiled.alike?.(before);
  if (codes === undefined) return null;
  return codes[0] ?? compiled.value(frame);
}

/** Codes that mean what the portal saw of a column, where a table of its own says so; none where it is one code. */
export function alikeByTable({ compiled }: { compiled: CompiledWrite }, frame: WriteFrame): string[][] {
  const base = frame.command.base as Record<string, Json> | undefined;
  if (compiled.alike === undefined || base === undefined || !compiled.uses.every((field) => Object.hasOwn(base, field)))
    return [];
  const codes = compiled.alike({ ...frame, values: { ...frame.values, ...base } }) ?? [];
  return codes.length > 1 ? [codes.map(String)] : [];
}

/** Codes of a column that mean the same to the portal, in groups of two and more: it can't tell them apart, so they are no conflict. */
export function codesAlike({ column, write }: { column: Column; write: Write }, table: Table, scope: WriteScope): string[][] {
  const read = fieldReadFrom(column.name, table.name, scope)?.read;
  const name = (read?.kind === "from" ? read.map : undefined) ?? (write.kind === "from" ? write.map : undefined);
  const map = name === undefined ? undefined : scope.config.maps[name];
  if (map === undefined) return [];
  const codes = Object.groupBy(Object.keys(map.read), (code) => String(map.read[code]));
  return Object.values(codes).filter((group) => group !== undefined && group.length > 1) as string[][];
}

/** Whether a column that needs no field still is what its update is about: the source reads a field from it. */
export function bearsField({ column, write }: { column: Column; write: Write }, table: Table, scope: WriteScope): boolean {
  return write.kind !== "expression" && fieldReadFrom(column.name, table.name, scope) !== undefined;
}

/** The code that is read as this value: the ERP may hold another one than we would write. */
function inverseOf(
  mapName: string | undefined,
  column: Column,
  { field, scope }: { field: string; scope: WriteScope },
): ((value: Json | undefined) => Value | undefined) | undefined {
  const read = readOf(field, scope);
  const name =
    (read?.kind === "from" && read.column.toLowerCase() === column.name.toLowerCase() ? read.map : undefined) ?? mapName;
  const map = name === undefined ? undefined : scope.config.maps[name];
  if (map === undefined) return undefined;
  return (value) => {
    const codes = Object.keys(map.read).filter((code) => map.read[code] === value);
    const written = map.write[String(value)];
    if (codes.length === 0 || (written !== undefined && codes.includes(written))) return undefined;
    const code = codes[0] as string;
    return column.type === "integer" ? Number(code) : code;
  };
}

function readOf(field: string, { source }: WriteScope): Read | undefined {
  return Object.hasOwn(source.fields, field) ? source.fields[field]?.read : undefined;
}

/** Field of the source that is read from this column alone. */
export function fieldReadFrom(column: string, table: string, { source }: WriteScope): { field: string; read: Read } | undefined {
  if (source.from.kind !== "table" || source.from.table.toLowerCase() !== table.toLowerCase()) return undefined;
  for (const [field, { read }] of Object.entries(source.fields)) {
    if ((read.kind === "from" || read.kind === "column") && read.column.toLowerCase() === column.toLowerCase())
      return { field, read };
  }
  return undefined;
}

function constantBase({ column, write }: { column: Column; write: Write }, table: Table, scope: WriteScope): BaseReader {
  const found = fieldReadFrom(column.name, table.name, scope);
  if (found === undefined) return { fixed: [], read: () => undefined };
  const { field, read } = found;
  const options =
    read.kind === "from"
      ? { map: read.map, as: read.as, lookup: read.lookup }
      : { map: undefined, as: undefined, lookup: undefined };
  const back = compileWrite(
    {
      kind: "from",
      field,
      ...options,
      max: undefined,
      overflow: undefined,
      characters: undefined,
      default: undefined,
      at: write.at,
    },
    column,
    scope,
  );
  const inverse = inverseOf(options.map, column, { field, scope });
  return {
    // What a code means by a table of the portal is not known here.
    fixed: write.kind === "constant" && options.lookup === undefined ? [[field, meaningOf(write.value, options.map, scope)]] : [],
    read(frame) {
      const value = frame.command.base?.[field];
      if (value === undefined || back === undefined) return undefined;
      if (back.alike !== undefined)
        return back.alike({ ...frame, values: { ...frame.values, [field]: value } })?.[0] ?? undefined;
      return inverse?.(value) ?? back.value({ ...frame, values: { ...frame.values, [field]: value } });
    },
  };
}

function meaningOf(code: string, map: string | undefined, { config }: WriteScope): string | undefined {
  return map === undefined ? code : config.maps[map]?.read[code];
}
