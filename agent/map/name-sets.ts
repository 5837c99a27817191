import { type FieldNames, fieldNames } from "../../protocol/entity-text.ts";

/** The names of the fields that a row has, and the same without one of them; each set is made once. */
export interface NameSet {
  readonly names: FieldNames;
  /** @param index among all names */
  without(index: number): NameSet;
}

/** @param all in their order; undefined for one that is left out */
export function nameSets(all: readonly (string | undefined)[]): NameSet {
  const fewer = new Map<number, NameSet>();
  return {
    names: fieldNames(all.filter((name) => name !== undefined)),
    without(index) {
      let less = fewer.get(index);
      if (less === undefined) {
        less = nameSets(all.with(index, undefined));
        fewer.set(index, less);
      }
      return less;
    },
  };
}
