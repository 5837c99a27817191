/** One value of a command compiled: constants and types are checked against the column at load, the rest when the command comes. */

import { didYouMean } from "../../base/nearest.ts";
import type { Expression, Place, Write } from "../../config/config.ts";
import type { Column, Value } from "../../connectors/connector.ts";
import type { Json } from "../../protocol/model.ts";
import { instantMs, openZone, shiftDate, type Zone } from "./calendar.ts";
import { type CelType, type CelValue, ExpressionFailure } from "./cel-values.ts";
import { fitCharacters } from "./code-pages.ts";
import { characters, columnTakes, columnValue } from "./column-values.ts";
import { compileDatePattern } from "./date-pattern.ts";
import type { FieldKind } from "./field-kind.ts";
import { keyFieldsIn, namesIn } from "./language.ts";
import { Unwritable } from "./reader-texts.ts";
import { celOfField, celTypeOfField, commandFields, type WriteFrame } from "./write-frame.ts";
import { compileBackwards, onlyCode } from "./write-lookups.ts";
import type { WriteScope } from "./write-scope.ts";

export interface CompiledWrite {
  /** Fields of the command that it needs. */
  uses: readonly string[];
  /** True: it reads a step's result, so that it is known only within the transaction. */
  late: boolean;
  /** Throws Unwritable, and nothing else. */
  value(frame: WriteFrame): Value;
  /**
   * Where a table of the portal is read backwards: all values of the column that mean what the frame's field says; none where the table has none, undefined for
   * null. Throws Unwritable.
   */
  alike?(frame: WriteFrame): readonly Value[] | undefined;
}

/** A result's key and number have no column to fit into, where their source is a query. */
export const anyText: Column = {
  name: "",
  type: "text",
  nullable: true,
  length: undefined,
  hasDefault: false,
  autoIncrement: false,
};

/** Compiles a value for a column; undefined after a fault. */
export function compileWrite(write: Write, column: Column, scope: WriteScope): CompiledWrite | undefined {
  if (!columnTakes(column, "text")) {
    scope.faults.add(placeOf(write), `Column ${column.name} is bytes and can't be written`, "Leave it out.");
    return undefined;
  }
  switch (write.kind) {
    case "null":
      return { uses: [], late: false, value: () => null };
    case "constant": {
      const fitted = fixedValue(write.value, column, { at: write.at, scope });
      return fitted && { uses: [], late: false, value: () => fitted.value };
    }
    case "expression":
      return compileComputed(write.expression, column, scope);
    case "from":
      return compileFrom(write, column, scope);
  }
}

export function placeOf(write: Write): Place {
  return write.at;
}

/** A constant of the configuration as the column takes it, or a fault. */
function fixedValue(text: string, column: Column, { at, scope }: { at: Place; scope: WriteScope }): { value: Value } | undefined {
  const fitted = columnValue(column, text, scope.zone);
  if ("value" in fitted) return fitted;
  const why = fitted.code === "text-too-long" ? `holds ${column.length} characters` : `is ${column.type}`;
  scope.faults.add(
    at,
    `The constant ${JSON.stringify(text)} does not fit column ${column.name}, which ${why}`,
    "Correct the constant.",
  );
  return undefined;
}

/** Fields and results that an expression names. */
export function usesOf(expression: Expression, scope: WriteScope): { uses: string[]; late: boolean } {
  const names = namesIn(expression.cel) ?? [];
  const fields = commandFields(scope);
  const isField = (name: string): boolean => Object.hasOwn(fields, name);
  return { uses: names.filter(isField), late: names.some((name) => scope.results.has(name)) };
}

function compileComputed(expression: Expression, column: Column, scope: WriteScope): CompiledWrite | undefined {
  const compiled = scope.expression(expression);
  if (compiled === undefined) return undefined;
  if (!columnTakes(column, compiled.type)) {
    const remedy =
      compiled.type === "instant" ? "Say how it is written: format(now, 'yyyyMMdd')." : "Bring it to the column's type.";
    scope.faults.add(expression.at, `The expression gives ${compiled.type}, but column ${column.name} is ${column.type}`, remedy);
    return undefined;
  }
  const { uses, late } = usesOf(expression, scope);
  const blamed = uses[0] ?? keyFieldsIn(expression.cel)[0];
  return { uses, late, value: (frame) => fitted(column, evaluated(compiled, frame, blamed), { scope, field: blamed }) };
}

