import type { Path } from "./document.ts";
import { many, nth } from "./resolve-read.ts";
import { hasExpression, type Scene } from "./scene.ts";

/** Columns of a key, none twice. */
export function columnsOf(scene: Scene, path: Path, node: string | readonly string[]): readonly string[] {
  const columns = many(node);
  for (const [index, column] of columns.entries()) {
    if (hasExpression(column))
      scene.fault(
        nth(path, node, index),
        "A key is made of columns, not of expressions",
        "Name a column; a query can compute one.",
      );
    if (columns.indexOf(column) < index)
      scene.fault(nth(path, node, index), `\`${column}\` stands twice in the key`, "Remove one of the two.");
  }
  return columns;
}
