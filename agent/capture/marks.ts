/**
 * Arithmetic on the marks of cursor columns, which are text: whole numbers, or date-times `YYYY-MM-DDTHH:mm:ss[.f]`, local ones or (where the column
 * holds instants) of UTC, with or without a `Z` behind. Pure.
 */

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
  return kind === "sequence" ? BigInt(one) > BigInt(other) : plain(one) > plain(other);
}

const plain = (mark: string): string => (mark.endsWith("Z") ? mark.slice(0, -1) : mark);

/** `mark` moved back by `overlap`: milliseconds for a timestamp, a count for a sequence. Never below the lowest. */
export function markBefore(kind: MarkKind, mark: string, overlap: number): string {
  if (mark === lowest[kind]) return mark;
  if (kind === "sequence") return String(BigInt(mark) - BigInt(Math.round(overlap)));
  const earlier = Temporal.PlainDateTime.from(plain(mark)).subtract({ milliseconds: Math.round(overlap) });
  const text = earlier.toString({
    smallestUnit: earlier.microsecond + earlier.millisecond + earlier.nanosecond > 0 ? "microsecond" : "second",
  });
  return text < lowest.timestamp ? lowest.timestamp : text;
}

/** A clock may be wrong, a mark may be meant in another zone. */
const aheadMs = 86_400_000;

/**
 * The mark past which a mark lies so far ahead of the time that it says nothing of when its row was changed: a slip of the pen, or a value that means
 * "never". A position that followed it would pass over every change from now on. Undefined for sequences, which have no time.
 */
export function horizonOf(kind: MarkKind, now: MarkTime): string | undefined {
  return kind === "timestamp" ? localText(now, aheadMs) : undefined;
}

export function isAhead(mark: string, horizon: string | undefined): boolean {
  return horizon !== undefined && isLater("timestamp", mark, horizon);
}

/** The mark, or where it is ahead of the time one that is surely behind it. */
export function believable(kind: MarkKind, mark: string, now: MarkTime): string {
  return isAhead(mark, horizonOf(kind, now)) ? localText(now, -aheadMs) : mark;
}

export interface MarkTime {
  /** Epoch milliseconds. */
  now: number;
  /** IANA name. */
  timezone: string;
}

/** The second that was asked for last, in its zone: many polls ask for the same one. */
let lastText = { second: Number.NaN, timezone: "", text: "" };

function localText({ now, timezone }: MarkTime, plusMs: number): string {
  const second = Math.floor((now + plusMs) / 1_000);
  if (second !== lastText.second || timezone !== lastText.timezone) {
    const local = Temporal.Instant.fromEpochMilliseconds(second * 1_000).toZonedDateTimeISO(timezone);
    lastText = { second, timezone, text: local.toPlainDateTime().toString({ smallestUnit: "second" }) };
  }
  return lastText.text;
}

export function lowestMark(kind: MarkKind): string {
  return lowest[kind];
}
