/**
 * What the rules of quality compare entities by: keyed hashes of addresses and the like, and who uses which unit from when to when. Written in the transaction that
 * takes a read. The hashes' key is drawn once for each store, so that they say nothing to whoever has another one.
 */
import { hash } from "node:crypto";
import type { Fact, FactKind, FactReads, Facts, Holder, PlacedSpan, Span } from "../quality/judged.ts";
import type { Database, Statement } from "./database.ts";
import type { Names } from "./names.ts";
import type { EntityPlace, MetaStore } from "./store.ts";

/** What a change of an entity's facts touched: groups and users that must be judged anew. */
export interface FactChange {
  groups: readonly { kind: FactKind; hash: bigint }[];
  units: readonly bigint[];
  persons: readonly bigint[];
}

export interface FactStore extends FactReads {
  /** What is kept of an entity is now this. */
  put(place: EntityPlace, facts: Facts): FactChange;
  /** The entity is gone. */
  remove(place: EntityPlace): FactChange;
  /** Drops what is kept of the entities of all other sources; returns these. */
  keepOnly(sources: readonly string[]): readonly string[];
  /** Notes how an entity was last judged because of a group. */
  setHeld(self: bigint, group: { kind: FactKind; hash: bigint }, held: boolean): void;
  /** Which entity it is; undefined where no facts of it are kept. */
  placeOf(self: bigint): EntityPlace | undefined;
  /** Of each address that an entity has by its facts: whether it was last judged not to be sent with it, and who else has it, at most so many. */
  sharersOf(place: EntityPlace, most: number): readonly { held: boolean; others: readonly Holder[] }[];
  /** Periods in which a person stands, at most so many; none where no facts are kept. Good for readers, which can't write. */
  contractsOf(person: EntityPlace, most: number): readonly PlacedSpan[];
  /** Groups of a kind in the order of their hashes, from the first one after `after` on. */
  groups(kind: FactKind, after: bigint | undefined, most: number): readonly bigint[];
  /** How many entities have a fact: reads so many entries of an index. */
  countOf(kind: FactKind, hash: bigint): number;
  /** An entity has a fact no more. */
  drop(self: bigint, fact: { kind: FactKind; hash: bigint }): void;
  /** Units with a span, likewise. */
  units(after: bigint | undefined, most: number): readonly bigint[];
  /** Entities of a source that something is kept of, in the order of `self`; those with facts, or those with spans. */
  places(source: string, of: "fact" | "span", after: bigint | undefined, most: number): readonly { self: bigint; key: string }[];
}

interface FactRow {
  self: bigint;
  kind: FactKind;
  hash: bigint;
  detail: bigint;
  source: bigint;
  key: string;
  held: bigint | null;
}

interface SpanRow {
  no: bigint;
  self: bigint;
  source: bigint;
  key: string;
  kind: string;
  unit: bigint;
  person: bigint | null;
  role: string;
  from_day: bigint | null;
  until_day: bigint | null;
}

const keyName = "facts-key";
/** No hash is below it. */
const lowest = -(2n ** 63n);
const unchanged: FactChange = { groups: [], units: [], persons: [] };

