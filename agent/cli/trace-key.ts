/** A record's key as people write it: as an id, as a key of the store, or in parts as the ERP shows them. Pure. */
import { decodeKey, encodeKey, splitId } from "../../base/key.ts";

/** The parts of what was written: separated by commas, or those of a key; undefined when it is neither. */
export function keyParts(given: string): readonly string[] | undefined {
  return given.includes(",") ? given.split(",").map((part) => part.trim()) : decodeKey(given);
}

/** The key that is meant in a source; undefined when it can't be one of this source. */
export function keyFor(source: { prefix: string | undefined; key: readonly string[] }, given: string): string | undefined {
  const { prefix, key } = splitId(given);
  if (prefix !== undefined && prefix !== source.prefix) return undefined;
  const parts = keyParts(key);
  return parts?.length === source.key.length ? encodeKey(parts) : undefined;
}
