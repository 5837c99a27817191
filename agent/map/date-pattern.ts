/**
 * Date and time patterns of `types:` and `format()`: yyyy, yy, MM, M, dd, d, HH, H, mm, m, ss, s, S (fraction, one to nine); any other character
 * stands for itself, letters in single quotes. Two-digit years follow POSIX: 69 to 99 are 19xx, 00 to 68 are 20xx.
 */
import { digits, isCalendarDay, isTimeOfDay } from "./calendar.ts";

export interface DatePattern {
  has: "date" | "time" | "datetime";
  /** Digits of the whole, where the pattern is digits alone: an integer is padded to it. */
  digitWidth: number | undefined;
  /** `YYYY-MM-DD`, `HH:mm:ss[.f]` or both joined by `T`; undefined where the text does not fit or there is no such day or time. */
  parse(text: string): string | undefined;
  /** The text of a local time `YYYY-MM-DDTHH:mm:ss[.f]`. */
  format(local: string): string;
}

type Unit = "y" | "M" | "d" | "H" | "m" | "s" | "S";
type Token = { unit: Unit; width: number } | { literal: string };

const tokenPattern = /'((?:[^']|'')*)'|(yyyy|yy|MM?|dd?|HH?|mm?|ss?|S{1,9})|([A-Za-z]+)|([^A-Za-z']+)/y;

/** A pattern that only writes: it may leave parts out. */
export interface DateFormat {
  /** Whether it writes parts of a date, and of a time. */
  date: boolean;
  time: boolean;
  /** The text of a local time `YYYY-MM-DDTHH:mm:ss[.f]`. */
  format(local: string): string;
}

/** Compiles a pattern for writing; a string says what is wrong with it. */
export function compileDateFormat(pattern: string): DateFormat | string {
  const tokens = tokensOf(pattern);
  if (typeof tokens === "string") return tokens;
  const units = unitsOf(tokens);
  if (units.length === 0) return "holds neither a date nor a time";
  return { date: units.some(isDateUnit), time: !units.every(isDateUnit), format: formatterOf(tokens) };
}

const unitsOf = (tokens: readonly Token[]): Unit[] => tokens.flatMap((token) => ("unit" in token ? [token.unit] : []));
const isDateUnit = (unit: Unit): boolean => unit === "y" || unit === "M" || unit === "d";

function tokensOf(pattern: string): Token[] | string {
  const tokens: Token[] = [];
  tokenPattern.lastIndex = 0;
  while (tokenPattern.lastIndex < pattern.length) {
    const match = tokenPattern.exec(pattern);
    if (!match) return "has an open quote";
    const [, quoted, unit, letters, other] = match;
    if (letters !== undefined) return `does not know ${letters}; known are yyyy, yy, MM, dd, HH, mm, ss and S`;
    if (unit !== undefined) tokens.push({ unit: unit[0] as Unit, width: unit.length });
    else tokens.push({ literal: quoted === undefined ? (other as string) : quoted === "" ? "'" : quoted.replaceAll("''", "'") });
  }
  return tokens;
}

/** Compiles a pattern for reading and writing: it must tell a whole date, a whole time or both. A string says what is wrong with it. */
export function compileDatePattern(pattern: string): DatePattern | string {
  const tokens = tokensOf(pattern);
  if (typeof tokens === "string") return tokens;
  const units = unitsOf(tokens);
  if (new Set(units).size !== units.length) return "names a part twice";
  const hasDate = units.includes("y") && units.includes("M") && units.includes("d");
  const hasTime = units.includes("H");
  if (!hasDate && units.some(isDateUnit)) return "needs year, month and day";
  if (!hasTime && !units.every(isDateUnit)) return "needs the hour";
  if (!hasDate && !hasTime) return "holds neither a date nor a time";
  const has = hasDate && hasTime ? "datetime" : hasDate ? "date" : "time";
  const fixed = tokens.every((token) => "unit" in token && token.width > 1);
  const digitWidth = fixed ? tokens.reduce((sum, token) => sum + ("unit" in token ? token.width : 0), 0) : undefined;
  return { has, digitWidth, parse: parserOf(tokens, has), format: formatterOf(tokens) };
}

function parserOf(tokens: readonly Token[], has: DatePattern["has"]): DatePattern["parse"] {
  const literally = (text: string): string => text.replace(/[.*+?^${}()|[\]\\/-]/g, "\\$&");
  const source = tokens.map((token) =>
    "literal" in token
      ? literally(token.literal)
      : token.width === 1 && token.unit !== "S"
        ? "(\\d{1,2})"
        : `(\\d{${token.width}})`,
  );
  const expression = new RegExp(`^${source.join("")}$`);
  const units = tokens.flatMap((token) => ("unit" in token ? [token] : []));
  const place = (unit: Unit): number => units.findIndex((token) => token.unit === unit) + 1;
  const [y, mo, d, h, mi, s, f] = (["y", "M", "d", "H", "m", "s", "S"] as const).map(place) as [number, ...number[]] as number[];
  const shortYear = units[(y as number) - 1]?.width === 2;
  const part = (match: RegExpExecArray, index: number | undefined): number => (index ? Number(match[index]) : 0);
  return (text) => {
    const match = expression.exec(text);
    if (!match) return undefined;
    let out = "";
    if (has !== "time") {
      const written = part(match, y);
      const year = shortYear ? written + (written >= 69 ? 1900 : 2000) : written;
      const month = part(match, mo);
      const day = part(match, d);
      if (!isCalendarDay(year, month, day)) return undefined;
      out = `${digits(year, 4)}-${digits(month, 2)}-${digits(day, 2)}`;
      if (has === "date") return out;
      out += "T";
    }
    const [hour, minute, second] = [part(match, h), part(match, mi), part(match, s)];
    if (!isTimeOfDay(hour, minute, second)) return undefined;
    const fraction = f ? (match[f] as string).replace(/0+$/, "") : "";
    return `${out}${digits(hour, 2)}:${digits(minute, 2)}:${digits(second, 2)}${fraction === "" ? "" : `.${fraction}`}`;
  };
}

/** Where each part stands in `YYYY-MM-DDTHH:mm:ss`. */
const slices = { y: [0, 4], M: [5, 7], d: [8, 10], H: [11, 13], m: [14, 16], s: [17, 19] } as const;

function formatterOf(tokens: readonly Token[]): DatePattern["format"] {
  return (local) => {
    let out = "";
    for (const token of tokens) {
      if ("literal" in token) out += token.literal;
      else if (token.unit === "S") out += local.slice(20).padEnd(token.width, "0").slice(0, token.width);
      else {
        const [from, until] = slices[token.unit];
        const text = local.slice(from, until).padStart(2, "0");
        if (token.unit === "y") out += token.width === 2 ? text.slice(-2) : text.padStart(4, "0");
        else out += token.width === 1 ? String(Number(text)) : text;
      }
    }
    return out;
  };
}