/** An expression's value; a failure is the fault of the field that it reads. */
export function evaluated(
  compiled: { evaluate(frame: WriteFrame): CelValue },
  frame: WriteFrame,
  field: string | undefined,
): CelValue {
  try {
    return compiled.evaluate(frame);
  } catch (error) {
    if (!(error instanceof ExpressionFailure)) throw error;
    if (error.cause instanceof Unwritable) throw error.cause;
    throw unfit(field, error);
  }
}

function unfit(field: string | undefined, cause: ExpressionFailure): Unwritable {
  return new Unwritable("value-unfit", field, { cause });
}

function fitted(column: Column, value: CelValue, { scope, field }: { scope: WriteScope; field: string | undefined }): Value {
  const result = columnValue(column, value, scope.zone);
  if ("value" in result) return result.value;
  throw new Unwritable(result.code, field);
}

type FromWrite = Write & { kind: "from" };

/** `{ from: field, map, as, max, overflow, default }`. */
function compileFrom(write: FromWrite, column: Column, scope: WriteScope): CompiledWrite | undefined {
  const kind = commandFields(scope)[write.field];
  if (kind === undefined) {
    scope.faults.add(
      write.at,
      `${scope.type} has no field ${write.field}`,
      didYouMean(write.field, Object.keys(commandFields(scope))),
    );
    return undefined;
  }
  const type = celTypeOfField(kind);
  if (type === undefined || type === "texts") {
    scope.faults.add(write.at, `${write.field} is no single value`, "Write one of its parts with an expression.");
    return undefined;
  }
  if (write.lookup !== undefined) return lookedUp(write, column, { kind, scope });
  const convert =
    write.map === undefined
      ? write.as === undefined
        ? plainConversion(write, column, { type, scope })
        : dated(write, column, { type, scope })
      : coded(write, column, scope);
  const otherwise = write.default === undefined ? undefined : fixedValue(write.default, column, { at: write.at, scope });
  if (convert === undefined || (write.default !== undefined && otherwise === undefined)) return undefined;
  const { field } = write;
  return {
    uses: write.overflow === undefined ? [field] : [field, write.overflow],
    late: false,
    value(frame) {
      const value = frame.values[field];
      if ((value === undefined || value === null) && otherwise !== undefined) return otherwise.value;
      return convert(value ?? null);
    },
  };
}

/** By a table of the portal, backwards. */
function lookedUp(
  write: FromWrite,
  column: Column,
  { kind, scope }: { kind: FieldKind; scope: WriteScope },
): CompiledWrite | undefined {
  const { field } = write;
  const codesOf = compileBackwards(write, kind, scope);
  const otherwise = write.default === undefined ? undefined : fixedValue(write.default, column, { at: write.at, scope });
  if (codesOf === undefined || (write.default !== undefined && otherwise === undefined)) return undefined;
  const codeIn = (code: string): Value => fitted(column, code, { scope, field });
  return {
    uses: [field],
    late: false,
    value(frame) {
      const code = onlyCode(codesOf(frame.values[field] ?? null), field);
      return code === null ? (otherwise?.value ?? null) : codeIn(code);
    },
    alike: (frame) => codesOf(frame.values[field] ?? null)?.map(codeIn),
  };
}

type Conversion = (value: Json) => Value;

/** Texts longer than `max` were cut at the plan's start, their rest is in the overflow field by now. */
function plainConversion(
  write: FromWrite,
  column: Column,
  { type, scope }: { type: CelType; scope: WriteScope },
): Conversion | undefined {
  const { field, max, at } = write;
  if (max !== undefined && column.length !== undefined && max > column.length) {
    scope.faults.add(
      at,
      `max is ${max}, but column ${column.name} holds ${column.length} characters`,
      `Say max: ${column.length}.`,
    );
    return undefined;
  }
  if (!columnTakes(column, type)) {
    scope.faults.add(
      at,
      `${field} is ${type}, but column ${column.name} is ${column.type}`,
      "Say how it is written: with as:, map: or an expression.",
    );
    return undefined;
  }
  const adapted = write.characters && fitCharacters(write.characters);
  return (value) => {
    const plain = celOfField(value, type);
    const known = adapted && typeof plain === "string" ? adapted(plain, field) : plain;
    if (max !== undefined && typeof known === "string" && characters(known) > max) throw new Unwritable("text-too-long", field);
    return fitted(column, known, { scope, field });
  };
}

