/** References to other entities: ids and keys from the bytes of their parts. */
import { encodeKey, hasLeadingZero, keyDot, writeKeyPart } from "../../base/key.ts";
import type { WrittenForm } from "../../connectors/connector.ts";
import type { ReferenceRecipe } from "./recipes.ts";
import { idLimit } from "./row-reading.ts";
import { declined, empty, noteParent, reserve, type WriteBytes, writeFixed } from "./written-entity.ts";

const quote = 0x22;

/** A part of the key: bytes that are always the same, or those of a column. */
interface Part {
  fixed: Buffer | undefined;
  column: number;
  isInteger: boolean;
}

/** The writer of a reference; undefined where a part's text is not made of its bytes. @param target its place in `RowWriter.targets` */
export function referenceWriter(recipe: ReferenceRecipe, forms: readonly WrittenForm[], target: number): WriteBytes | undefined {
  const parts = recipe.parts.map((part): Part => {
    if ("fixed" in part) return { fixed: Buffer.from(encodeKey([part.fixed])), column: -1, isInteger: false };
    return { fixed: undefined, column: part.index, isInteger: forms[part.index] === "integer" };
  });
  if (parts.some(({ column }) => column >= 0 && forms[column] === "other")) return undefined;
  const head = Buffer.from(recipe.prefix === undefined ? '"' : `"${recipe.prefix}:`);
  const { isParent } = recipe;
  return (rows, into, at) => {
    const start = writeFixed(head, into, at);
    let last = start;
    for (let next = 0; next < parts.length; next++) {
      const { fixed, column, isInteger } = parts[next] as Part;
      if (next > 0) into.bytes[last++] = keyDot;
      if (fixed !== undefined) {
        last = writeFixed(fixed, into, last);
        reserve(into, last, 2);
        continue;
      }
      const from = rows.starts[column] as number;
      const upTo = rows.ends[column] as number;
      // What is null or empty in one part refers to nothing.
      if (from === upTo) return empty;
      if (isInteger && hasLeadingZero(rows.bytes, from, upTo)) return declined;
      reserve(into, last, 3 * (upTo - from) + 2);
      last = writeKeyPart(rows, column, into.bytes, last);
      if (last < 0) return declined;
    }
    // All of it is ASCII; the quote in front does not count.
    if (last - at - 1 > idLimit) return declined;
    into.bytes[last] = quote;
    if (isParent) noteParent(into, target, start, last);
    return last + 1;
  };
}
