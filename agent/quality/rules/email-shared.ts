/**
 * One address at several persons. A household may share one: then the main participant of its earliest running period keeps it. Whose it is of any others
 * nobody can know, so that none of them is sent with it.
 */
import type { FactLook, Holder, PlacedSpan } from "../judged.ts";

/** Beyond so many an address is nobody's, whoever comes or goes. */
export const mostHolders = 50;
/** Periods of one person that are looked at. */
const mostSpans = 100;

export interface Shared {
  /** Who is sent with the address. */
  keeper: bigint | undefined;
  isHousehold: boolean;
}

/** A use of one unit from one day to another; in some ERPs each participant has a row of its own. */
interface Use {
  unit: bigint;
  from: number | undefined;
  until: number | undefined;
  members: Set<bigint>;
  mains: Set<bigint>;
}

/** @param holders two or more, and not more than `mostHolders` */
export function judgeShared(holders: readonly Holder[], look: FactLook): Shared {
  if (!look.spansKnown) return { keeper: undefined, isHousehold: false };
  const common = commonUses(holders, look);
  const running = common.filter(
    ({ from, until }) => from !== undefined && from <= look.today && (until === undefined || until >= look.today),
  );
  const [earliest] = running.toSorted(inOrder);
  const keeper = holders
    .filter(({ self }) => earliest?.mains.has(self))
    .toSorted((one, other) => (placeOf(one) < placeOf(other) ? -1 : 1))[0];
  return { keeper: keeper?.self, isHousehold: common.length > 0 };
}

/** Those that all of them have part in. */
function commonUses(holders: readonly Holder[], look: FactLook): readonly Use[] {
  const uses = new Map<string, Use>();
  for (const { self } of holders) {
    for (const span of look.spansOfPerson(self, mostSpans)) {
      const name = [span.unit, span.from, span.until].join();
      const use = uses.get(name) ?? newUse(span);
      uses.set(name, use);
      use.members.add(self);
      if (span.role === "main") use.mains.add(self);
    }
  }
  return [...uses.values()].filter(({ members }) => members.size === holders.length);
}

const newUse = ({ unit, from, until }: PlacedSpan): Use => ({ unit, from, until, members: new Set(), mains: new Set() });

function inOrder(one: Use, other: Use): number {
  if (one.from !== other.from) return (one.from as number) - (other.from as number);
  if (one.unit !== other.unit) return one.unit < other.unit ? -1 : 1;
  return (one.until ?? Number.POSITIVE_INFINITY) < (other.until ?? Number.POSITIVE_INFINITY) ? -1 : 1;
}

const placeOf = ({ source, key }: Holder): string => `${source}\n${key}`;
