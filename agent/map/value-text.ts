/** How a value that was made for a field is written down, once and for good: as the canonical JSON that digest and frame are made of. */
import { canonicalJson, quoted } from "../../protocol/canonical-json.ts";
import { fitsOf } from "../../protocol/fits.ts";
import type { Json } from "../../protocol/model.ts";
import type { FieldKind } from "./field-kind.ts";
import type { RowReading } from "./row-reading.ts";

/** Writes a value; one that the model may refuse is noted in the reading. */
export type WriteValue = (value: Json, reading: RowReading) => string;

/** The writer of a field's values. */
export function writerOf(kind: FieldKind): WriteValue {
  const fits = fitsOf(kind.schema);
  switch (kind.kind) {
    case "text":
      return (value, reading) => {
        if (!fits(value)) reading.misfit = true;
        return quoted(value as string);
      };
    case "instant":
      return (value, reading) => {
        // What the conversions make is written to the second or to the millisecond, and longer only past the calendar's end.
        const { length } = value as string;
        if (length !== 20 && length !== 24) reading.misfit = true;
        return `"${value}"`;
      };
    case "date":
    case "decimal":
      return (value, reading) => {
        // What fits holds no character that JSON would write in another way.
        if (fits(value)) return `"${value}"`;
        reading.misfit = true;
        return canonicalJson(value);
      };
    case "money":
      return (value, reading) => {
        const { amount, currency } = value as { amount: string; currency: string };
        if (fits(value)) return `{"amount":"${amount}","currency":"${currency}"}`;
        reading.misfit = true;
        return canonicalJson(value);
      };
    default:
      return (value, reading) => {
        if (!fits(value)) reading.misfit = true;
        return canonicalJson(value);
      };
  }
}

/** A text that was written as JSON. */
export function writtenText(json: string): string {
  // Without an escape what stands between the quotes is the text.
  return json.startsWith('"') && !json.includes("\\") ? json.slice(1, -1) : String(JSON.parse(json));
}

/** Values remembered per column: days, codes. A company's history holds some ten thousand days. */
const mostRemembered = 20_000;

/**
 * The same reader, which works each value out once. For columns of few values only; what led to a fault, a note or a misfit is never remembered, so that
 * it is told each time.
 */
export function remembering<V>(
  make: (value: V, reading: RowReading) => string | null,
): (value: V, reading: RowReading) => string | null {
  const known = new Map<V, string | null>();
  return (value, reading) => {
    const found = known.get(value);
    if (found !== undefined) return found;
    const told = reading.faults.length + reading.notes.length;
    const { misfit } = reading;
    reading.misfit = false;
    const text = make(value, reading);
    if (!reading.misfit && reading.faults.length + reading.notes.length === told) {
      if (known.size === mostRemembered) known.clear();
      known.set(value, text);
    }
    reading.misfit ||= misfit;
    return text;
  };
}
