/** The columns that a mapping may name, found as databases do: by their exact name, else without regard to case. */

import { didYouMean } from "../../base/nearest.ts";
import type { Place } from "../../config/config.ts";
import type { Column } from "../../connectors/connector.ts";
import type { Faults } from "./faults.ts";

export interface FoundColumn {
  /** As the configuration writes it. */
  name: string;
  /** Where a row's values hold it. */
  index: number;
  column: Column;
}

export interface Columns {
  /** Columns that a row's values hold. */
  readonly all: readonly FoundColumn[];
  /** Names of all columns there are, for suggestions. */
  readonly names: readonly string[];
  /** Looks a column up, or reports it with its nearest neighbour and gives undefined. */
  find(name: string, at: Place): FoundColumn | undefined;
}

/** `read` are the names in the order of a row's values; `described` what the database says there is. */
export function openColumns({
  read,
  described,
  of,
  faults,
}: {
  read: readonly string[];
  described: readonly Column[];
  /** For faults: `Table AUFTRAG`. */
  of: string;
  faults: Faults;
}): Columns {
  const exact = new Map(described.map((column) => [column.name, column]));
  const folded = new Map(described.map((column) => [column.name.toLowerCase(), column]));
  const found = new Map<string, FoundColumn>();
  read.forEach((name, index) => {
    const column = exact.get(name) ?? folded.get(name.toLowerCase());
    if (column !== undefined) found.set(name, { name, index, column });
  });
  return {
    all: [...found.values()],
    names: [...exact.keys()],
    find(name, at) {
      const known = found.get(name);
      if (known === undefined) faults.add(at, `${of} has no column ${name}`, didYouMean(name, [...exact.keys()]));
      return known;
    },
  };
}
