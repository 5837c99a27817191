/** Who uses a unit from when to when, out of a utilisation period. */
import { fieldsOf } from "../../protocol/entity-text.ts";
import type { Json } from "../../protocol/model.ts";
import { itemsOf } from "./addresses.ts";
import type { FactReads, Span, Subject } from "./judged.ts";

const dayMs = 86_400_000;

export function spansOf({ text, parents }: Subject, look: FactReads): readonly Span[] {
  const fields = fieldsOf(text);
  const selfOf = (type: string, id: Json | undefined): bigint | undefined => {
    const parent = parents.find((one) => one.type === type && one.id === id);
    return parent && look.selfOf(parent.source, parent.key);
  };
  const unit = selfOf("unit", fields.unitId);
  if (unit === undefined) return [];
  const use = { kind: String(fields.kind), unit, from: dayOf(fields.startDate), until: dayOf(fields.endDate) };
  const spans = itemsOf(fields.participants).map((item): Span => {
    const { personId, role } = item as { personId?: Json; role?: Json };
    return { ...use, person: selfOf("person", personId), role: String(role ?? "") };
  });
  return spans.length > 0 ? spans : [{ ...use, person: undefined, role: "" }];
}

/** Days since 1970-01-01 of `YYYY-MM-DD`. */
function dayOf(date: Json | undefined): number | undefined {
  const at = typeof date === "string" ? Date.parse(`${date}T00:00:00Z`) : Number.NaN;
  return Number.isNaN(at) ? undefined : at / dayMs;
}
