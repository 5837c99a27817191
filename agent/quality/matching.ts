/** Which persons of the ERP fit what the portal knows of somebody: by their facts alone, so that no address or name is kept or told. */
import type { FactKind, Holder, PlacedSpan } from "./judged.ts";

/** Hashes (`FactReads.hash`) of what is asked for. */
export interface Asked {
  name?: bigint;
  email?: bigint;
  /** `selfOf` the unit. */
  unit?: bigint;
}

export type Reason = "email" | "name" | "unit";

export interface Match {
  source: string;
  key: string;
  /** The surest first. */
  reasons: readonly Reason[];
}

/** What is asked of the facts. */
export interface MatchReads {
  holders(kind: FactKind, hash: bigint, most: number): readonly Pick<Holder, "self" | "source" | "key">[];
  groupsOf(self: bigint, kind: FactKind): readonly bigint[];
  spansOfUnit(unit: bigint, most: number): readonly PlacedSpan[];
  spansOfPerson(person: bigint, most: number): readonly PlacedSpan[];
  /** Undefined: nothing is kept of it. */
  placeOf(self: bigint): { source: string; key: string } | undefined;
}

/** What more persons than so many have in common says nothing of one of them; nor is more than so much of one looked through. */
const mostAlike = 50;
const mostSpans = 100;

/**
 * Persons with the address or the name, and those who use the unit today or later; those for whom most speaks come first.
 * @param today days since 1970-01-01
 */
export function matchesOf(asked: Asked, facts: MatchReads, { today, most }: { today: number; most: number }): readonly Match[] {
  const candidates = new Map<bigint, { source: string; key: string }>();
  for (const kind of ["email", "name"] as const) {
    const holders = asked[kind] === undefined ? [] : facts.holders(kind, asked[kind], mostAlike + 1);
    if (holders.length <= mostAlike) for (const { self, source, key } of holders) candidates.set(self, { source, key });
  }
  const spans = asked.unit === undefined ? [] : facts.spansOfUnit(asked.unit, mostSpans);
  for (const { person, until } of spans) {
    const place = person === undefined || (until ?? today) < today ? undefined : facts.placeOf(person);
    if (person !== undefined && place !== undefined) candidates.set(person, place);
  }
  const speaksFor: Readonly<Record<Reason, (self: bigint) => boolean>> = {
    email: (self) => asked.email !== undefined && facts.groupsOf(self, "email").includes(asked.email),
    name: (self) => asked.name !== undefined && facts.groupsOf(self, "name").includes(asked.name),
    unit: (self) => asked.unit !== undefined && facts.spansOfPerson(self, mostSpans).some(({ unit }) => unit === asked.unit),
  };
  const all: readonly Reason[] = ["email", "name", "unit"];
  const matches = [...candidates].map(
    ([self, place]): Match => ({ ...place, reasons: all.filter((reason) => speaksFor[reason](self)) }),
  );
  return matches
    .filter(({ reasons }) => reasons.length > 0)
    .sort(surestFirst)
    .slice(0, most);
}

/** Whether it is more than chance: not a name alone, of which there may be many, nor a unit alone, which others use too. */
export const isTelling = ({ reasons }: Match): boolean => reasons.length > 1 || reasons[0] === "email";

function surestFirst(one: Match, other: Match): number {
  const more = other.reasons.length - one.reasons.length;
  const sooner = one.reasons.join().localeCompare(other.reasons.join());
  return more || sooner || one.source.localeCompare(other.source) || one.key.localeCompare(other.key);
}
