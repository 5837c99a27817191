/**
 * A person who can be reached, or was born some day, and stands in no contract: past, present or to come. Whoever is known by name alone (the second name of a
 * record) is no tenant of their own.
 */
import type { Fields } from "../../../protocol/model.ts";
import { itemsOf } from "../addresses.ts";
import type { Holder, PlacedSpan, Raised } from "../judged.ts";

export const isReachable = (fields: Fields): boolean =>
  itemsOf(fields.emails).length > 0 || itemsOf(fields.phones).length > 0 || typeof fields.birthDate === "string";

export function withoutPeriod({ source, key }: Holder, spans: readonly PlacedSpan[]): readonly Raised[] {
  return spans.length > 0 ? [] : [{ rule: "person-without-period", source, key, field: "", other: "", params: {} }];
}
