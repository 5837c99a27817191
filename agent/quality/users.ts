/** What is wrong with those who use units: with a person by all of its periods, and with the periods of a unit by each other. */
import type { FactLook, FactReads, Raised } from "./judged.ts";
import { noStarts } from "./rules/period-no-start.ts";
import { openPredecessors } from "./rules/period-open-predecessor.ts";
import { overlaps } from "./rules/period-overlap.ts";
import { reversedOnes } from "./rules/period-reversed.ts";
import { futureOnly } from "./rules/person-future-only.ts";
import { withoutPeriod } from "./rules/person-without-period.ts";
import { soundUses, usesOf } from "./uses.ts";

/** With more it is no unit, but a place where everything is put that has none. */
const mostSpans = 100;

export function judgePerson(person: bigint, look: FactReads & Pick<FactLook, "today">): readonly Raised[] {
  const [holder] = look.holders("reachable", person, 1);
  if (holder === undefined) return [];
  const earliest = look.spansOfPerson(person, 1);
  return [...withoutPeriod(holder, earliest), ...futureOnly(holder, earliest, look.today)];
}

export function judgeUnit(unit: bigint, look: FactReads): readonly Raised[] {
  const spans = look.spansOfUnit(unit, mostSpans + 1);
  if (spans.length > mostSpans) return [];
  const uses = usesOf(spans);
  const sound = soundUses(uses);
  return [...noStarts(uses), ...reversedOnes(uses), ...openPredecessors(sound), ...overlaps(sound)];
}
