/** A person who is no tenant yet: the earliest of their contracts begins after today. */
import type { Holder, PlacedSpan, Raised } from "../judged.ts";

/**
 * @param spans in the order of their beginnings, those without one first
 * @param today days since 1970-01-01
 */
export function futureOnly({ source, key }: Holder, spans: readonly PlacedSpan[], today: number): readonly Raised[] {
  const [earliest] = spans;
  if (earliest?.from === undefined || earliest.from <= today) return [];
  return [{ rule: "person-future-only", source, key, field: "", other: earliest.key, params: {} }];
}
