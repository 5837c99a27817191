/** `fields:` compiled: each Read of the configuration becomes a closure over column positions, checked against the field that it fills. */

import { didYouMean } from "../../base/nearest.ts";
import type { Place, Read } from "../../config/config.ts";
import { canonicalJson, quoted } from "../../protocol/canonical-json.ts";
import { lengthsOf } from "../../protocol/fits.ts";
import type { CelType } from "./cel-values.ts";
import { suggestion, takes } from "./code-maps.ts";
import { compileColumnRead } from "./column-reads.ts";
import { columnsIn, compileCondition } from "./conditions.ts";
import { constantFor } from "./constants.ts";
import { conversionTo, madeOfCel, madeValue } from "./conversions.ts";
import { compileDateType } from "./date-types.ts";
import { type FieldKind, kindText } from "./field-kind.ts";
import { namesIn } from "./language.ts";
import { type ObjectPart, objectReader } from "./object-reads.ts";
import type { ReadScope } from "./read-scope.ts";
import { compileReference } from "./references.ts";
import { type CompiledRead, type Condition, type EmptyRule, noteFailure, type RowReading } from "./row-reading.ts";
import { writerOf, writtenText } from "./value-text.ts";

/**
 * Compiles a read for a field of this kind; undefined after a fault. The reader gives null for whatever is empty; `emptyRule` decides what becomes of
 * a null.
 */
export function compileRead(read: Read, kind: FieldKind, scope: ReadScope, field: string): CompiledRead | undefined {
  switch (read.kind) {
    case "constant": {
      const value = constantFor(read.value, kind);
      if (value !== undefined) {
        const text = value === null ? null : canonicalJson(value);
        return { constant: true, columns: [], read: () => text, ...(text !== null && { fixed: text }) };
      }
      const shown = JSON.stringify(read.value);
      scope.faults.add(read.at, `${field} takes ${takes(kind)}, not the constant ${shown}`, suggestion(String(read.value), kind));
      return undefined;
    }
    case "column":
      return compileColumnRead({ ...plain, column: read.column, at: read.at }, kind, scope, field);
    case "from":
      return compileColumnRead(read, kind, scope, field);
    case "expression":
      return compileExpression(read, kind, scope, field);
    case "ref":
      return compileReference(read, kind, scope, field);
    case "dateTime":
      return compileDateTime(read, kind, scope, field);
    case "rows":
      return compileRows(read, kind, scope, field);
    case "list":
      return compileList(read, kind, scope, field);
    case "oneOf":
      return compileOneOf(read, kind, scope, field);
    case "object":
      return compileObject(read, kind, scope, field);
  }
}

const plain = {
  kind: "from",
  do: [],
  as: undefined,
  map: undefined,
  shiftDays: 0,
  currency: undefined,
  default: undefined,
} as const;

export function emptyRule(kind: FieldKind): EmptyRule {
  if (kind.nullable) return "kept";
  return kind.optional ? "left-out" : "fault";
}

function compileExpression(
  read: Read & { kind: "expression" },
  kind: FieldKind,
  scope: ReadScope,
  field: string,
): CompiledRead | undefined {
  const compiled = scope.expression(read.expression);
  if (compiled === undefined) return undefined;
  const made = madeOfCel(compiled.type);
  const convert = made === undefined ? "It is always null." : conversionTo(kind, made, { zone: scope.zone, currency: undefined });
  if (typeof convert === "string") {
    scope.faults.add(read.at, `${field} takes ${kindText(kind)}, but the expression gives ${compiled.type}`, convert);
    return undefined;
  }
  const { type } = compiled;
  const write = writerOf(kind);
  return {
    constant: (namesIn(read.expression.cel) ?? []).every((name) => name === "vars"),
    columns: columnsIn(read.expression, scope),
    read(reading) {
      try {
        const value = compiled.evaluate(reading);
        if (value === null || (value === "" && kind.emptyIsNull)) return null;
        const converted = convert(madeValue(value, type as CelType));
        if (converted !== undefined) return write(converted, reading);
        reading.faults.push({
          code: "value-invalid",
          field,
          column: undefined,
          message: `the expression's value is not ${kindText(kind)}`,
        });
      } catch (error) {
        noteFailure(error, reading, { field, what: "the expression" });
      }
      return null;
    },
  };
}

