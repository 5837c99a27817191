/**
 * What quality makes of an entity and what it asks of the others: the contract between the rules, capture, which lets a verdict take effect, and the store,
 * which keeps the facts. Facts are keyed hashes: no value of a person is among them.
 */
import type { QualityConfig } from "../../config/config.ts";
import type { EntityText } from "../../protocol/entity-text.ts";
import type { TypeName } from "../../protocol/model.ts";
import type { Parent, RowNote } from "../map/mapped.ts";

/** What a fact says; entities with the same kind and hash are a group, and are judged together. */
export type FactKind =
  /** An address of a person, that no rule has dismissed by its looks alone. `detail`: its domain. */
  | "email"
  /** An address of a team member, under the same hash. */
  | "staff"
  /** The domain of a team member's address, where it is not one that everybody may have an address at: the hash that is `detail` of an address. */
  | "staff-domain"
  /** A person's name, where the portal may ask for it. */
  | "name"
  /** Name and date of birth of a person, or name and postal address where the date is not known. */
  | "look"
  /** A person who can be reached, or was born some day: not one who is known by name alone. Its hash is the person's own `self`. */
  | "reachable"
  /** A code that has its value by a map's default alone. */
  | "code"
  /** What it belonged to before it was moved: its hash is the former one's `self`. */
  | "former";

/** Names of all rules: in the configuration, in findings and in the documentation. */
export type RuleName = keyof QualityConfig["actions"];

/** All that findings are raised by: the rules, what waits in quarantine, the look at the ERP's schema, and what comes of the portal's commands and questions. */
export type FindingName = RuleName | HeldName | DocumentName | "schema-missing" | "field-conflict" | "person-maybe-known";

/** Bytes of a document that the portal has asked for and that can't be had. */
export type DocumentName = "document-missing" | "document-unreadable" | "document-too-large" | "document-outside";

/** What waits in quarantine, or was sent without a reference. */
export type HeldName = "parent-missing" | "code-unknown" | "row-held";

/** Those that may withhold what they find fault with; all others only report. */
export type WithholdingRule = {
  [Rule in RuleName]: "hold" extends QualityConfig["actions"][Rule] ? Rule : never;
}[RuleName];

export interface Fact {
  kind: FactKind;
  /** Signed 64 bits (`FactReads.hash`). */
  hash: bigint;
  /** A second hash, for the rules of the kind; 0n where it has none. */
  detail: bigint;
}

/** Who uses a unit from when to when: one for each participant of a utilisation period, one without a person where there is none. */
export interface Span {
  /** The period's kind in the model. */
  kind: string;
  /** `FactReads.selfOf` of unit and person. */
  unit: bigint;
  person: bigint | undefined;
  /** The participant's role in the model; empty without a person. */
  role: string;
  /** Days since 1970-01-01; `until` is inclusive. */
  from: number | undefined;
  until: number | undefined;
}

/** All that is kept of an entity. */
export interface Facts {
  facts: readonly Fact[];
  spans: readonly Span[];
  /** What findings of its codes say, but how many they are: for each fact of the kind. */
  codes?: readonly { hash: bigint; raised: Raised }[];
  /** What is found of its former place; undefined: the same as before. */
  moved?: readonly Raised[];
}

/** An entity that has a fact. */
export interface Holder {
  self: bigint;
  source: string;
  key: string;
  detail: bigint;
  /** Whether it was last sent without the value, or held, because of its group; undefined before it was judged. */
  held: boolean | undefined;
}

export interface PlacedSpan extends Span {
  self: bigint;
  source: string;
  key: string;
}

/** What the store tells of facts. Answers stand for the transaction under way. */
export interface FactReads {
  /** Signed 64 bits under a key that only this store has. */
  hash(kind: string, text: string): bigint;
  /** By which facts and spans name an entity. */
  selfOf(source: string, key: string): bigint;
  /** Of a group, in the order of `self`, at most so many. */
  holders(kind: FactKind, hash: bigint, most: number): readonly Holder[];
  /** The same of those that were last sent with the value. */
  holdersSent(kind: FactKind, hash: bigint, most: number): readonly Holder[];
  /** Hashes of one kind that an entity has. */
  groupsOf(self: bigint, kind: FactKind): readonly bigint[];
  /** In the order of their beginnings, those without one first; likewise below. */
  spansOfUnit(unit: bigint, most: number): readonly PlacedSpan[];
  spansOfPerson(person: bigint, most: number): readonly PlacedSpan[];
  /** What is kept of a period. */
  spansOf(self: bigint): readonly Span[];
}

