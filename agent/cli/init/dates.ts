/** How a column holds dates and times, and which values stand for none: found by trying the formats on the rows that were looked at. */
import type { Column } from "../../../connectors/connector.ts";
import { codeText } from "../../map/code-maps.ts";
import { compileDatePattern } from "../../map/date-pattern.ts";
import { isMoment } from "../../map/date-types.ts";
import type { DraftedType } from "./drafted.ts";
import { filled, type Sample } from "./evidence.ts";

export interface DateRegistry {
  readonly types: ReadonlyMap<string, DraftedType>;
  /** The name under `types:` by which the column is read; "" where it needs none; undefined where no format fits, or nothing is there to try. */
  typeFor(sample: Sample, column: Column, made: "day" | "time"): string | undefined;
}

interface Format {
  name: string;
  /** As under `types:`. */
  form: "integer" | "text";
  pattern: string;
}

const days: readonly Format[] = [
  { name: "ymd", form: "integer", pattern: "yyyyMMdd" },
  { name: "ymdhms", form: "integer", pattern: "yyyyMMddHHmmss" },
  { name: "isoDay", form: "text", pattern: "yyyy-MM-dd" },
  { name: "isoMoment", form: "text", pattern: "yyyy-MM-dd HH:mm:ss" },
  { name: "isoStamp", form: "text", pattern: "yyyy-MM-dd'T'HH:mm:ss" },
  { name: "germanDay", form: "text", pattern: "dd.MM.yyyy" },
  { name: "germanMoment", form: "text", pattern: "dd.MM.yyyy HH:mm" },
  { name: "germanStamp", form: "text", pattern: "dd.MM.yyyy HH:mm:ss" },
  { name: "slashDay", form: "text", pattern: "dd/MM/yyyy" },
  { name: "usDay", form: "text", pattern: "MM/dd/yyyy" },
];
const times: readonly Format[] = [
  { name: "hms", form: "integer", pattern: "HHmmss" },
  { name: "hm", form: "integer", pattern: "HHmm" },
  { name: "clock", form: "text", pattern: "HH:mm:ss" },
  { name: "shortClock", form: "text", pattern: "HH:mm" },
];

/** Days of which a database or a clerk makes "none" and "for ever"; a real one is hardly ever among them. */
const noDay = /^(0001-01-01|1111-11-11|1601-01-01|1753-01-01|1899-12-3[01]|1900-01-01|0000-00-00)/;
const noEnd = /^(2099-12-31|2199-12-31|2[2-9]\d\d-|[3-9]\d\d\d-)/;
/** Such a value may be written into the draft: digits and their separators alone. */
const isSentinelText = /^[\d.:/ T-]{1,24}$/;

export function dateRegistry(): DateRegistry {
  const types = new Map<string, DraftedType>();
  const typed = (name: string, form: string): DraftedType => {
    const type = types.get(name) ?? { name, form, empty: new Set(), openEnd: new Set(), columns: new Set(), odd: new Map() };
    types.set(name, type);
    return type;
  };
  return {
    types,
    typeFor(sample, column, made) {
      const values = filled(sample, column.name).map(codeText);
      const place = `${sample.table.name}.${column.name}`;
      if (isMoment(column.type)) {
        const { empty, openEnd } = sentinelsOf(values, (text) => text);
        if (empty.length + openEnd.length === 0) return "";
        const type = typed("native", "native: true");
        take(type, { place, empty, openEnd, odd: 0 });
        return type.name;
      }
      const formats = made === "day" ? days : times;
      const fitting = onlyOne(formats.filter((format) => fits(format, column, values)));
      // A column of nothing but zeros is read as its neighbours are.
      const alike = values.every((text) => /^0+$/.test(text))
        ? formats.find(({ name, form }) => types.has(name) && form === "integer" && column.type === "integer")
        : undefined;
      const format = fitting ?? alike;
      if (format === undefined) return undefined;
      const { parse } = reading(format);
      const sentinels = made === "day" ? sentinelsOf(values, parse) : { empty: [], openEnd: [] };
      const type = typed(
        format.name,
        `${format.form}: ${format.pattern.includes(":") || format.pattern.includes("'") ? JSON.stringify(format.pattern) : format.pattern}`,
      );
      const none = new Set([...sentinels.empty, ...sentinels.openEnd, ...type.empty]);
      take(type, { place, ...sentinels, odd: values.filter((text) => parse(text) === undefined && !none.has(text)).length });
      if (format.name === "ymd") {
        type.empty.add("0");
        type.openEnd.add("99991231");
      }
      return type.name;
    },
  };
}

/** The first that fits; none where day and month can't be told apart. */
function onlyOne(fitting: readonly Format[]): Format | undefined {
  const [first, second] = fitting;
  return first?.name === "slashDay" && second?.name === "usDay" ? undefined : first;
}

function take(type: DraftedType, seen: { place: string; empty: string[]; openEnd: string[]; odd: number }): void {
  type.columns.add(seen.place);
  for (const text of seen.empty) type.empty.add(text);
  for (const text of seen.openEnd) type.openEnd.add(text);
  if (seen.odd > 0) type.odd.set(seen.place, seen.odd);
}

function reading({ form, pattern }: Format): { parse: (text: string) => string | undefined } {
  const compiled = compileDatePattern(pattern);
  if (typeof compiled === "string") throw new Error(`The format ${pattern} of init ${compiled}`);
  const { digitWidth = 0, parse } = compiled;
  return form === "text"
    ? { parse }
    : { parse: (text) => (/^\d+$/.test(text) && text.length <= digitWidth ? parse(text.padStart(digitWidth, "0")) : undefined) };
}

/** Nine of ten values are dates by the format, or stand for none; of a few one may be junk. */
function fits(format: Format, column: Column, values: readonly string[]): boolean {
  const types = format.form === "integer" ? ["integer", "decimal", "text"] : ["text"];
  if (!types.includes(column.type)) return false;
  // 18:50 as 1850 would be 18 minutes and 50 seconds past midnight.
  if (format.name === "hms" && !values.some((text) => text.length > 4)) return false;
  const { parse } = reading(format);
  const read = values.filter((text) => parse(text) !== undefined).length;
  const none = values.filter((text) => parse(text) === undefined && /^[0 .:/-]+$/.test(text)).length;
  const odd = values.length - none - read;
  return read > odd && odd <= Math.max(1, (values.length - none) * 0.1);
}

function sentinelsOf(
  values: readonly string[],
  parse: (text: string) => string | undefined,
): { empty: string[]; openEnd: string[] } {
  const counts = new Map<string, number>();
  for (const text of values) counts.set(text, (counts.get(text) ?? 0) + 1);
  const empty: string[] = [];
  const openEnd: string[] = [];
  for (const [text, count] of counts) {
    if (!isSentinelText.test(text)) continue;
    const day = parse(text);
    // What holds a time of day as well is told by its day alone.
    const written = /^\d{4}-\d\d-\d\dT/.test(text) ? text.slice(0, 10) : text;
    if (day === undefined ? /^[0 .:/-]+$/.test(text) : noDay.test(day)) empty.push(written);
    else if (day === undefined ? /^9{6,14}$/.test(text) : noEnd.test(day)) openEnd.push(written);
    else if (day === undefined && count >= 3 && /^\d+$/.test(text)) empty.push(written);
  }
  return { empty: [...new Set(empty)], openEnd: [...new Set(openEnd)] };
}
