/**
 * What the text of a file is stored as. What does not fit its column's type is stored as the text it is, and arrives as that: one bad value never holds back a
 * file, and the mapping reports the row.
 */

export type StoredValue = string | bigint | number | Uint8Array | null;
/** Of a text that stands for a value. */
export type Convert = (text: string) => StoredValue;

export interface ConvertRules {
  type: string;
  decimal: "," | ".";
  /** Digits behind the point of a decimal, where its type says so. */
  scale: number | undefined;
  /** How dates and times are written; undefined: as ISO 8601 does it. */
  formats: readonly string[] | undefined;
  /** Texts that mean true, and false. */
  truths: readonly [readonly string[], readonly string[]];
}

export function converterOf({ type, decimal, scale, formats, truths }: ConvertRules): Convert {
  switch (type) {
    case "text":
    case "char":
      return (text) => text;
    case "integer":
      return (text) => integerOf(plainNumber(text, decimal)) ?? asIs(text);
    case "decimal":
      return (text) => decimalOf(plainNumber(text, decimal), scale) ?? asIs(text);
    case "float":
      return (text) => floatOf(text, decimal) ?? asIs(text);
    case "boolean":
      return booleans(truths);
    case "bytes":
      return (text) =>
        /^(?:0x)?(?:[0-9a-f]{2})*$/i.test(text) ? new Uint8Array(Buffer.from(text.replace(/^0x/i, ""), "hex")) : text;
    default:
      return moments(type, formats);
  }
}

/** A number with a point, a sign in front and no groups; undefined where the text is none. `12,50-` is how SAP writes it. */
function plainNumber(text: string, decimal: "," | "."): string | undefined {
  const trimmed = text.trim();
  const signed = /^\+?(.*?)-$/.exec(trimmed);
  const number = signed ? `-${signed[1]}` : trimmed.replace(/^\+/, "");
  const groups = decimal === "," ? /^-?\d{1,3}(\.\d{3})+(,\d+)?$/ : /^-?\d{1,3}(,\d{3})+(\.\d+)?$/;
  const bare = groups.test(number) ? number.replaceAll(decimal === "," ? "." : ",", "") : number;
  const point = decimal === "," ? bare.replace(",", ".") : bare;
  if (decimal === "," && bare.includes(".")) return undefined;
  return /^-?(\d+(\.\d*)?|\.\d+)$/.test(point) ? point : undefined;
}

const largest = 2n ** 63n;
/** Bytes of their own: those of a Buffer lie among others, all of which would go over to the thread that writes. */
const encoder = new TextEncoder();

/** Numbers beyond 64 bits would become floats in the column: as bytes they stay what they are. */
function integerOf(number: string | undefined): StoredValue | undefined {
  const match = /^(-?)0*(\d+)(?:\.0*)?$/.exec(number ?? "");
  if (!match) return undefined;
  const text = match[2] === "0" ? "0" : `${match[1]}${match[2]}`;
  const value = BigInt(text);
  return value >= -largest && value < largest ? value : encoder.encode(text);
}

/** Up to 15 digits, those of the scale included, survive the way through a float; more are kept as bytes. */
function decimalOf(number: string | undefined, scale = 0): StoredValue | undefined {
  const match = /^(-?)0*(\d*)(?:\.(\d*))?$/.exec(number ?? "");
  if (number === undefined || !match) return undefined;
  const [, sign, whole = "", given = ""] = match;
  const fraction = given.padEnd(scale, "0");
  const zero = /^0*$/.test(whole + fraction);
  const text = `${zero ? "" : sign}${whole === "" ? "0" : whole}${fraction === "" ? "" : `.${fraction}`}`;
  return whole.length + fraction.length <= 15 ? text : encoder.encode(text);
}

function floatOf(text: string, decimal: "," | "."): number | undefined {
  const [, mantissa = "", exponent = ""] = /^(.*?)(e[+-]?\d{1,3})?$/i.exec(text.trim()) ?? [];
  const number = plainNumber(mantissa, decimal);
  return number === undefined ? undefined : Number(`${number}${exponent}`);
}

function booleans([yes, no]: ConvertRules["truths"]): Convert {
  const meanings = new Map([
    ...no.map((text) => [text.toLowerCase(), 0n] as const),
    ...yes.map((text) => [text.toLowerCase(), 1n] as const),
  ]);
  return (text) => meanings.get(text.trim().toLowerCase()) ?? asIs(text);
}

/** A column of numbers turns a text that looks like one into a number, and its zeros are lost. */
function asIs(text: string): StoredValue {
  return /^\s*[+-]?(\d|\.\d)/.test(text) && !Number.isNaN(Number(text)) ? encoder.encode(text) : text;
}

/** A date or time as read: its parts, in the ways that are told by `formats`. */
function moments(type: string, formats: readonly string[] | undefined): Convert {
  const readers = (formats ?? standardFormats(type)).map(formatReader);
  return (text) => {
    const trimmed = text.trim();
    for (const read of readers) {
      const parts = read(trimmed);
      const value = parts && momentOf(type, parts);
      if (value !== undefined) return value;
    }
    return asIs(text);
  };
}

function standardFormats(type: string): string[] {
  if (type === "date") return ["yyyy-MM-dd"];
  if (type === "time") return ["HH:mm:ss", "HH:mm", "HH:mm:ss.S"];
  const marks = type === "instant" ? ["Z"] : [""];
  return [" ", "T"].flatMap((between) =>
    ["HH:mm:ss", "HH:mm:ss.S", "HH:mm"].flatMap((time) => marks.map((mark) => `yyyy-MM-dd${between}${time}${mark}`)),
  );
}

interface MomentParts {
  yyyy: string;
  MM: string;
  dd: string;
  HH: string;
  mm: string;
  ss: string;
  S: string;
}

const letters = /yyyy|MM|dd|HH|mm|ss|S+|[\s\S]/g;

function formatReader(format: string): (text: string) => MomentParts | undefined {
  const names: (keyof MomentParts)[] = [];
  let expression = "";
  for (const [piece] of format.matchAll(letters)) {
    if (/^S+$/.test(piece)) {
      names.push("S");
      expression += "(\\d{1,9})";
    } else if (/^(yyyy|MM|dd|HH|mm|ss)$/.test(piece)) {
      names.push(piece as keyof MomentParts);
      expression += piece === "yyyy" ? "(\\d{4})" : "(\\d{2})";
    } else expression += piece.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
  }
  const pattern = new RegExp(`^${expression}$`);
  return (text) => {
    const match = pattern.exec(text);
    if (!match) return undefined;
    const parts: MomentParts = { yyyy: "", MM: "", dd: "", HH: "00", mm: "00", ss: "00", S: "" };
    for (const [index, name] of names.entries()) parts[name] = match[index + 1] as string;
    return parts;
  };
}

/** Calendar dates as they are, impossible ones too: what to make of 00.00.0000 the mapping says. */
function momentOf(type: string, { yyyy, MM, dd, HH, mm, ss, S }: MomentParts): string | undefined {
  const time = `${HH}:${mm}:${ss}${S === "" ? "" : `.${S}`}`;
  if (type === "time") return time;
  if (yyyy === "" || MM === "" || dd === "") return undefined;
  if (type === "date") return `${yyyy}-${MM}-${dd}`;
  return `${yyyy}-${MM}-${dd} ${time}${type === "instant" ? "Z" : ""}`;
}