/** @param drawKey 128 bits or more of chance as text; asked once in a store's life */
export function createFacts(
  database: Database,
  names: Names,
  { meta, drawKey }: { meta: MetaStore; drawKey: () => string },
): FactStore {
  const statements = prepareAll(database);
  let secret: string | undefined;
  database.on("rolled-back", () => {
    secret = undefined;
  });
  const secretOf = (): string => {
    secret ??= meta.get(keyName);
    if (secret === undefined) {
      secret = drawKey();
      meta.set(keyName, secret);
    }
    return secret;
  };
  const isKept = (): boolean => (secret ?? meta.get(keyName)) !== undefined;
  const hashOf = (kind: string, text: string): bigint =>
    hash("sha256", `${secretOf()}\0${kind}\0${text}`, "buffer").readBigInt64BE(0);
  const selfOf = (source: string, key: string): bigint => hashOf("entity", `${source}\0${key}`);
  const toHolder = (row: FactRow): Holder => ({
    self: row.self,
    source: names.name(Number(row.source)),
    key: row.key,
    detail: row.detail,
    held: row.held === null ? undefined : row.held === 1n,
  });
  const toSpan = (row: SpanRow): PlacedSpan => ({
    self: row.self,
    source: names.name(Number(row.source)),
    key: row.key,
    kind: row.kind,
    unit: row.unit,
    person: row.person ?? undefined,
    role: row.role,
    from: row.from_day === null ? undefined : Number(row.from_day),
    until: row.until_day === null ? undefined : Number(row.until_day),
  });
  const putFacts = (place: EntityPlace, self: bigint, facts: readonly Fact[]): FactChange["groups"] => {
    const before = statements.factsOf.all<FactRow>(self);
    const gone = before.filter((row) => !facts.some((fact) => isSameFact(fact, row)));
    const come = facts.filter((fact) => !before.some((row) => isSameFact(fact, row)));
    for (const { kind, hash: value } of gone) statements.removeFact.run(self, kind, value);
    for (const { kind, hash: value, detail } of come)
      statements.addFact.run(self, kind, value, detail, names.no(place.source), place.key);
    return [...gone, ...come].map(({ kind, hash: value }) => ({ kind, hash: value }));
  };
  const putSpans = (place: EntityPlace, self: bigint, spans: readonly Span[]): readonly Span[] => {
    const before = statements.spansOf.all<SpanRow>(self);
    if (before.length === 0 && spans.length === 0) return spans;
    const rows = before.map(toSpan);
    if (rows.length === spans.length && rows.every((row, at) => isSameSpan(row, spans[at] as Span))) return [];
    if (rows.length > 0) statements.removeSpans.run(self);
    for (const { kind, unit, person, role, from, until } of spans)
      statements.addSpan.run(
        self,
        names.no(place.source),
        place.key,
        kind,
        unit,
        person ?? null,
        role,
        from ?? null,
        until ?? null,
      );
    return [...rows, ...spans];
  };
  const put = (place: EntityPlace, { facts, spans }: Facts): FactChange =>
    database.transaction(() => {
      const self = selfOf(place.source, place.key);
      const groups = putFacts(place, self, facts);
      const touched = putSpans(place, self, spans);
      if (groups.length === 0 && touched.length === 0) return unchanged;
      const persons = touched.map(({ person }) => person).filter((person) => person !== undefined);
      return { groups, units: [...new Set(touched.map(({ unit }) => unit))], persons: [...new Set(persons)] };
    });
  return {
    hash: hashOf,
    selfOf,
    holders: (kind, value, most) => statements.holders.all<FactRow>(kind, value, most).map(toHolder),
    holdersSent: (kind, value, most) => statements.holdersSent.all<FactRow>(kind, value, most).map(toHolder),
    groups: (kind, after, most) => statements.groups.all<{ hash: bigint }>(kind, after ?? lowest, most).map((row) => row.hash),
    units: (after, most) => statements.units.all<{ unit: bigint }>(after ?? lowest, most).map(({ unit }) => unit),
    places: (source, of, after, most) =>
      statements[of === "fact" ? "factPlaces" : "spanPlaces"].all(after ?? lowest, names.no(source), most),
    spansOfUnit: (unit, most) => statements.spansOfUnit.all<SpanRow>(unit, most).map(toSpan),
    spansOfPerson: (person, most) => statements.spansOfPerson.all<SpanRow>(person, most).map(toSpan),
    sharersOf({ source, key }, most) {
      if (!isKept()) return [];
      const self = selfOf(source, key);
      const own = statements.factsOf.all<FactRow>(self).filter(({ kind }) => kind === "email");
      return own.map(({ kind, hash: value, held }) => ({
        held: held === 1n,
        others: statements.holders
          .all<FactRow>(kind, value, most + 1)
          .filter((row) => row.self !== self)
          .slice(0, most)
          .map(toHolder),
      }));
    },
    contractsOf({ source, key }, most) {
      return isKept() ? statements.spansOfPerson.all<SpanRow>(selfOf(source, key), most).map(toSpan) : [];
    },
    spansOf: (self) => statements.spansOf.all<SpanRow>(self).map(toSpan),
    countOf: (kind, value) => Number(statements.countOf.get<{ count: bigint }>(kind, value)?.count ?? 0n),
    drop: (self, { kind, hash: value }) => void database.transaction(() => statements.removeFact.run(self, kind, value)),
    put,
    remove: (place) => put(place, { facts: [], spans: [] }),
    keepOnly(sources) {
      const kept = sources.map((source) => names.no(source));
      const others = statements.sources.all<{ source: bigint }>().filter(({ source }) => !kept.includes(Number(source)));
      for (const { source } of others) {
        statements.removeFactsOf.run(source);
        statements.removeSpansOf.run(source);
      }
      return others.map(({ source }) => names.name(Number(source)));
    },
    setHeld(self, { kind, hash: value }, held) {
      database.transaction(() => statements.setHeld.run(Number(held), self, kind, value, Number(held)));
    },
    placeOf(self) {
      const [row] = statements.factsOf.all<FactRow>(self);
      return row && { source: names.name(Number(row.source)), key: row.key };
    },
    groupsOf: (self, kind) =>
      statements.factsOf
        .all<FactRow>(self)
        .filter((row) => row.kind === kind)
        .map((row) => row.hash),
  };
}

