/** A row while it is being mapped, and the compiled readers that work on it. */
import type { ChildRows, Value } from "../../connectors/connector.ts";
import type { Parent, RowFault, RowNote } from "./mapped.ts";

export interface RowReading {
  values: readonly Value[];
  children: readonly ChildRows[];
  faults: RowFault[];
  notes: RowNote[];
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
}
