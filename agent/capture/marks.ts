/** Arithmetic on the marks of cursor columns, which are text: whole numbers, or local date-times `YYYY-MM-DDTHH:mm:ss[.f]`. Pure. */

export type MarkKind = "timestamp" | "sequence";

/** Below every mark: where an empty table begins. */
const lowest: Readonly<Record<MarkKind, string>> = { timestamp: "1000-01-01T00:00:00", sequence: "-9223372036854775808" };

/** The later of two marks. */
export function laterMark(kind: MarkKind, one: string, other: string): string {
  return isLater(kind, other, one) ? other : one;
}

/** Whether `one` is after `other`. */
export function isLater(kind: MarkKind, one: string, other: string): boolean {
  // A shorter fraction sorts before a longer one that goes on from it, as it should.
  return kind === "sequence" ? BigInt(one) > BigInt(other) : one > other;
}

/** `mark` moved back by `overlap`: milliseconds for a timestamp, a count for a sequence. Never below the lowest. */
export function markBefore(kind: MarkKind, mark: string, overlap: number): string {
  if (mark === lowest[kind]) return mark;
  if (kind === "sequence") return String(BigInt(mark) - BigInt(Math.round(overlap)));
  const earlier = Temporal.PlainDateTime.from(mark).subtract({ milliseconds: Math.round(overlap) });
  const text = earlier.toString({
    smallestUnit: earlier.microsecond + earlier.millisecond + earlier.nanosecond > 0 ? "microsecond" : "second",
  });
  return text < lowest.timestamp ? lowest.timestamp : text;
}

export function lowestMark(kind: MarkKind): string {
  return lowest[kind];
}
