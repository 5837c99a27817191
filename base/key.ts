/**
 * A key is the text form of an ERP row's key values: parts percent-escaped and joined by `.`; reversible, and the entity's id but for a
 * source's prefix. `001`, `0004711` -> `001.0004711`. A part keeps its leading zeros; CHAR padding was undone before.
 */
const unsafe = /[^A-Za-z0-9_-]/u;
const encoder = new TextEncoder();

function escapePart(part: string): string {
  if (!unsafe.test(part)) return part;
  let out = "";
  for (const char of part) {
    if (!unsafe.test(char)) out += char;
    else for (const byte of encoder.encode(char)) out += `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return out;
}

/** Key of a row from the text of its parts, in the order of the key's columns. */
export function encodeKey(parts: readonly string[]): string {
  return parts.length === 1 ? escapePart(parts[0] as string) : parts.map(escapePart).join(".");
}

/** The parts of a key; undefined when `key` was not made by `encodeKey`. */
export function decodeKey(key: string): string[] | undefined {
  try {
    const parts = key.split(".").map((part) => decodeURIComponent(part));
    return encodeKey(parts) === key ? parts : undefined;
  } catch {
    return undefined;
  }
}

/** Id of an entity: its key, with the source's prefix where several sources feed one type. */
export function entityIdOf(prefix: string | undefined, key: string): string {
  return prefix === undefined ? key : `${prefix}:${key}`;
}

/** Splits an id into prefix and key. */
export function splitId(id: string): { prefix: string | undefined; key: string } {
  const colon = id.indexOf(":");
  return colon < 0 ? { prefix: undefined, key: id } : { prefix: id.slice(0, colon), key: id.slice(colon + 1) };
}
