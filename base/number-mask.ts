/** How a drawn number is written: `TS{yyMM}-{0000}`, and the pattern of the rows that count for it: `TS____-%`. */

/** One part of a mask: text as it stands, a date, or the number with zeros in front. */
export type MaskPart = { literal: string } | { date: string } | { digits: number };

/** Parts of a date whose width never changes. */
const dateParts = /^(?:yyyy|yy|MM|dd|HH|mm|ss)+$/;

/** The parts; undefined where a brace holds something else, or is not closed. */
export function maskParts(mask: string): MaskPart[] | undefined {
  const parts: MaskPart[] = [];
  for (const [all, inside] of mask.matchAll(/\{([^{}]*)\}|[^{}]+|[{}]/g)) {
    if (inside === undefined && /[{}]/.test(all)) return undefined;
    if (inside === undefined) parts.push({ literal: all });
    else if (/^0{1,18}$/.test(inside)) parts.push({ digits: inside.length });
    else if (dateParts.test(inside)) parts.push({ date: inside });
    else return undefined;
  }
  return parts;
}

/** Characters in front of the number. */
export function widthBefore(parts: readonly MaskPart[]): number {
  let width = 0;
  for (const part of parts) {
    if ("digits" in part) break;
    width += "literal" in part ? [...part.literal].length : part.date.length;
  }
  return width;
}

/** The rows that carry a number of this mask and period. Undefined where the mask's own text would be a wildcard. */
export function patternOfMask(parts: readonly MaskPart[]): MaskPart[] | undefined {
  if (parts.some((part) => "literal" in part && /[%_[\]\\^]/.test(part.literal))) return undefined;
  return parts.map((part) => ("digits" in part ? { literal: "%" } : part));
}
