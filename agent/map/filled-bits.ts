/** Bits of an entity's fields by the model alone: a mapping that lacks some of them for now says the same by the others. */
import type { ModelType } from "../../protocol/model.ts";
import { fieldKindOf } from "./field-kind.ts";

/** As many as a word has. */
const mostBits = 32;

/** The bit of a field of this type; 0 for one beyond those that are told apart. */
export function fieldBits({ schema }: ModelType): (name: string) => number {
  const names = Object.keys(fieldKindOf(schema).fields ?? {}).sort();
  return (name) => {
    const index = names.indexOf(name);
    return index < 0 || index >= mostBits ? 0 : (1 << index) >>> 0;
  };
}

/** Whether what is written of a field is something: no empty text, list or object, whatever the model allows. */
export function isSomething(value: string): boolean {
  return value !== "null" && (value.length !== 2 || !/^["[{]/.test(value));
}
