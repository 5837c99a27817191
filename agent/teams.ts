/** Which team a record belongs to: by a column in its own key, or in that of the nearest record that it belongs to. */
import { decodeKey } from "../base/key.ts";
import type { Config, DeliverConfig } from "../config/config.ts";
import type { PlacedSpan } from "./quality/judged.ts";
import type { EntityPlace, StoreReader } from "./store/store.ts";

/** A person's contract, a contract's unit, its building, its estate, and one more. */
const mostSteps = 5;
/** Contracts of one person that are looked at. */
const mostContracts = 100;
/** Others that name a person: estates that they own, tickets that they have reported. */
const mostNaming = 20;

export interface TeamParts {
  state: Pick<StoreReader, "entities" | "facts">;
  sources: Config["sources"];
  deliver: Pick<DeliverConfig, "column" | "teams" | "otherwise">;
  /** The ERP's local date, days since 1970-01-01. */
  today: number;
}

export interface Teams {
  /** Name of the team, or of the list for what belongs to none; undefined for a person whom only others can place. */
  of(record: EntityPlace): string | undefined;
  /** The same for those persons, by what names them. */
  ofNamed(records: readonly EntityPlace[]): (record: EntityPlace) => string;
}

/** A record belongs to what it refers to, and a person to the contracts in which it stands, before all to the one that runs today; without any to what names them. */
export function teamsBy({ state, sources, deliver, today }: TeamParts): Teams {
  const { column, teams, otherwise } = deliver;
  const byName = new Map(sources.map((source) => [source.name, source]));
  const isPerson = ({ source }: EntityPlace): boolean => byName.get(source)?.type === "person";
  const valueIn = ({ source, key }: EntityPlace): string | undefined => {
    const at = byName.get(source)?.key.indexOf(column) ?? -1;
    return at < 0 ? undefined : decodeKey(key)?.[at];
  };
  const contractsOf = (record: EntityPlace): readonly EntityPlace[] => {
    if (!isPerson(record)) return [];
    return state.facts.contractsOf(record, mostContracts).toSorted((one, other) => compareContracts(one, other, today));
  };
  const climb = (from: readonly EntityPlace[], besides: (step: number) => readonly EntityPlace[]): string | undefined => {
    let places = from;
    for (let step = 0; step <= mostSteps && places.length > 0; step++) {
      const value = places.map(valueIn).find((found) => found !== undefined);
      if (value !== undefined) return teams[value] ?? otherwise;
      places = [...besides(step), ...places.flatMap(({ source, key }) => state.entities.parentsOf(source, key))];
    }
    return undefined;
  };
  return {
    of(record) {
      const team = climb([record], (step) => (step === 0 ? contractsOf(record) : []));
      return team ?? (column !== "" && isPerson(record) ? undefined : otherwise);
    },
    ofNamed(records) {
      const naming = namesOf(state, records);
      return (record) => climb(naming.get(nameOf(record)) ?? [], () => []) ?? otherwise;
    },
  };
}

const nameOf = ({ source, key }: EntityPlace): string => `${source} ${key}`;

/** Who refers to each of the records; asked for many at once, since all references are gone through. */
function namesOf({ entities }: TeamParts["state"], records: readonly EntityPlace[]): ReadonlyMap<string, readonly EntityPlace[]> {
  const found = new Map<string, readonly EntityPlace[]>();
  for (const source of new Set(records.map((record) => record.source))) {
    const keys = [...new Set(records.flatMap((record) => (record.source === source ? [record.key] : [])))];
    for (const [at, named] of entities.dependentsOf(source, keys, mostNaming).entries())
      found.set(nameOf({ source, key: keys[at] as string }), named);
  }
  return found;
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
