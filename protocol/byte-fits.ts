/**
 * Checks compiled from the schemas of the model that look at a value where it stands in a frame, as bytes of JSON: no text, no object is made of it. Like the
 * checks in fits.ts they say yes only where the schema says yes, and only to JSON as an agent writes it (canonical-json.ts); to anything else, right or wrong,
 * they say nothing, and whoever hears nothing parses the value and asks those.
 */
import type * as z from "zod";
import { fitsOf, lengthsOf, partsOf, textFormOf } from "./fits.ts";
import { endOfDate, endOfInstant } from "./moments.ts";

/** Looks at the value that begins at `at`: the place behind it where it certainly fits, else -1. */
export type ByteFits = (bytes: Uint8Array, at: number, marks: Marks) => number;

/** Where certain texts lie, in the order in which they were met: number of the mark, begin and end of the text between its quotes. */
export interface Marks {
  numbers: Int32Array;
  length: number;
}

/** The number under which a text at this path (names from the top, lists passed through) is to be marked; undefined where nobody asks for it. */
export type MarkOf = (path: readonly string[]) => number | undefined;

const quote = 0x22;
const comma = 0x2c;
const zero = 0x30;

const unsure: ByteFits = () => -1;

/** @param path of the schema from the top, for `markOf` */
export function byteFitsOf(schema: z.core.$ZodType, markOf: MarkOf, path: readonly string[] = []): ByteFits {
  const def = (schema as z.core.$ZodTypes)._zod.def as z.core.$ZodTypes["_zod"]["def"];
  switch (def.type) {
    case "string":
      return marked(textFits(schema), markOf(path));
    case "boolean":
      return eitherOf([literal("true"), literal("false")]);
    case "number":
      return wholeNumber(schema);
    case "enum":
      return eitherOf(Object.values(def.entries).map((value) => literal(JSON.stringify(value))));
    case "nullable":
      return nullOr(byteFitsOf(def.innerType, markOf, path));
    case "optional":
      return byteFitsOf(def.innerType, markOf, path);
    case "union":
      return eitherOf(def.options.map((option) => byteFitsOf(option, markOf, path)));
    case "array":
      return listOf(byteFitsOf(def.element, markOf, path), lengthsOf(schema));
    case "object":
      return objectOf(schema, markOf, path);
    default:
      return unsure;
  }
}

/** As bytes; a text that is not written as it is is never found. */
function literal(json: string): ByteFits {
  const expected = Buffer.from(json);
  return (bytes, at) => (stands(bytes, at, expected) ? at + expected.length : -1);
}

/** Whether these bytes stand at a place among others. */
export function stands(bytes: Uint8Array, at: number, expected: Uint8Array): boolean {
  for (let index = 0; index < expected.length; index++) if (bytes[at + index] !== expected[index]) return false;
  return true;
}

function nullOr(fits: ByteFits): ByteFits {
  const isNull = literal("null");
  return (bytes, at, marks) => (bytes[at] === 0x6e ? isNull(bytes, at, marks) : fits(bytes, at, marks));
}

function eitherOf(options: readonly ByteFits[]): ByteFits {
  return (bytes, at, marks) => {
    const { length } = marks;
    for (let index = 0; index < options.length; index++) {
      const end = (options[index] as ByteFits)(bytes, at, marks);
      if (end >= 0) return end;
      marks.length = length;
    }
    return -1;
  };
}

/** Of a text's bytes: 0 stands for itself alone, 1 belongs to a longer character, 2 needs an escape or ends the text. */
const kinds = new Uint8Array(256).map((_, byte) => (byte < 0x20 || byte === quote || byte === 0x5c ? 2 : byte < 0x80 ? 0 : 1));

/** Most bytes of a character. */
const widest = 4;

function textFits(schema: z.core.$ZodType): ByteFits {
  const form = textFormOf(schema);
  if (form === undefined) return unsure;
  if (form === "date") return quoted(endOfDate);
  if (form === "instant") return quoted(endOfInstant);
  const { least, most, pattern } = form;
  const alphabet = pattern === undefined ? undefined : alphabetOf(pattern);
  if (alphabet !== undefined) return wordFits(alphabet, { least, most });
  return (bytes, at) => {
    if (bytes[at] !== quote) return -1;
    let end = at + 1;
    let wide = 0;
    for (; end < bytes.length; end++) {
      const kind = kinds[bytes[end] as number] as number;
      if (kind === 2) break;
      wide |= kind;
    }
    const length = end - at - 1;
    if (bytes[end] !== quote || length > most || (wide === 0 ? length : Math.ceil(length / widest)) < least) return -1;
    // A pattern sees characters, which are bytes in ASCII alone.
    if (pattern !== undefined && (wide !== 0 || !pattern.test(asciiText(bytes, at + 1, end)))) return -1;
    return end + 1;
  };
}

function asciiText(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString("latin1");
}