/** A date column and a time column merged. No date is null; a date without time is the start of its day. */
function compileDateTime(
  read: Read & { kind: "dateTime" },
  kind: FieldKind,
  scope: ReadScope,
  field: string,
): CompiledRead | undefined {
  const date = compileHalf({ column: read.date, type: read.as[0], made: "date", at: read.at }, scope);
  const time = compileHalf({ column: read.time, type: read.as[1], made: "time", at: read.at }, scope);
  const convert = conversionTo(kind, "datetime", { zone: scope.zone, currency: undefined });
  if (typeof convert === "string") scope.faults.add(read.at, `${field} takes ${kindText(kind)}, not a date with a time`, convert);
  if (date === undefined || time === undefined || typeof convert === "string") return undefined;
  const write = writerOf(kind);
  return {
    constant: false,
    columns: [date.column, time.column],
    read(reading) {
      const day = date.read(reading, field);
      if (day === null) return null;
      const converted = convert(`${day}T${time.read(reading, field) ?? "00:00:00"}`);
      return converted === undefined ? null : write(converted, reading);
    },
  };
}

interface HalfReader {
  column: number;
  read: (reading: RowReading, field: string) => string | null;
}

function compileHalf(
  half: { column: string; type: string; made: "date" | "time"; at: Place },
  scope: ReadScope,
): HalfReader | undefined {
  const { at } = half;
  const found = scope.columns.find(half.column, at);
  const type = scope.config.types[half.type];
  if (type === undefined)
    scope.faults.add(at, `There is no type ${half.type}`, didYouMean(half.type, Object.keys(scope.config.types)));
  if (found === undefined || type === undefined) return undefined;
  const compiled = compileDateType({ ...type, zone: undefined }, found.column, { at, faults: scope.faults });
  if (compiled === undefined) return undefined;
  if (type.zone !== undefined) {
    scope.faults.add(
      at,
      `Type ${type.name} has a zone`,
      "A date and a time that stand apart are in the ERP's zone: take a type without one.",
    );
    return undefined;
  }
  // The date of a moment; the time of one that stands behind a day without meaning (1754-01-01 in Dynamics NAV).
  const cut = compiled.made === "datetime" || (compiled.made === "instant" && half.made === "date");
  if (compiled.made !== half.made && !cut) {
    scope.faults.add(
      at,
      `Type ${type.name} gives a ${compiled.made}, but column ${half.column} is the ${half.made}`,
      "Take a type of that form.",
    );
    return undefined;
  }
  const { index, column } = found;
  const readHalf: HalfReader["read"] = (reading, field) => {
    const value = reading.values[index];
    if (value === null || value === undefined) return null;
    const text = compiled.read(value);
    if (text !== undefined) return text === null || !cut ? text : half.made === "date" ? text.slice(0, 10) : text.slice(11);
    if (compiled.nullInvalid) reading.notes.push({ code: "date-nulled", field });
    else
      reading.faults.push({
        code: "date-invalid",
        field,
        column: column.name,
        message: `column ${column.name} holds no valid ${half.made}`,
      });
    return null;
  };
  return { column: index, read: readHalf };
}

/** Rows of a child query: texts joined, or one item per row. No row at all is null where texts are joined, an empty list otherwise. */
function compileRows(read: Read & { kind: "rows" }, kind: FieldKind, scope: ReadScope, field: string): CompiledRead | undefined {
  const child = scope.child(read.query, read.at);
  if (child === undefined) return undefined;
  const { index } = child;
  const listed = kind.kind === "list";
  const itemRead = read.item ?? firstColumn(read, child.scope);
  if (itemRead === undefined || (listed && read.join !== undefined)) {
    scope.faults.add(read.at, `${field} takes ${kindText(kind)}`, "Say join: for a text of all rows, item: for a list.");
    return undefined;
  }
  const item = compileRead(itemRead, listed ? (kind.item as FieldKind) : lineKind(kind), child.scope, field);
  if (item === undefined) return undefined;
  const readAll = (reading: RowReading): (string | null)[] => {
    const { values } = reading;
    const found: (string | null)[] = [];
    for (const row of reading.children[index] ?? []) {
      reading.values = row;
      found.push(item.read(reading));
    }
    reading.values = values;
    return found;
  };
  if (listed) {
    const { least, most } = lengthsOf(kind.schema);
    return {
      constant: false,
      columns: [],
      read(reading) {
        const found = readAll(reading).filter((text) => text !== null);
        if (found.length < least || found.length > most) reading.misfit = true;
        return `[${found.join(",")}]`;
      },
    };
  }
  const separator = read.join ?? "";
  const write = writerOf(kind);
  return {
    constant: false,
    columns: [],
    read(reading) {
      const lines = readAll(reading);
      const text = lines.map((line) => (line === null ? "" : writtenText(line))).join(separator);
      return lines.length === 0 || (text === "" && kind.emptyIsNull) ? null : write(text, reading);
    },
  };
}

