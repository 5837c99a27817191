/** Which team a record belongs to: by a column in its own key, or in that of the nearest record that it belongs to. */
import { decodeKey } from "../base/key.ts";
import type { Config, DeliverConfig } from "../config/config.ts";
import type { PlacedSpan } from "./quality/judged.ts";
import type { EntityPlace, StoreReader } from "./store/store.ts";

/** A person's contract, a contract's unit, its building, its estate, and one more. */
const mostSteps = 5;
/** Contracts of one person that are looked at. */
const mostContracts = 100;

export interface TeamParts {
  state: Pick<StoreReader, "entities" | "facts">;
  sources: Config["sources"];
  deliver: Pick<DeliverConfig, "column" | "teams" | "otherwise">;
  /** The ERP's local date, days since 1970-01-01. */
  today: number;
}

/**
 * A record belongs to what it refers to, and a person to the contracts in which it stands, before all to the one that runs today.
 * @returns name of the team, or of the list for what belongs to none
 */
export function teamsBy({ state, sources, deliver, today }: TeamParts): (record: EntityPlace) => string {
  const { column, teams, otherwise } = deliver;
  const byName = new Map(sources.map((source) => [source.name, source]));
  const valueIn = ({ source, key }: EntityPlace): string | undefined => {
    const at = byName.get(source)?.key.indexOf(column) ?? -1;
    return at < 0 ? undefined : decodeKey(key)?.[at];
  };
  const contractsOf = (record: EntityPlace): readonly EntityPlace[] => {
    if (byName.get(record.source)?.type !== "person") return [];
    return state.facts.contractsOf(record, mostContracts).toSorted((one, other) => compareContracts(one, other, today));
  };
  return (record) => {
    let places: readonly EntityPlace[] = [record];
    for (let step = 0; step <= mostSteps && places.length > 0; step++) {
      const value = places.map(valueIn).find((found) => found !== undefined);
      if (value !== undefined) return teams[value] ?? otherwise;
      const above = places.flatMap(({ source, key }) => state.entities.parentsOf(source, key));
      places = step === 0 ? [...contractsOf(record), ...above] : above;
    }
    return otherwise;
  };
}

/** What runs today comes first, then what is to begin, then what has ended last; of two that run the one in which it is the main participant, then the older one. */
function compareContracts(one: PlacedSpan, other: PlacedSpan, today: number): number {
  const [time, otherTime] = [timeOf(one, today), timeOf(other, today)];
  if (time !== otherTime) return time - otherTime;
  if (time === past) return (other.until ?? 0) - (one.until ?? 0);
  const isMain = Number(other.role === "main") - Number(one.role === "main");
  return isMain || (one.from ?? 0) - (other.from ?? 0);
}

const past = 2;

/** 0: it runs today, 1: it is to begin. */
function timeOf({ from, until }: PlacedSpan, today: number): number {
  if (until !== undefined && until < today) return past;
  return from !== undefined && from > today ? 1 : 0;
}
