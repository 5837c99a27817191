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
  const names = Object.keys(fields).sort();
  const present = names.filter((name) => fields[name] !== undefined);
  return { names: fieldNames(present), values: present.map((name) => canonicalJson(fields[name] as Json)).join(",") };
}

/** The fields that a text writes down. */
export function fieldsOf({ names, values }: EntityText): Fields {
  const parsed = JSON.parse(`[${values}]`) as Json[];
  return Object.fromEntries(names.list.map((name, index) => [name, parsed[index] as Json]));
}
