/**
 * What an entity belonged to before: the building that a unit stood in, the person whose contract it was. It is kept as a fact until the entity belongs there
 * again, or until what it was is gone: then it was renumbered or merged, and nothing is wrong.
 */
import type { TypeName } from "../../protocol/model.ts";
import type { Fact, FactReads, Facts, FindingName, Place, Raised, Span, Subject } from "./judged.ts";
import { formerMain } from "./rules/key-reused.ts";
import { leftPlace } from "./rules/moved.ts";

export interface FormerParts {
  look: FactReads;
  typeOf: (source: string) => TypeName | undefined;
  isLookedFor: (rule: FindingName) => boolean;
  /** Of the period as it is now. */
  spans: readonly Span[];
}

interface Former {
  facts: readonly Fact[];
  moved?: Facts["moved"];
}

const none: Former = { facts: [] };

export function formerOf(subject: Subject, { look, typeOf, isLookedFor, spans }: FormerParts): Former {
  const { source, key, type } = subject;
  const rule = type === "utilisationPeriod" ? "key-reused" : type === "unit" || type === "building" ? "moved" : undefined;
  if (rule === undefined || !isLookedFor(rule)) return none;
  const self = look.selfOf(source, key);
  const numberOf = (place: Place): bigint => look.selfOf(place.source, place.key);
  const [known] = look.groupsOf(self, "former");
  if (known !== undefined) {
    const isBack =
      rule === "moved"
        ? subject.parents.some((parent) => numberOf(parent) === known)
        : spans.some(({ role, person }) => role === "main" && person === known);
    return isBack ? { facts: [], moved: [] } : { facts: [factOf(known)] };
  }
  const raised = (other: string): Raised => ({ rule, source, key, field: "", other, params: {} });
  if (rule === "moved") {
    const place = leftPlace(subject, subject.former(), typeOf);
    return place === undefined ? none : { facts: [factOf(numberOf(place))], moved: [raised(place.key)] };
  }
  const person = formerMain(look.spansOf(self), spans);
  if (person === undefined) return none;
  const other = subject.former().find((place) => numberOf(place) === person)?.key ?? "";
  return { facts: [factOf(person)], moved: [raised(other)] };
}

const factOf = (former: bigint): Fact => ({ kind: "former", hash: former, detail: 0n });
