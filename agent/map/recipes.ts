/** How a read can be carried out on the bytes of a row, as data: what the compiled readers know of themselves and the row writer goes by. */
import type { Parent } from "./mapped.ts";
import type { ObjectPart } from "./object-reads.ts";
import type { CompiledRead, Condition } from "./row-reading.ts";

export type Recipe = TextRecipe | DayRecipe | FewRecipe | ReferenceRecipe | ObjectRecipe | ListRecipe;

/** A text column that is passed on. */
export interface TextRecipe {
  kind: "text";
  column: number;
  trim: boolean;
  /** An empty text counts as null. */
  emptyToNull: boolean;
  /** Most UTF-16 code units. */
  most: number;
  /** JSON in place of null. */
  otherwise: string | null;
}

/** A day as a whole number yyyyMMdd; other forms of its column have few values. */
export interface DayRecipe {
  kind: "day";
  column: number;
  /** Numbers that stand for no day. */
  nulls: ReadonlySet<number>;
}

/** A column whose values come again and again (days, codes): each is worked out by the reader once. */
export interface FewRecipe {
  kind: "few";
  column: number;
}

export interface ReferenceRecipe {
  kind: "reference";
  prefix: string | undefined;
  target: Pick<Parent, "source" | "missing">;
  /** Whether what it refers to is a parent (protocol/references.ts). */
  isParent: boolean;
  /** The key's parts: what the configuration says, or a column's value. None is fixed and empty. */
  parts: readonly ({ fixed: string } | { index: number })[];
}

/** Parts in the order of their names, as in object-reads.ts. */
export interface ObjectRecipe {
  kind: "object";
  parts: readonly ObjectPart[];
}

export interface ListRecipe {
  kind: "list";
  items: readonly { when: Condition | undefined; compiled: CompiledRead }[];
  least: number;
  most: number;
}
