/**
 * A key is the text form of an ERP row's key values: parts percent-escaped and joined by `.`; reversible, and the entity's id but for a
 * source's prefix. `001`, `0004711` -> `001.0004711`. A part keeps its leading zeros; CHAR padding was undone before.
 */
const unsafe = /[^A-Za-z0-9_-]/u;
const encoder = new TextEncoder();
/** 1 for each ASCII character that stands for itself. */
const plain = Uint8Array.from({ length: 128 }, (_, unit) => (unsafe.test(String.fromCharCode(unit)) ? 0 : 1));

/** Longer parts are looked through by the pattern, which is the faster way only there. */
const shortPart = 24;

function isPlain(part: string): boolean {
  if (part.length > shortPart) return !unsafe.test(part);
  for (let at = 0; at < part.length; at++) {
    const unit = part.charCodeAt(at);
    if (unit > 127 || plain[unit] !== 1) return false;
  }
  return true;
}

function escapePart(part: string): string {
  if (isPlain(part)) return part;
  let out = "";
  for (const char of part) {
    if (!unsafe.test(char)) out += char;
    else for (const byte of encoder.encode(char)) out += `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return out;
}

/** Values within bytes: the one at `index` lies from `starts[index]` up to `ends[index]`. */
export interface ByteRanges {
  readonly bytes: Buffer;
  readonly starts: Int32Array;
  readonly ends: Int32Array;
}

/** Between the parts of a key, as ASCII. */
export const keyDot = 0x2e;
const percent = 0x25;
const minus = 0x2d;
const zero = 0x30;
const hexDigits = Buffer.from("0123456789ABCDEF");

/**
 * Writes a key's part at `at`, straight from the bytes of its text, and gives its end; -1 where they are not ASCII. `into` must have room for three
 * times the bytes.
 */
export function writeKeyPart(from: ByteRanges, index: number, into: Buffer, at: number): number {
  const { bytes } = from;
  const end = from.ends[index] as number;
  let last = at;
  for (let next = from.starts[index] as number; next < end; next++) {
    const byte = bytes[next] as number;
    if (byte > 127) return -1;
    if (plain[byte] === 1) into[last++] = byte;
    else {
      into[last++] = percent;
      into[last++] = hexDigits[byte >> 4] as number;
      into[last++] = hexDigits[byte & 15] as number;
    }
  }
  return last;
}

/** Whether digits have a zero in front; a lone zero is none. */
export function hasLeadingZero(bytes: Buffer, start: number, end: number): boolean {
  const first = bytes[start] === minus ? start + 1 : start;
  return bytes[first] === zero && end - first > 1;
}

/** Key of a row from the text of its parts, in the order of the key's columns. */
export function encodeKey(parts: readonly string[]): string {
  let key = escapePart(parts[0] ?? "");
  for (let at = 1; at < parts.length; at++) key += `.${escapePart(parts[at] as string)}`;
  return key;
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

/** Before the generation of an id; neither a prefix nor a key holds a colon. */
const generationMark = "::";

/**
 * Id of an entity: its key, with the source's prefix where several sources feed one type, and with its generation where the ERP has given the key to somebody
 * new: `001.4711`, `001.4711::2`.
 */
export function entityIdOf(prefix: string | undefined, key: string, generation = 1): string {
  const id = prefix === undefined ? key : `${prefix}:${key}`;
  return generation === 1 ? id : `${id}${generationMark}${generation}`;
}

/** Splits an id into prefix, key and generation. What was not made by `entityIdOf` keeps colons in its key, which then is none. */
export function splitId(id: string): { prefix: string | undefined; key: string; generation: number } {
  const mark = id.indexOf(generationMark);
  const written = mark < 0 ? "" : id.slice(mark + generationMark.length);
  const generation = /^[1-9]\d{0,8}$/.test(written) && written !== "1" ? Number(written) : 1;
  const rest = generation === 1 ? id : id.slice(0, mark);
  const colon = rest.indexOf(":");
  if (colon < 0) return { prefix: undefined, key: rest, generation };
  return { prefix: rest.slice(0, colon), key: rest.slice(colon + 1), generation };
}
