/** References to other entities: key parts of a row become the id of an entity of another source. */
import { encodeKey, entityIdOf } from "../../base/key.ts";
import { didYouMean } from "../../base/nearest.ts";
import type { KeyPart, Place, Read } from "../../config/config.ts";
import type { Value } from "../../connectors/connector.ts";
import { typeNamed } from "../../protocol/model.ts";
import { typesWith } from "../../protocol/own-types.ts";
import { type CelType, celText, ExpressionFailure } from "./cel-values.ts";
import { codeText } from "./code-maps.ts";
import { columnsIn } from "./conditions.ts";
import { type FieldKind, kindText } from "./field-kind.ts";
import { compileLookup } from "./lookups.ts";
import type { Generations, Parent } from "./mapped.ts";
import type { ReadScope } from "./read-scope.ts";
import type { ReferenceRecipe } from "./recipes.ts";
import { type CompiledRead, idLimit, type RowReading } from "./row-reading.ts";

type PartReader = (reading: RowReading) => string | null;

/** A part of the key: what the configuration says, a column's value, or what an expression gives. */
type Part = { fixed: string } | { index: number } | { read: PartReader };

/** Compiles `{ ref: source, key: [...] }`. The reference is null as soon as a part read from the row is null or empty: there is nothing it points at. */
export function compileReference(
  read: Read & { kind: "ref" },
  kind: FieldKind,
  scope: ReadScope,
  field: string,
): CompiledRead | undefined {
  const { config, source, faults } = scope;
  const target = config.sources.find((candidate) => candidate.name === read.source);
  if (target === undefined) {
    faults.add(
      read.at,
      `There is no source ${read.source}`,
      didYouMean(
        read.source,
        config.sources.map((candidate) => candidate.name),
      ),
    );
    return undefined;
  }
  if (kind.kind !== "text") {
    faults.add(read.at, `${field} takes ${kindText(kind)}, not a reference`, "Remove the reference.");
    return undefined;
  }
  if (kind.references && !kind.references.includes(target.type)) {
    faults.add(
      read.at,
      `${field} is ${kindText(kind)}, but source ${target.name} gives ${target.type}`,
      "Name a source of that type.",
    );
  }
  if (read.key.length !== target.key.length) {
    const message = `The reference has ${read.key.length} key parts, source ${target.name} has ${target.key.length}: ${target.key.join(", ")}`;
    faults.add(read.at, message, "Give one part for each, in the same order.");
    return undefined;
  }
  const parts = read.key.map((part) => compilePart(part, scope, { at: read.at, field }));
  if (parts.includes(undefined)) return undefined;
  // As the portal: a type that is sent later can't be asked for first (protocol/references.ts).
  const types = typesWith(config.ownTypes);
  const rankOf = (name: string): number => typeNamed(types, name)?.rank ?? 0;
  const isParent = rankOf(target.type) <= rankOf(source.type);
  const { missing } = read;
  const find = parentReader(parts as Part[], (key) => {
    const id = entityIdOf(target.prefix, key);
    // An id is made of characters that JSON writes as they are.
    return { parent: { source: target.name, key, type: target.type, id, missing }, json: `"${id}"` };
  });
  const generations = (): Generations => scope.lookups.generations;
  /** Of a key that was reused: the entity that the row belongs to. */
  const ofItsTime = ({ parent }: FoundParent, { key }: RowReading): FoundParent => {
    const generation = generations().ofParent({ source: source.name, key }, parent);
    const id = entityIdOf(target.prefix, parent.key, generation);
    return { parent: { ...parent, id }, json: `"${id}"` };
  };
  const { prefix } = target;
  const readable = parts.filter((part) => part !== undefined && !("read" in part) && !("fixed" in part && part.fixed === ""));
  return {
    constant: false,
    columns: read.key.flatMap((part) => columnsOf(part, scope)),
    recipe:
      readable.length < parts.length
        ? undefined
        : {
            kind: "reference",
            prefix,
            target: { source: target.name, missing },
            isParent,
            parts: readable as ReferenceRecipe["parts"],
          },
    read(reading) {
      const found = find(reading);
      if (found === null) return null;
      const { parent, json } = generations().any(target.name) ? ofItsTime(found, reading) : found;
      if (parent.id.length > idLimit) reading.misfit = true;
      if (missing === "omit" && reading.isAbsent?.(parent)) return null;
      if (isParent) reading.parents[reading.parentCount++] = parent;
      return json;
    },
  };
}