/** By the map's `write` side. */
function coded(write: FromWrite, column: Column, scope: WriteScope): Conversion | undefined {
  const name = write.map as string;
  const map = Object.hasOwn(scope.config.maps, name) ? scope.config.maps[name] : undefined;
  if (map === undefined) {
    scope.faults.add(write.at, `There is no map ${name}`, didYouMean(name, Object.keys(scope.config.maps)));
    return undefined;
  }
  const codes = new Map<string, Value>();
  for (const [meaning, code] of Object.entries(map.write)) {
    const value = fixedValue(code, column, { at: map.at, scope });
    if (value !== undefined) codes.set(meaning, value.value);
  }
  return (value) => {
    if (value === null) return null;
    const code = codes.get(String(value));
    if (code === undefined) throw new Unwritable("value-unknown", write.field);
    return code;
  };
}

/** By a type's pattern; null is written as the type's first empty value, so that it is read back as null. */
function dated(write: FromWrite, column: Column, { type, scope }: { type: CelType; scope: WriteScope }): Conversion | undefined {
  const name = write.as as string;
  const dateType = Object.hasOwn(scope.config.types, name) ? scope.config.types[name] : undefined;
  if (dateType === undefined) {
    scope.faults.add(write.at, `There is no type ${name}`, didYouMean(name, Object.keys(scope.config.types)));
    return undefined;
  }
  if (type !== "date" && type !== "instant") {
    scope.faults.add(write.at, `${write.field} is ${type}, but as: writes dates`, "Leave as: out.");
    return undefined;
  }
  const sentinel = dateType.empty[0] ?? dateType.openEnd[0];
  const none = sentinel === undefined ? { value: null } : fixedValue(sentinel, column, { at: dateType.at, scope });
  const pattern = dateType.form.kind === "native" ? undefined : compileDatePattern(dateType.form.pattern);
  if (none === undefined || typeof pattern === "string") return undefined;
  const within = dateType.zone === undefined ? scope : { ...scope, zone: openZone(dateType.zone) };
  const knownOf = (value: string): string | number => {
    if (type === "instant") return instantMs(value) as number;
    // In a zone of the type's own a day is the moment in which it begins at the ERP.
    return dateType.zone === undefined ? value : scope.zone.toInstant(`${value}T00:00:00`);
  };
  const shiftedBack = backFromShift(write.field, column, { scope, zone: within.zone });
  return (value) => {
    if (value === null) return none.value;
    const known = shiftedBack(knownOf(value as string));
    if (pattern === undefined) return fitted(column, known, { scope: within, field: write.field });
    const local = typeof known === "number" ? within.zone.toLocal(known) : `${known}T00:00:00`;
    return fitted(column, pattern.format(local), { scope: within, field: write.field });
  };
}

/** Where the source reads this very column with a `shift`, as of an end that is exclusive: the days are taken back, so that what is written is read as the same. */
function backFromShift(
  field: string,
  column: Column,
  { scope, zone }: { scope: WriteScope; zone: Zone },
): <T extends string | number>(moment: T) => T | string | number {
  const { fields } = scope.source;
  const read = Object.hasOwn(fields, field) ? fields[field]?.read : undefined;
  const isSame = read?.kind === "from" && read.column.toLowerCase() === column.name.toLowerCase();
  const days = isSame ? -read.shiftDays : 0;
  if (days === 0) return (moment) => moment;
  const shifted = (local: string): string => {
    const date = shiftDate(local.slice(0, 10), days);
    if (date === undefined) throw new Unwritable("value-unfit", field);
    return date + local.slice(10);
  };
  return (moment) => (typeof moment === "string" ? shifted(moment) : zone.toInstant(shifted(zone.toLocal(moment))));
}
