/** A row while it is being mapped, and the compiled readers that work on it. */
import type { Source } from "../../config/config.ts";
import type { ChildRows, Value } from "../../connectors/connector.ts";
import type { Types } from "../../protocol/model.ts";
import { ExpressionFailure } from "./cel-values.ts";
import type { LookupUse, Parent, RowFault, RowNote } from "./mapped.ts";
import type { NameSet } from "./name-sets.ts";
import type { Recipe } from "./recipes.ts";

export interface RowReading {
  /** The row's own. */
  key: string;
  values: readonly Value[];
  children: readonly ChildRows[];
  faults: RowFault[];
  notes: RowNote[];
  lookups: LookupUse[];
  /** The first `parentCount` are this row's; the list is kept for the next one. */
  parents: Parent[];
  parentCount: number;
  /** A value was written that the model may refuse: the whole entity is to be asked about. */
  misfit: boolean;
  /** Whether a parent with `missing: omit` is known not to be there. */
  isAbsent: ((parent: Parent) => boolean) | undefined;
}

export interface CompiledRead {
  /** The value as canonical JSON; null where it is empty. A fault is noted in the reading, and what is given then does not matter. */
  read: (reading: RowReading) => string | null;
  /** It reads nothing of the row, so it does not keep an otherwise empty object alive. */
  constant: boolean;
  /** What it gives for every row, where that is known and not null. */
  fixed?: string;
  /** Positions of the columns that it reads. */
  columns: readonly number[];
  /** How it goes without values, where that is known. */
  recipe?: Recipe | undefined;
}

/** A compiled `when:`. */
export interface Condition {
  test(reading: RowReading): boolean;
  /** Positions of the columns that it reads. */
  columns: readonly number[];
  /** The same, asked of bytes. */
  asked: AskedOfBytes | undefined;
}

/** Of the text columns of a row; a null is empty, and neither the same as a text nor another. */
export type AskedOfBytes =
  | { ask: "empty" | "filled"; column: number }
  | { ask: "same" | "other"; column: number; text: Buffer }
  | { ask: "both" | "either"; left: AskedOfBytes; right: AskedOfBytes };

export function newReading(): RowReading {
  return {
    key: "",
    values: [],
    children: [],
    faults: [],
    notes: [],
    lookups: [],
    parents: [],
    parentCount: 0,
    misfit: false,
    isAbsent: undefined,
  };
}

/** An expression that fails is a fault of the row. @throws what is no such failure */
export function noteFailure(error: unknown, { faults }: RowReading, { field, what }: { field: string; what: string }): void {
  if (!(error instanceof ExpressionFailure)) throw error;
  faults.push({ code: "expression-failed", field, column: undefined, message: `${what} failed: ${error.message}` });
}

/** What becomes of null: it is kept where the field may be null, left out where it may be absent, else the row is faulty. */
export type EmptyRule = "kept" | "left-out" | "fault";

export interface CompiledField {
  name: string;
  /** Its bit where it has a value (filled-bits.ts). */
  bit: number;
  when: Condition | undefined;
  compiled: CompiledRead;
  empty: EmptyRule;
  /** The one column it reads, for faults. */
  column: string | undefined;
}

/** A source as its rows are mapped. */
export interface CompiledSource {
  source: Source;
  /** In the order of their names. */
  fields: readonly CompiledField[];
  /** The names of all of them. */
  names: NameSet;
  /** The column that may name the command that made the row. */
  cause: { column: number; read: (value: Value | undefined) => string | undefined } | undefined;
  /**
   * It maps through lookups, so that who asked for what must be noted, whose each row is must be, or not all of its rows take part: rows are mapped, not written from
   * bytes.
   */
  isWhole: boolean;
  /** Not all estates take part: of a faulty row it counts what it refers to. */
  isScoped: boolean;
  /** Those that entities are held against. */
  types: Types;
}

/** As protocol/model.ts: an id has at most this many characters. */
export const idLimit = 300;