function columnsOf(part: KeyPart, scope: ReadScope): readonly number[] {
  if (part.kind === "expression") return columnsIn(part.expression, scope);
  return part.kind === "column" || part.kind === "lookup"
    ? scope.columns.all.filter(({ name }) => name === part.column).map(({ index }) => index)
    : [];
}

interface FoundParent {
  parent: Parent;
  /** Its id as JSON. */
  json: string;
}

/** What a row refers to. Rows that stand side by side often refer to the same: the last one is kept. */
function parentReader(parts: readonly Part[], make: (key: string) => FoundParent): (reading: RowReading) => FoundParent | null {
  const texts = parts.map((part) => ("fixed" in part ? part.fixed : ""));
  // An empty text anywhere refers to nothing.
  if (parts.some((part) => "fixed" in part && part.fixed === "")) return () => null;
  const moving = parts.flatMap((part, at): MovingPart[] => {
    if ("fixed" in part) return [];
    return "index" in part ? [{ at, index: part.index, read: undefined }] : [{ at, index: -1, read: part.read }];
  });
  let last: FoundParent | undefined;
  return (reading) => {
    let same = last !== undefined;
    for (let each = 0; each < moving.length; each++) {
      const { at, index, read } = moving[each] as MovingPart;
      const text = read === undefined ? keyText(reading.values[index]) : read(reading);
      if (text === null || text === "") {
        last = undefined;
        return null;
      }
      if (text === texts[at]) continue;
      same = false;
      texts[at] = text;
    }
    if (!same || last === undefined) last = make(encodeKey(texts));
    return last;
  };
}

/** A part that differs from row to row, and where it stands in the key. */
interface MovingPart {
  at: number;
  /** Of the column; without meaning where there is a reader. */
  index: number;
  read: PartReader | undefined;
}

function keyText(value: Value | undefined): string | null {
  return typeof value === "string" ? value : value === null || value === undefined ? null : codeText(value);
}

/** What the portal's table says of a column. */
function lookupPart(
  { lookup, column }: KeyPart & { kind: "lookup" },
  { lookups }: ReadScope,
  { index, field }: { index: number; field: string },
): PartReader {
  const lookUp = compileLookup(lookup, lookups, { field, column });
  return (reading) => {
    const code = keyText(reading.values[index]);
    if (code === null || code === "") return null;
    const found = lookUp(code, reading);
    return found === undefined || found === null ? null : String(found);
  };
}

function compilePart(part: KeyPart, scope: ReadScope, { at, field }: { at: Place; field: string }): Part | undefined {
  if (part.kind === "constant") return { fixed: part.value };
  if (part.kind === "column" || part.kind === "lookup") {
    const found = scope.columns.find(part.column, part.at);
    if (found === undefined) return undefined;
    const { index, column } = found;
    if (column.type === "bytes")
      scope.faults.add(part.at, `Column ${column.name} is bytes and can't be part of a key`, "Make a text of it in SQL.");
    return part.kind === "column" ? { index } : { read: lookupPart(part, scope, { index, field }) };
  }
  const compiled = scope.expression(part.expression);
  if (compiled === undefined) return undefined;
  if (!(["text", "integer", "decimal", "date"] as CelType[]).includes(compiled.type)) {
    scope.faults.add(at, `A key part of ${field} is ${compiled.type}`, "Make a text of it with string().");
    return undefined;
  }
  const evaluated: PartReader = (reading) => {
    try {
      const value = compiled.evaluate(reading);
      return value === null ? null : celText(value);
    } catch (error) {
      if (!(error instanceof ExpressionFailure)) throw error;
      reading.faults.push({
        code: "reference-invalid",
        field,
        column: undefined,
        message: `a key part of the reference: ${error.message}`,
      });
      return null;
    }
  };
  return { read: evaluated };
}
