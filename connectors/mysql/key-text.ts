/** Which values that the server sent are the text of a key as they stand. */
import { type ByteRanges, hasLeadingZero } from "../../base/key.ts";
import { type Field, fieldType, isBits } from "./values.ts";

/** How a key column's text comes from its bytes: they are it, unless a number has zeros in front, or only decoding tells. */
export type KeyKind = "same" | "integer" | "decoded";

export function keyKindOf(field: Field): KeyKind {
  if (isBits(field)) return "decoded";
  switch (fieldType(field)) {
    case "integer":
      return "integer";
    case "text":
    case "decimal":
    case "date":
      return "same";
    default:
      return "decoded";
  }
}

/** Whether the value at `index` is the key's text by its bytes alone, ASCII still to be seen. */
export function isKeyText(kind: KeyKind, { bytes, starts, ends }: ByteRanges, index: number): boolean {
  if (kind === "integer") return !hasLeadingZero(bytes, starts[index] as number, ends[index] as number);
  return kind === "same";
}
