import type { DropFile } from "./drop.ts";
import type { CsvTable, FileKind } from "./table.ts";

/** Where a file stands among those of its table. */
export interface FileOrder {
  /** Compares as text with those of the same table. */
  order: string;
  /** Whether its name told it; else the time of its last change did. */
  ordered: boolean;
  accepted: boolean;
}

/** Undefined where the name is not one of that table and kind. */
export function orderOf(table: CsvTable, kind: FileKind, { name, modifiedMs }: DropFile): FileOrder | undefined {
  const named = table.names[kind]?.(name);
  if (named === undefined) return undefined;
  return {
    order: named.order ?? String(modifiedMs).padStart(16, "0"),
    ordered: named.order !== undefined,
    accepted: named.accepted,
  };
}
