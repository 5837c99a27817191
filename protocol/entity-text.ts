/**
 * An entity's fields as they are written down: the names, and the values as canonical JSON in the names' order. Rows of a `changes` frame and the
 * entity's digest are made of the same text, so that what is sent is serialised once.
 */
import { canonicalJson } from "./canonical-json.ts";
import type { Fields, Json } from "./model.ts";

/** The names of an entity's fields. */
export interface FieldNames {
  /** Sorted by UTF-16 code unit. */
  readonly list: readonly string[];
  /** The list as JSON. */
  readonly json: string;
}

export interface EntityText {
  readonly names: FieldNames;
  /** Canonical JSON of each value in the order of the names, joined by commas. */
  readonly values: string;
}

/** `sorted` as field names. Whoever writes many entities of the same names makes these once. */
export function fieldNames(sorted: readonly string[]): FieldNames {
  return { list: sorted, json: JSON.stringify(sorted) };
}

/** The text of an entity's fields; a field that is undefined counts as absent. */
export function entityText(fields: Fields): EntityText {
  const names = namesOf(fields);
  return { names, values: canonicalJson(names.list.map((name) => fields[name] as Json)).slice(1, -1) };
}

/** The names last met, in the order of the object that held them: entities of one type come one after the other. */
let last: { keys: readonly string[]; names: FieldNames } | undefined;

function namesOf(fields: Fields): FieldNames {
  let count = 0;
  let same = last !== undefined;
  for (const key in fields) {
    same &&= last?.keys[count] === key && fields[key] !== undefined;
    count += 1;
  }
  if (same && last !== undefined && last.keys.length === count) return last.names;
  const keys = Object.keys(fields).filter((key) => fields[key] !== undefined);
  last = { keys, names: fieldNames(keys.toSorted()) };
  return last.names;
}

/** The fields that a text writes down. */
export function fieldsOf({ names, values }: EntityText): Fields {
  const parsed = JSON.parse(`[${values}]`) as Json[];
  return Object.fromEntries(names.list.map((name, index) => [name, parsed[index] as Json]));
}
