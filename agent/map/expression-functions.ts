/** The functions of the expression language: signatures for the type check beside what they do. None reads a clock. */
import { createHash } from "node:crypto";
import { shiftDate, validDate, type Zone } from "./calendar.ts";
import { type CelValue, celText, ExpressionFailure, isDecimal } from "./cel-values.ts";
import { compileDateFormat, type DateFormat } from "./date-pattern.ts";
import { type Decimal, decimalOfInteger, parseDecimal, roundDecimal, truncateDecimal } from "./decimal.ts";

export interface FunctionRule {
  /** Overloads in CEL's notation; those that CEL brings itself are left out. */
  signatures: readonly string[];
  /** For the reference page. */
  says: string;
  /** True: it takes null. Any other function gives null as soon as one argument is null. */
  takesNull?: true;
  run(args: readonly CelValue[], zone: Zone): CelValue;
}

const base32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const scalars = ["string", "int", "bool", "Decimal", "double", "Date", "Time", "DateTime", "Instant"];
const each = (types: readonly string[], signature: (type: string) => string): string[] => types.map(signature);

/**
 * The id itself while it has at most `length` characters, else `~` and the base32 of its SHA-256, cut to `length`: always the same for one id. No
 * command's id begins with `~`, so that the two forms can't be taken for each other. Length is at least 8: below, two ids may meet.
 */
export function shortId(id: string, length: number): string {
  if (!(length >= 8)) throw new ExpressionFailure("short() needs a length of at least 8");
  if (id.length <= length) return id;
  const hash = createHash("sha256").update(id).digest();
  let out = "~";
  let bits = 0;
  let held = 0;
  for (const byte of hash) {
    held = (held << 8) | byte;
    for (bits += 8; bits >= 5; bits -= 5) out += base32[(held >> (bits - 5)) & 31];
    held &= (1 << bits) - 1;
  }
  return out.slice(0, length);
}

const patterns = new Map<string, DateFormat>();

/** Pattern of `format()`, compiled once; throws for one that is none. */
function patternOf(text: string): DateFormat {
  let pattern = patterns.get(text);
  if (pattern === undefined) {
    const compiled = compileDateFormat(text);
    if (typeof compiled === "string") throw new ExpressionFailure(`the pattern of format() ${compiled}`);
    pattern = compiled;
    // A pattern comes from the configuration; the bound only guards against one that is computed from rows.
    if (patterns.size < 1_000) patterns.set(text, pattern);
  }
  return pattern;
}

function format(value: CelValue, pattern: string, zone: Zone): string {
  const compiled = patternOf(pattern);
  if (typeof value === "number") return compiled.format(zone.toLocal(value));
  const text = value as string;
  if (text[2] === ":") {
    if (compiled.date) throw new ExpressionFailure("format() of a time can't give a date");
    return compiled.format(`1970-01-01T${text}`);
  }
  if (text.length > 10) return compiled.format(text);
  if (compiled.time) throw new ExpressionFailure("format() of a date can't give a time");
  return compiled.format(`${text}T00:00:00`);
}