/** What a rule may ask. */
export interface FactLook extends FactReads {
  /** Whether the facts of every source that protects are complete: before that no address is known to be nobody else's. */
  addressesKnown: boolean;
  /** Whether those of all utilisation periods are. */
  spansKnown: boolean;
  /** The ERP's local date, days since 1970-01-01. */
  today: number;
}

/** Where an entity is found. */
export interface Place {
  source: string;
  key: string;
}

/** An entry of the quarantine. */
export interface Held extends Place {
  code: string;
  field: string | undefined;
  waitsFor: Place | undefined;
}

/** An entity as it is mapped. */
export interface Subject {
  source: string;
  type: TypeName;
  key: string;
  text: EntityText;
  parents: readonly Parent[];
  notes: readonly RowNote[];
  /** What it referred to when it was last sent. */
  former: () => readonly Place[];
}

/** What a rule has found; the text for people is made of it later (docs/quality.md). */
export interface Raised {
  rule: FindingName;
  source: string;
  key: string;
  /** Field of the model; empty where it concerns the whole. */
  field: string;
  /** Key of the other entity where a finding names two; else empty. */
  other: string;
  /** Codes, keys, dates and counts, never a value of a person. */
  params: Readonly<Record<string, string | number>>;
}

/** What becomes of one entity. */
export interface Judged {
  /** As it is to be sent. */
  text: EntityText;
  /** Fields that are null only because a rule withholds them. */
  withheld: readonly string[];
  /** The entity waits in quarantine. */
  hold: { rule: WithholdingRule; field: string } | undefined;
  /** How its facts were judged. */
  held: readonly { kind: FactKind; hash: bigint; held: boolean }[];
  /** What is wrong with the entity by itself. */
  raised: readonly Raised[];
}

/** How a group stands now. */
export interface GroupVerdict {
  raised: readonly Raised[];
  /** Members whose last sending (`Holder.held`) does not fit how they stand now: they are to be sent again. */
  otherwise: readonly Holder[];
}

/**
 * What is judged together and only reported: persons with one look, a person with all of its periods, the periods of a unit. Under the fact's hash, or under
 * `selfOf` the person or unit.
 */
export interface Group {
  kind: "look" | "person" | "unit";
  hash: bigint;
}

/**
 * `protects`: what is sent of a source, or of another one, depends on its facts, which are complete before its first compare. `reports`: its rules find
 * fault, but change nothing that is sent; its facts are gathered after the first compare. `watches`: what is kept of it is seldom anything, and comes with
 * each read by itself.
 */
export type SourceRole = "protects" | "reports" | "watches";

/** The rules of quality under one configuration. Pure: no I/O, no clock. */
export interface Quality {
  /** Undefined: no rule looks at the source. */
  roleOf(source: string): SourceRole | undefined;
  /** Whether utilisation periods come of the source. */
  hasSpans(source: string): boolean;
  /** Changes whenever the same entity could be judged otherwise. */
  readonly fingerprint: string;
  gather(subject: Subject, look: FactReads): Facts;
  judge(subject: Subject, look: FactLook): Judged;
  /** The addresses of all persons that have this hash. */
  judgeEmail(hash: bigint, look: FactLook): GroupVerdict;
  /** What is wrong with a group. Only once the facts of all persons and periods are complete. */
  judgeGroup(group: Group, look: FactReads & Pick<FactLook, "today">): readonly Raised[];
  /** `isHeld`: whether a place stands in quarantine. */
  judgeHeld(entry: Held, isHeld: (place: Place) => boolean): readonly Raised[];
  /** An entity that was sent without references to these. */
  judgeAwaiting(child: Place, parents: readonly Place[], isHeld: (place: Place) => boolean): readonly Raised[];
}
