/** Objects of a row, written down part by part. */
import { fitsOf } from "../../protocol/fits.ts";
import type { FieldKind } from "./field-kind.ts";
import type { CompiledRead, RowReading } from "./row-reading.ts";

export interface ObjectPart {
  /** Its name as JSON, with the colon. */
  label: string;
  kind: FieldKind;
  compiled: CompiledRead;
  /** Names from the field down, for faults. */
  path: string;
}

/** Reads an object of these parts, in the order of their names. It is null when all that it reads from the row is empty; constants alone don't make it something. */
export function objectReader(parts: readonly ObjectPart[], kind: FieldKind): CompiledRead {
  const isRecord = kind.kind === "record";
  const constant = parts.every((part) => part.compiled.constant);
  const columns = [...new Set(parts.flatMap((part) => part.compiled.columns))];
  // Constants alone need no recipe, and what a record's keys may be the reader asks the schema.
  const recipe = constant || isRecord ? undefined : ({ kind: "object", parts } as const);
  const template = isRecord || constant ? undefined : templateOf(parts);
  if (template !== undefined) return { constant, columns, recipe, read: (reading) => fill(template, reading) };
  return {
    constant,
    columns,
    recipe,
    read: isRecord ? recordReader(parts, { constant, kind }) : (reading) => readParts(parts, constant, reading),
  };
}

/** What a record's keys may be is for its schema alone to say. */
function recordReader(
  parts: readonly ObjectPart[],
  { constant, kind }: { constant: boolean; kind: FieldKind },
): CompiledRead["read"] {
  const fits = fitsOf(kind.schema);
  return (reading) => {
    const text = readParts(parts, constant, reading);
    if (text !== null && !fits(JSON.parse(text))) reading.misfit = true;
    return text;
  };
}

/** An object whose parts are always there: what is fixed of it is written once. */
interface Template {
  head: string;
  /** Parts that are read, each with the fixed text behind it. */
  slots: readonly { part: ObjectPart; tail: string }[];
}

/** Undefined where a part may be left out. */
function templateOf(parts: readonly ObjectPart[]): Template | undefined {
  let head = "{";
  const slots: { part: ObjectPart; tail: string }[] = [];
  for (const [index, part] of parts.entries()) {
    const { fixed } = part.compiled;
    if (fixed === undefined && part.kind.optional && !part.kind.nullable) return undefined;
    const text = `${index === 0 ? "" : ","}${part.label}${fixed ?? ""}`;
    const before = slots.at(-1);
    if (before === undefined) head += text;
    else before.tail += text;
    if (fixed === undefined) slots.push({ part, tail: "" });
  }
  const last = slots.at(-1);
  if (last === undefined) return undefined;
  last.tail += "}";
  return { head, slots };
}

function fill({ head, slots }: Template, reading: RowReading): string | null {
  let out = head;
  let something = false;
  let missing: string | undefined;
  for (const { part, tail } of slots) {
    const text = part.compiled.read(reading);
    if (text !== null) something ||= !part.compiled.constant;
    else if (!part.kind.nullable) missing ??= part.path;
    out += (text ?? "null") + tail;
  }
  if (!something) return null;
  if (missing !== undefined) noteMissing(missing, reading);
  return out;
}

function readParts(parts: readonly ObjectPart[], constant: boolean, reading: RowReading): string | null {
  let out = "";
  let something = constant;
  let missing: string | undefined;
  for (const { label, kind, compiled, path } of parts) {
    const text = compiled.read(reading);
    if (text === null) {
      if (kind.nullable) out += `${out === "" ? "" : ","}${label}null`;
      else if (!kind.optional) missing ??= path;
    } else {
      out += `${out === "" ? "" : ","}${label}${text}`;
      something ||= !compiled.constant;
    }
  }
  if (!something) return null;
  if (missing !== undefined) noteMissing(missing, reading);
  return `{${out}}`;
}

function noteMissing(field: string, { faults }: RowReading): void {
  faults.push({ code: "value-invalid", field, column: undefined, message: `${field} is empty, but the portal needs it` });
}
