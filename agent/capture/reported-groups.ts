/**
 * Groups of which findings are raised and nothing else: persons with one look, a person with its periods, the periods of a unit. Those that a change touched are
 * judged at the end of its transaction; all of them once it is known what they stand on; by the date alone only those that it can mend.
 */
import type { FactLook, FindingName, Group, Quality } from "../quality/judged.ts";
import type { FactChange } from "../store/facts.ts";
import type { Store } from "../store/store.ts";

export interface ReportedGroups {
  touch(change: FactChange): void;
  /** Judges what was touched. At the end of each transaction that touched anything. */
  flush(): void;
  /** Whether groups were judged under other rules, on another day, or not all of them yet. */
  owes(): boolean;
  /** Judges some of what is owed; false where nothing is left. */
  judgeSome(): boolean;
  /** All of them are owed. */
  forget(): void;
}

export interface ReportedParts {
  store: Store;
  now: () => number;
  quality: Quality;
  /** What can be asked now, and whether it is all that these groups stand on. */
  known: () => { look: FactLook; isAll: boolean };
}

const kinds = ["look", "person", "unit"] as const satisfies readonly Group["kind"][];
const groupsAtOnce = 200;
const findingsAtOnce = 1_000;
/** Under which rules all groups were judged last, and the last day on which those that it can mend were. */
const rulesName = "quality-judged-groups";
const dayName = "quality-judged-day";

export function createReportedGroups({ store, now, quality, known }: ReportedParts): ReportedGroups {
  const { facts, findings, meta } = store;
  const touched: Record<Group["kind"], Set<bigint>> = { look: new Set(), person: new Set(), unit: new Set() };
  /** How far the round over all groups is; undefined: none is under way. */
  let round: { rules: string; kind: Group["kind"]; after: bigint | undefined } | undefined;
  /** Those whom the day may mend, as far as they are not judged by it yet. */
  let waiting: { day: string; persons: bigint[] } | undefined;
  /** A look is a hash of its own; a person or unit may have findings of another kind under its number. */
  const numberOf = ({ kind, hash }: Group): bigint => (kind === "look" ? hash : facts.hash(`periods-of-${kind}`, String(hash)));
  const judge = (group: Group, look: FactLook): void => {
    findings.replace(numberOf(group), quality.judgeGroup(group, look), now());
  };
  const isEmpty = ({ kind, hash }: Group): boolean => {
    if (kind === "unit") return facts.spansOfUnit(hash, 1).length === 0;
    return facts.holders(kind === "look" ? "look" : "reachable", hash, 1).length === 0;
  };
  const some = (kind: Group["kind"], after: bigint | undefined): readonly bigint[] =>
    kind === "unit"
      ? facts.units(after, groupsAtOnce)
      : facts.groups(kind === "look" ? "look" : "reachable", after, groupsAtOnce);
  const rulesNow = (): string | undefined => (known().isAll ? quality.fingerprint : undefined);
  const dayNow = (): string => String(known().look.today);
  const owesRules = (): boolean => rulesNow() !== undefined && rulesNow() !== meta.get(rulesName);
  const owesDay = (): boolean => rulesNow() !== undefined && dayNow() !== meta.get(dayName);
  const judgeRound = (rules: string): void => {
    const { kind, after } = round?.rules === rules ? round : { kind: "look" as const, after: undefined };
    const hashes = some(kind, after);
    const { look } = known();
    for (const hash of hashes) judge({ kind, hash }, look);
    const next = hashes.length < groupsAtOnce ? kinds[kinds.indexOf(kind) + 1] : kind;
    round = next && { rules, kind: next, after: next === kind ? hashes.at(-1) : undefined };
    if (round === undefined) meta.set(rulesName, rules);
  };
  /** Nobody comes to be one who is only to move in by the date alone. */
  const judgeDay = (day: string): void => {
    if (waiting?.day !== day) waiting = { day, persons: persons("person-future-only") };
    const { look } = known();
    for (const hash of waiting.persons.splice(-groupsAtOnce)) judge({ kind: "person", hash }, look);
    if (waiting.persons.length === 0) meta.set(dayName, day);
  };
  const persons = (rule: FindingName): bigint[] => {
    const found: bigint[] = [];
    for (let offset = 0; offset === found.length; offset += findingsAtOnce)
      for (const { source, key } of findings.list({ rule, limit: findingsAtOnce, offset })) found.push(facts.selfOf(source, key));
    return found;
  };
  return {
    touch({ groups, units, persons }) {
      for (const { kind, hash } of groups) {
        if (kind === "look") touched.look.add(hash);
        if (kind === "reachable") touched.person.add(hash);
      }
      for (const person of persons) touched.person.add(person);
      for (const unit of units) touched.unit.add(unit);
    },
    flush() {
      const { look, isAll } = known();
      for (const kind of kinds) {
        for (const hash of touched[kind]) {
          if (isAll) judge({ kind, hash }, look);
          // No round comes by a group that is no more.
          else if (isEmpty({ kind, hash })) findings.replace(numberOf({ kind, hash }), [], now());
        }
        touched[kind].clear();
      }
    },
    owes: () => owesRules() || owesDay(),
    judgeSome() {
      const rules = rulesNow();
      if (rules === undefined || !(owesRules() || owesDay())) return false;
      store.transaction(() => {
        if (owesRules()) judgeRound(rules);
        else judgeDay(dayNow());
      }, "quality");
      return true;
    },
    forget() {
      round = undefined;
      meta.set(rulesName, undefined);
    },
  };
}