/** What is wrong with a pattern that an expression names in so many words: told at load, not at the first row. */
export function literalFault(name: string, literal: string): string | undefined {
  try {
    if (name === "format") patternOf(literal);
    if (name === "matches" || name === "capture") regular(literal);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

/** Code points, so that an emoji is one character and none is torn. */
function slice(text: string, from: number, until: number | undefined): string {
  return [...text].slice(Math.max(0, from), until === undefined ? undefined : Math.max(0, until)).join("");
}

function toDecimal(value: CelValue): Decimal {
  if (typeof value === "bigint") return decimalOfInteger(value);
  if (typeof value === "object" && value !== null && isDecimal(value)) return value;
  const parsed = parseDecimal(String(value).trim());
  if (parsed === undefined) throw new ExpressionFailure("decimal() of a text that is no number");
  return parsed;
}

function toInteger(value: CelValue): bigint {
  if (typeof value === "bigint") return value;
  if (typeof value === "object" && value !== null && isDecimal(value)) return truncateDecimal(value);
  const text = String(value).trim();
  if (!/^[+-]?\d{1,38}$/.test(text)) throw new ExpressionFailure("int() of a text that is no whole number");
  return BigInt(text.startsWith("+") ? text.slice(1) : text);
}

function toDate(value: CelValue, zone: Zone): string {
  const text = typeof value === "number" ? zone.toLocal(value).slice(0, 10) : String(value).slice(0, 10);
  const date = typeof value === "string" && value.length > 10 && value[10] !== "T" ? undefined : validDate(text);
  if (date === undefined) throw new ExpressionFailure("date() of a text that is no date YYYY-MM-DD");
  return date;
}

const expressions = new Map<string, RegExp>();

function regular(source: string): RegExp {
  let found = expressions.get(source);
  if (found === undefined) {
    try {
      found = new RegExp(source, "u");
    } catch (cause) {
      throw new ExpressionFailure("a regular expression is not valid", { cause });
    }
    if (expressions.size < 1_000) expressions.set(source, found);
  }
  return found;
}

const t = (args: readonly CelValue[], index: number): string => args[index] as string;
const n = (args: readonly CelValue[], index: number): number => Number(args[index] as bigint);

/** `empty(x)`. */
export function isEmpty(value: CelValue): boolean {
  return value === null || value === "" || (Array.isArray(value) && value.length === 0);
}

export const functions: Readonly<Record<string, FunctionRule>> = {
  empty: {
    signatures: ["empty(T): bool"],
    says: "True for null and for the empty text or list.",
    takesNull: true,
    run: ([value]) => isEmpty(value as CelValue),
  },
  coalesce: {
    signatures: ["coalesce(T, T): T", "coalesce(T, T, T): T"],
    says: "The first argument that is not null.",
    takesNull: true,
    run: (args) => args.find((value) => value !== null) ?? null,
  },
  nullIf: {
    signatures: ["nullIf(T, T): T"],
    says: "Null when both are equal, else the first.",
    takesNull: true,
    run: ([value, other]) =>
      value === null || celText(value as string) === (other === null ? null : celText(other as string))
        ? null
        : (value as CelValue),
  },
  trim: { signatures: ["trim(string): string"], says: "Without blanks at both ends.", run: (args) => t(args, 0).trim() },
  upper: { signatures: ["upper(string): string"], says: "Capital letters.", run: (args) => t(args, 0).toUpperCase() },
  lower: { signatures: ["lower(string): string"], says: "Small letters.", run: (args) => t(args, 0).toLowerCase() },
  pad: {
    signatures: ["pad(string, int, string): string", "pad(int, int, string): string"],
    says: "Filled up on the left to a length: pad(nr, 8, '0').",
    run: (args) => celText(args[0] as string).padStart(n(args, 1), t(args, 2)),
  },
  short: {
    signatures: ["short(string, int): string"],
    says: "The id itself when it fits into so many characters, else a hash of it that does.",
    run: (args) => shortId(t(args, 0), n(args, 1)),
  },
  substring: {
    signatures: ["substring(string, int): string", "substring(string, int, int): string"],
    says: "Characters from a position (0 is the first) to before another; positions past the end are the end.",
    run: (args) => slice(t(args, 0), n(args, 1), args.length > 2 ? n(args, 2) : undefined),
  },
  replace: {
    signatures: ["replace(string, string, string): string"],
    says: "Every occurrence of a text replaced by another.",
    run: (args) => t(args, 0).replaceAll(t(args, 1), () => t(args, 2)),
  },
  split: {
    signatures: ["split(string, string): list<string>"],
    says: "The parts between separators.",
    run: (args) => t(args, 0).split(t(args, 1)),
  },
  join: {
    signatures: ["join(list<string>, string): string"],
    says: "Texts with a separator between.",
    run: (args) => (args[0] as readonly string[]).join(t(args, 1)),
  },
  size: {
    signatures: [],
    says: "Characters of a text, items of a list.",
    run: ([value]) => BigInt([...(value as string)].length),
  },
  contains: {
    signatures: ["contains(string, string): bool"],
    says: "Whether a text holds another.",
    run: (args) => t(args, 0).includes(t(args, 1)),
  },
  startsWith: {
    signatures: ["startsWith(string, string): bool"],
    says: "Whether a text begins so.",
    run: (args) => t(args, 0).startsWith(t(args, 1)),
  },
  endsWith: {
    signatures: ["endsWith(string, string): bool"],
    says: "Whether a text ends so.",
    run: (args) => t(args, 0).endsWith(t(args, 1)),
  },
  matches: {
    signatures: ["matches(string, string): bool"],
    says: "Whether a regular expression is found in a text.",
    run: (args) => regular(t(args, 1)).test(t(args, 0)),
  },
  capture: {
    signatures: ["capture(string, string): string"],
    says: "What the first group of a regular expression caught; null when it is not found.",
    run: (args) => regular(t(args, 1)).exec(t(args, 0))?.[1] ?? null,
  },
  format: {
    signatures: each(["Date", "Time", "DateTime", "Instant"], (type) => `format(${type}, string): string`),
    says: "A date or time by a pattern such as 'yyyyMMdd'; an instant in the ERP's time zone.",
    run: ([value, pattern], zone) => format(value as CelValue, pattern as string, zone),
  },
  date: {
    signatures: each(["string", "Date", "DateTime", "Instant"], (type) => `date(${type}): Date`),
    says: "The date of a text YYYY-MM-DD, of a local time, or of an instant in the ERP's time zone.",
    run: ([value], zone) => toDate(value as CelValue, zone),
  },
  addDays: {
    signatures: ["addDays(Date, int): Date"],
    says: "A date so many days later.",
    run: (args) => {
      const shifted = shiftDate(t(args, 0), n(args, 1));
      if (shifted === undefined) throw new ExpressionFailure("addDays() leaves the calendar");
      return shifted;
    },
  },
  decimal: {
    signatures: each(["string", "int", "double", "Decimal"], (type) => `decimal(${type}): Decimal`),
    says: "An exact decimal.",
    run: ([value]) => toDecimal(value as CelValue),
  },
  round: {
    signatures: ["round(Decimal, int): Decimal", "round(double, int): Decimal"],
    says: "Rounded half away from zero to so many places.",
    run: (args) => roundDecimal(args[0] as Decimal, Math.min(30, Math.max(0, n(args, 1)))),
  },
  string: {
    signatures: each(["Decimal", "Date", "Time", "DateTime", "Instant"], (type) => `string(${type}): string`),
    says: "The text of any value; dates in ISO form.",
    run: ([value]) => celText(value as string),
  },
  int: {
    signatures: ["int(Decimal): int"],
    says: "A whole number out of a text, or a decimal cut at the point.",
    run: ([value]) => toInteger(value as CelValue),
  },
};

/** Types whose values compare with `==` and order with `<`. */
export const comparable = scalars;