function quoted(endOf: (bytes: Uint8Array, at: number) => number): ByteFits {
  return (bytes, at) => {
    const end = bytes[at] === quote ? endOf(bytes, at + 1) : -1;
    return end >= 0 && bytes[end] === quote ? end + 1 : -1;
  };
}

/** Which bytes a text may consist of, where its pattern asks for nothing but characters of one class: then each of them fits it alone. Undefined elsewhere. */
function alphabetOf(pattern: RegExp): Uint8Array | undefined {
  if (!/^\^\[[^\]\\]+\]\+\$$/.test(pattern.source) || pattern.flags !== "") return undefined;
  return new Uint8Array(256).map((_, byte) => (kinds[byte] === 0 && pattern.test(String.fromCharCode(byte)) ? 1 : 0));
}

function wordFits(alphabet: Uint8Array, { least, most }: { least: number; most: number }): ByteFits {
  return (bytes, at) => {
    if (bytes[at] !== quote) return -1;
    let end = at + 1;
    while (end < bytes.length && alphabet[bytes[end] as number] === 1) end += 1;
    const length = end - at - 1;
    return bytes[end] === quote && length >= Math.max(1, least) && length <= most ? end + 1 : -1;
  };
}

function marked(fits: ByteFits, mark: number | undefined): ByteFits {
  if (mark === undefined) return fits;
  return (bytes, at, marks) => {
    const end = fits(bytes, at, marks);
    if (end >= 0) note(marks, mark, at + 1, end - 1);
    return end;
  };
}

/** Adds one mark. */
function note(marks: Marks, mark: number, start: number, end: number): void {
  if (marks.length + 3 > marks.numbers.length) {
    const larger = new Int32Array(marks.numbers.length * 2);
    larger.set(marks.numbers);
    marks.numbers = larger;
  }
  const { numbers, length } = marks;
  numbers[length] = mark;
  numbers[length + 1] = start;
  numbers[length + 2] = end;
  marks.length = length + 3;
}

/** Digits that surely make a safe integer. */
const mostDigits = 15;

/** Behind a whole number without sign as JSON.stringify writes it; -1 where there is none or it may be too large. */
export function endOfWhole(bytes: Uint8Array, at: number): number {
  let end = at;
  while ((bytes[end] as number) >= zero && (bytes[end] as number) <= zero + 9) end += 1;
  const digits = end - at;
  return digits === 0 || digits > mostDigits || (digits > 1 && bytes[at] === zero) ? -1 : end;
}

/** The number that stands between two places where `endOfWhole` found one. */
export function wholeAt(bytes: Uint8Array, at: number, end: number): number {
  let value = 0;
  for (let index = at; index < end; index++) value = value * 10 + (bytes[index] as number) - zero;
  return value;
}

function wholeNumber(schema: z.core.$ZodType): ByteFits {
  const fits = fitsOf(schema);
  return (bytes, at) => {
    const end = endOfWhole(bytes, at);
    // What goes on behind the digits is not whole: whoever looks for the end of the value finds something else.
    return end >= 0 && fits(wholeAt(bytes, at, end)) ? end : -1;
  };
}

function listOf(fits: ByteFits, { least, most }: { least: number; most: number }): ByteFits {
  return (bytes, at, marks) => {
    if (bytes[at] !== 0x5b) return -1;
    if (bytes[at + 1] === 0x5d) return least === 0 ? at + 2 : -1;
    let count = 0;
    let end = at;
    do {
      end = fits(bytes, end + 1, marks);
      count += 1;
      if (end < 0 || count > most) return -1;
    } while (bytes[end] === comma);
    return bytes[end] === 0x5d && count >= least ? end + 1 : -1;
  };
}

interface Part {
  /** The name with quotes and colon, and the same behind another part. */
  first: Uint8Array;
  next: Uint8Array;
  required: boolean;
  fits: ByteFits;
}

/** An object whose keys come in their order. */
function objectOf(schema: z.core.$ZodType, markOf: MarkOf, path: readonly string[]): ByteFits {
  const fields = partsOf(schema);
  if (fields === undefined || fields.some(({ name }) => name === "__proto__")) return unsure;
  const parts = fields
    .toSorted((one, other) => (one.name < other.name ? -1 : 1))
    .map(({ name, required, schema: field }): Part => {
      const key = `${JSON.stringify(name)}:`;
      const fits = byteFitsOf(field, markOf, [...path, name]);
      return { first: Buffer.from(key), next: Buffer.from(`,${key}`), required, fits };
    });
  return (bytes, at, marks) => {
    if (bytes[at] !== 0x7b) return -1;
    let end = at + 1;
    for (let index = 0; index < parts.length; index++) {
      const part = parts[index] as Part;
      const key = end === at + 1 ? part.first : part.next;
      if (stands(bytes, end, key)) {
        end = part.fits(bytes, end + key.length, marks);
        if (end < 0) return -1;
      } else if (part.required) return -1;
    }
    return bytes[end] === 0x7d ? end + 1 : -1;
  };
}