/** Without `item:` the child's rows have one column. */
function firstColumn(read: Read & { kind: "rows" }, scope: ReadScope): Read | undefined {
  const [only, ...more] = scope.columns.all;
  return only !== undefined && more.length === 0 ? { kind: "column", column: only.name, at: read.at } : undefined;
}

/** A line of a joined text may be empty and as long as the whole. */
function lineKind(kind: FieldKind): FieldKind {
  return { ...kind, emptyIsNull: false };
}

/** A list written out. An item that reads nothing but empties is left out, so that no `when:` is needed for a second name or phone. */
function compileList(read: Read & { kind: "list" }, kind: FieldKind, scope: ReadScope, field: string): CompiledRead | undefined {
  if (kind.kind !== "list") {
    scope.faults.add(read.at, `${field} takes ${kindText(kind)}, not a list`, "Write one value.");
    return undefined;
  }
  const items = compileItems(read, kind.item as FieldKind, scope, field);
  if (items === undefined) return undefined;
  const { least, most } = lengthsOf(kind.schema);
  return {
    constant: false,
    columns: columnsOfItems(items),
    recipe: { kind: "list", items, least, most },
    read(reading) {
      let found = "";
      let count = 0;
      for (let at = 0; at < items.length; at++) {
        const { when, compiled } = items[at] as Item;
        const text = when === undefined || when.test(reading) ? compiled.read(reading) : null;
        if (text === null) continue;
        found = count === 0 ? text : `${found},${text}`;
        count += 1;
      }
      if (count < least || count > most) reading.misfit = true;
      return `[${found}]`;
    },
  };
}

interface Item {
  when: Condition | undefined;
  compiled: CompiledRead;
}

/** Items with their conditions; undefined after a fault. */
function compileItems(
  read: Read & { kind: "list" | "oneOf" },
  kind: FieldKind,
  scope: ReadScope,
  field: string,
): readonly Item[] | undefined {
  const items = read.items.map(({ when: expression, read: inner }): Item | undefined => {
    const compiled = compileRead(inner, kind, scope, field);
    const when = expression && compileCondition(expression, { at: read.at, field, scope });
    return compiled === undefined || (expression && when === undefined) ? undefined : { when, compiled };
  });
  return items.every((item) => item !== undefined) ? items : undefined;
}

const columnsOfItems = (items: readonly Item[]): readonly number[] => [
  ...new Set(items.flatMap(({ when, compiled }) => [...(when?.columns ?? []), ...compiled.columns])),
];

/** The first value whose condition holds, empty or not; null where none does. It goes by values: which one it is differs from row to row. */
function compileOneOf(
  read: Read & { kind: "oneOf" },
  kind: FieldKind,
  scope: ReadScope,
  field: string,
): CompiledRead | undefined {
  const items = compileItems(read, kind, scope, field);
  return (
    items && {
      constant: false,
      columns: columnsOfItems(items),
      read(reading) {
        for (const { when, compiled } of items) if (when === undefined || when.test(reading)) return compiled.read(reading);
        return null;
      },
    }
  );
}

/** An object. It is null when all that it reads from the row is empty; constants alone don't make it something. */
function compileObject(
  read: Read & { kind: "object" },
  kind: FieldKind,
  scope: ReadScope,
  field: string,
): CompiledRead | undefined {
  const kinds = kind.kind === "record" ? undefined : kind.fields;
  if (kinds === undefined && kind.kind !== "record") {
    scope.faults.add(read.at, `${field} takes ${kindText(kind)}, not an object`, "Write one value.");
    return undefined;
  }
  const parts: ObjectPart[] = [];
  let complete = true;
  for (const name of Object.keys(read.fields).sort()) {
    const inner = kinds === undefined ? ({ ...(kind.item as FieldKind), optional: true } as FieldKind) : kinds[name];
    if (inner === undefined)
      scope.faults.add(read.at, `${field} has no field ${name}`, didYouMean(name, Object.keys(kinds ?? {})));
    const path = `${field}.${name}`;
    const compiled = inner && compileRead(read.fields[name] as Read, inner, scope, path);
    if (compiled === undefined) complete = false;
    else parts.push({ label: `${quoted(name)}:`, kind: inner as FieldKind, compiled, path });
  }
  for (const [name, inner] of Object.entries(kinds ?? {})) {
    if (inner.optional || Object.hasOwn(read.fields, name)) continue;
    scope.faults.add(read.at, `${field} lacks ${name}`, `Map ${name} as well.`);
    complete = false;
  }
  if (!complete) return undefined;
  return objectReader(parts, kind);
}
