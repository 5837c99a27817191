/** The references that an entity holds, read off the model once per type. */
import { type Fields, type Json, type ModelType, model, type Reference, referencesOf, type Types, typeNamed } from "./model.ts";

export interface HeldReference {
  id: string;
  /** The types that it may point at. */
  types: readonly string[];
}

interface Compiled {
  all: readonly Reference[];
  parents: readonly Reference[];
}

/** By type; what its references point at has the same rank in every set of types that it stands in. */
const cache = new WeakMap<ModelType, Compiled>();

const nothing: Compiled = { all: [], parents: [] };

function compiled(name: string, types: Types): Compiled {
  const type = typeNamed(types, name);
  if (type === undefined) return nothing;
  let found = cache.get(type);
  if (found === undefined) {
    const all = referencesOf(type);
    // A type of a higher rank is sent later, so it can't be asked for first (property.ownerIds).
    const before = (target: string): boolean => (typeNamed(types, target)?.rank ?? Number.POSITIVE_INFINITY) <= type.rank;
    found = { all, parents: all.filter((reference) => reference.types.every(before)) };
    cache.set(type, found);
  }
  return found;
}

/** Every reference in `fields`. */
export function heldReferences(type: string, fields: Fields, types: Types = model): HeldReference[] {
  return collect(compiled(type, types).all, fields);
}

/** Where a type's fields may name parents: references to types of the same or a lower rank. */
export function parentPaths(type: string, types: Types = model): readonly Reference[] {
  return compiled(type, types).parents;
}

/** The references that must be known before this entity: those to types of the same or a lower rank. */
export function parentReferences(type: string, fields: Fields, types: Types = model): HeldReference[] {
  return collect(compiled(type, types).parents, fields);
}

function collect(references: readonly Reference[], fields: Fields): HeldReference[] {
  const found: HeldReference[] = [];
  const walk = (value: Json | undefined, reference: Reference, depth: number): void => {
    if (value === undefined || value === null) return;
    if (Array.isArray(value)) for (const item of value) walk(item, reference, depth);
    else if (depth === reference.path.length) found.push({ id: value as string, types: reference.types });
    else walk((value as { [key: string]: Json })[reference.path[depth] as string], reference, depth + 1);
  };
  for (const reference of references) walk(fields, reference, 0);
  return found;
}