const isSameFact = (one: Pick<Fact, "kind" | "hash" | "detail">, other: Pick<Fact, "kind" | "hash" | "detail">): boolean =>
  one.hash === other.hash && one.kind === other.kind && one.detail === other.detail;

const isSameSpan = (one: Span, other: Span): boolean =>
  one.unit === other.unit &&
  one.person === other.person &&
  one.from === other.from &&
  one.until === other.until &&
  one.kind === other.kind &&
  one.role === other.role;

function prepareAll(database: Database) {
  const prepare = (sql: string): Statement => database.prepare(sql, { bigints: true });
  return {
    factsOf: prepare("SELECT * FROM fact WHERE self = ?"),
    addFact: prepare("INSERT INTO fact (self, kind, hash, detail, source, key) VALUES (?, ?, ?, ?, ?, ?)"),
    removeFact: prepare("DELETE FROM fact WHERE self = ? AND kind = ? AND hash = ?"),
    holders: prepare("SELECT * FROM fact WHERE kind = ? AND hash = ? ORDER BY self LIMIT ?"),
    holdersSent: prepare("SELECT * FROM fact WHERE kind = ? AND hash = ? AND held = 0 ORDER BY self LIMIT ?"),
    groups: prepare("SELECT DISTINCT hash FROM fact WHERE kind = ? AND hash > ? ORDER BY hash LIMIT ?"),
    countOf: prepare("SELECT count(*) AS count FROM fact WHERE kind = ? AND hash = ?"),
    units: prepare("SELECT DISTINCT unit FROM span WHERE unit > ? ORDER BY unit LIMIT ?"),
    factPlaces: prepare("SELECT DISTINCT self, key FROM fact WHERE self > ? AND source = ? ORDER BY self LIMIT ?"),
    spanPlaces: prepare("SELECT DISTINCT self, key FROM span WHERE self > ? AND source = ? ORDER BY self LIMIT ?"),
    sources: prepare("SELECT source FROM fact UNION SELECT source FROM span"),
    removeFactsOf: prepare("DELETE FROM fact WHERE source = ?"),
    removeSpansOf: prepare("DELETE FROM span WHERE source = ?"),
    setHeld: prepare("UPDATE fact SET held = ? WHERE self = ? AND kind = ? AND hash = ? AND held IS NOT ?"),
    spansOf: prepare("SELECT * FROM span WHERE self = ? ORDER BY no"),
    addSpan: prepare(`INSERT INTO span (self, source, key, kind, unit, person, role, from_day, until_day)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`),
    removeSpans: prepare("DELETE FROM span WHERE self = ?"),
    spansOfUnit: prepare("SELECT * FROM span WHERE unit = ? ORDER BY from_day, no LIMIT ?"),
    spansOfPerson: prepare("SELECT * FROM span WHERE person = ? ORDER BY from_day, no LIMIT ?"),
  };
}
