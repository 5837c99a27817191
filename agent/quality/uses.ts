/** The periods of a unit, as its rules compare them. */
import type { PlacedSpan, Raised, RuleName } from "./judged.ts";

/** One period, however many have part in it. */
export type Use = Pick<PlacedSpan, "source" | "key" | "kind" | "from" | "until">;

/** With a beginning, and no end before it: of others nothing can be said beside others. */
export interface SoundUse extends Use {
  from: number;
}

export function usesOf(spans: readonly PlacedSpan[]): readonly Use[] {
  return [...new Map(spans.map((span) => [placeOf(span), span])).values()];
}

export const isReversed = ({ from, until }: Use): boolean => from !== undefined && until !== undefined && until < from;

/** In the order of their beginnings. */
export function soundUses(uses: readonly Use[]): readonly SoundUse[] {
  const sound = uses.filter((use): use is SoundUse => use.from !== undefined && !isReversed(use));
  return sound.toSorted((one, other) => one.from - other.from || (placeOf(one) < placeOf(other) ? -1 : 1));
}

/** The earlier one has no end, although the other began after it. */
export const isLeftOpen = (earlier: SoundUse, later: SoundUse): boolean =>
  earlier.kind === later.kind && earlier.until === undefined && earlier.from < later.from;

export function raisedOf(rule: RuleName, { source, key }: Use, { field = "", other = "" }): Raised {
  return { rule, source, key, field, other, params: {} };
}

const placeOf = ({ source, key }: Use): string => `${source}\n${key}`;
