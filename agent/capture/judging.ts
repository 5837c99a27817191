/**
 * Lets the verdicts of quality take effect: facts are kept with the read that brings them, what is withheld never enters the outbox, and findings are
 * raised and closed in the same transaction. Whoever's verdict is another one because of somebody else's row is marked, and read again.
 */
import type { Mapped } from "../map/mapped.ts";
import type { FactLook, Judged, Quality, SourceRole, Subject } from "../quality/judged.ts";
import type { FactChange } from "../store/facts.ts";
import type { EntityPlace, QuarantineEntry, Store } from "../store/store.ts";
import { countedCodes } from "./counted-codes.ts";
import { type HeldFindings, watchHeld } from "./held-findings.ts";
import type { CaptureParts } from "./parts.ts";
import { createReportedGroups, type ReportedGroups } from "./reported-groups.ts";
import type { CapturedSource } from "./source.ts";

export interface Judging {
  roleOf(source: CapturedSource): SourceRole | undefined;
  /** Undefined: no rule looks at the source. Ask once for a transaction. */
  of(source: CapturedSource): SourceJudge | undefined;
  /** The same for rows that nobody knew before: those of a source that only reports are taken without, until its facts are gathered. */
  ofNew(source: CapturedSource): SourceJudge | undefined;
  /** What is kept of new rows of a source that is only watched, where the mapping noted something. Ask once for a transaction. */
  noted(source: CapturedSource): ((key: string, mapped: Entity) => void) | undefined;
  /** A source that is only watched was compared from its first row to its last: nothing of it need be gathered. */
  watched(source: CapturedSource): void;
  /** What waits in quarantine. */
  held: HeldFindings;
  /** Whether facts of the whole source are kept. */
  isGathered(source: CapturedSource): boolean;
  /** Under which that holds. */
  fingerprintOf(source: CapturedSource): string;
  /** Judges the groups that were touched. At the end of each transaction that gathered, or in which something went. */
  flush(): void;
  /** Judges some groups of addresses, from the first one after `after` on; returns the last one, undefined at the end. */
  judgeGroups(after: bigint | undefined): bigint | undefined;
  /** Whether what groups are judged by is another thing than when all of them were judged: the day, the rules, what is known of periods and of the staff. */
  owesGroups(): boolean;
  /** Now all of them are. `ground`: of before the first one, by `ground()`. */
  groupsJudged(ground: string | undefined): void;
  ground(): string | undefined;
  /** Groups that are only reported. */
  reported: Pick<ReportedGroups, "owes" | "judgeSome">;
  /** All is known that verdicts stand on, and everything was judged by it. */
  isThrough(): boolean;
}

type Entity = Extract<Mapped, { kind: "entity" }>;

/** For the entities of one source, within the transaction under way. */
export interface SourceJudge {
  /** Keeps the facts of an entity. What is read together is gathered before the first of it is judged. */
  gather(key: string, mapped: Entity): void;
  /** What is to be sent of an entity whose facts are kept; undefined: as it stands. */
  judge(key: string, mapped: Entity): Pick<Judged, "text" | "withheld" | "hold"> | undefined;
  /** The entity is gone. */
  gone(key: string): void;
}

/** Why an entity stands in quarantine. */
export function heldBy({
  rule,
  field,
}: NonNullable<Judged["hold"]>): Omit<QuarantineEntry, "source" | "key" | "type" | "id" | "since"> {
  const message = `The rule ${rule} holds it until it is mended in the ERP`;
  return { code: "quality", field, message, digest: undefined, waitsFor: undefined };
}

const groupsAtOnce = 200;
const dayMs = 86_400_000;
/** In every zone of today days begin at a full quarter of an hour of UTC. */
const quarterMs = 900_000;
/** Entities whose former place goes, looked at together. */
const mostMoved = 10_000;
/** Under which ground all groups were judged last. */
const judgedName = "quality-judged";
/** Raised with each domain that comes to belong to the staff, or no longer does. */
const domainsName = "quality-staff-domains";

type JudgingParts = Pick<CaptureParts, "store" | "clock" | "sources" | "timezone">;

export function createJudging(parts: JudgingParts, quality: Quality): Judging {
  const { store, clock } = parts;
  const { facts, findings, meta } = store;
  const readiness = openReadiness(parts, quality);
  const lookNow = (): FactLook => ({ ...facts, ...readiness.now() });
  const codes = countedCodes(store, () => clock.now());
  const isWatched = ({ mapping }: CapturedSource): boolean => quality.roleOf(mapping.source) === "watches";
  const judged = parts.sources.filter((source) => quality.roleOf(source.mapping.source) !== undefined && !isWatched(source));
  /** Undefined: groups can't be judged, or there are none. */
  const ground = (): string | undefined => {
    const { addressesKnown, spansKnown, today } = readiness.now();
    if (!addressesKnown || judged.length === 0) return undefined;
    return [quality.fingerprint, spansKnown, today, meta.get(domainsName) ?? 0].join(" ");
  };
  /** Addresses to be judged at the end of the transaction under way. */
  const emails = new Set<bigint>();
  const persons = new Set<bigint>();
  const reported = createReportedGroups({
    store,
    quality,
    now: () => clock.now(),
    known: () => ({ look: lookNow(), isAll: judged.every(readiness.isGathered) }),
  });
  const touch = (self: bigint, change: FactChange): void => {
    for (const { kind, hash } of change.groups) {
      if (kind === "staff-domain") touchDomain(hash);
      // Two who look like one share their address otherwise than others.
      else if (kind === "look") for (const own of facts.groupsOf(self, "email")) emails.add(own);
      // By the name somebody is found, and nobody judged.
      else if (kind === "email" || kind === "staff") emails.add(hash);
    }
    for (const person of change.persons) persons.add(person);
    reported.touch(change);
    codes.touch(change);
  };
  const touchDomain = (hash: bigint): void => {
    // More than one member more or less says nothing new of the domain.
    if (facts.holders("staff-domain", hash, 2).length < 2) meta.set(domainsName, String(Number(meta.get(domainsName) ?? 0) + 1));
  };
  const judgeEmail = (hash: bigint, look: FactLook): void => {
    const { raised, otherwise } = quality.judgeEmail(hash, look);
    findings.replace(hash, raised, clock.now());
    for (const { source, key } of otherwise) readAgain(store, { source, key }, clock.now());
  };
  /** What is found of the place that an entity left, beside what is found of itself. */
  const formerOf = (self: bigint): bigint => facts.hash("left", String(self));
  const of = (captured: CapturedSource): SourceJudge | undefined => {
    const { source, type, lacks = [] } = captured.mapping;
    if (quality.roleOf(source) === undefined) return undefined;
    const look = lookNow();
    // What the ERP lacks for now says nothing: facts that protect somebody, and what was found, stay until everything is mapped anew.
    const stays = (key: string): boolean => lacks.length > 0 && store.entities.known(source, key);
    const former = (key: string) => (): readonly EntityPlace[] => store.entities.parentsOf(source, key);
    const subjectOf = (key: string, { text, parents, notes }: Entity): Subject => ({
      ...{ source, type, key, text, parents, notes, former: former(key) },
    });
    return {
      gather(key, mapped) {
        if (stays(key)) return;
        const self = facts.selfOf(source, key);
        const gathered = quality.gather(subjectOf(key, mapped), facts);
        codes.name(gathered.codes);
        touch(self, facts.put({ source, key }, gathered));
        if (gathered.moved !== undefined) findings.replace(formerOf(self), gathered.moved, clock.now());
      },
      judge(key, mapped) {
        if (isWatched(captured)) return undefined;
        const { raised, held, ...judged } = quality.judge(subjectOf(key, mapped), look);
        const self = facts.selfOf(source, key);
        for (const group of held) facts.setHeld(self, group, group.held);
        if (!stays(key)) findings.replace(self, raised, clock.now());
        return judged;
      },
      gone(key) {
        const self = facts.selfOf(source, key);
        touch(self, facts.remove({ source, key }));
        for (const group of [self, formerOf(self)]) findings.replace(group, [], clock.now());
        // What it was is gone: whoever belonged to it was not moved, but renumbered with it.
        for (const moved of facts.holders("former", self, mostMoved)) {
          facts.drop(moved.self, { kind: "former", hash: self });
          findings.replace(formerOf(moved.self), [], clock.now());
        }
      },
    };
  };
  return {
    roleOf: ({ mapping }) => quality.roleOf(mapping.source),
    of,
    ofNew: (source) =>
      isWatched(source) || (quality.roleOf(source.mapping.source) === "reports" && !readiness.isGathered(source))
        ? undefined
        : of(source),
    noted(source) {
      const judge = isWatched(source) ? of(source) : undefined;
      return (
        judge &&
        ((key, mapped) => {
          if (mapped.notes.length > 0) judge.gather(key, mapped);
        })
      );
    },
    watched(source) {
      if (isWatched(source)) store.sources.update(source.mapping.source, { facts: readiness.fingerprintOf(source) });
    },
    held: watchHeld({ store, now: () => clock.now(), quality }),
    isGathered: readiness.isGathered,
    fingerprintOf: readiness.fingerprintOf,
    flush() {
      const look = lookNow();
      if (look.addressesKnown) {
        // Before all periods are known none of them decides anything.
        if (look.spansKnown) for (const person of persons) for (const hash of facts.groupsOf(person, "email")) emails.add(hash);
        for (const hash of emails) judgeEmail(hash, look);
      } else {
        // No round comes by an address that nobody has any more.
        for (const hash of emails) if (facts.holders("email", hash, 1).length === 0) findings.replace(hash, [], clock.now());
      }
      reported.flush();
      codes.flush();
      emails.clear();
      persons.clear();
    },
    judgeGroups(after) {
      const hashes = facts.groups("email", after, groupsAtOnce);
      const look = lookNow();
      store.transaction(() => {
        for (const hash of hashes) judgeEmail(hash, look);
      }, "quality");
      return hashes.length < groupsAtOnce ? undefined : hashes.at(-1);
    },
    ground,
    owesGroups: () => ground() !== undefined && ground() !== meta.get(judgedName),
    groupsJudged(of) {
      meta.set(judgedName, of);
      if (of === undefined) reported.forget();
    },
    reported,
    isThrough: () =>
      judged.every(readiness.isGathered) && (ground() === undefined || ground() === meta.get(judgedName)) && !reported.owes(),
  };
}

/** What is sent of it may be another thing now, although its row is not. */
function readAgain({ entities, pending }: Store, { source, key }: { source: string; key: string }, now: number): void {
  entities.voidRowDigests(source, key);
  // What waits for its delete goes on waiting: it is read when its time has come.
  const stage = pending.get(source, key)?.stage;
  if (stage === undefined || stage === "confirm") pending.mark(source, [key], { now, confirm: false });
}

/** How much is known of what verdicts stand on. */
function openReadiness({ store, clock, sources, timezone }: JudgingParts, quality: Quality) {
  // With what the ERP's schema lacks for now facts are not complete: they are gathered anew when it is back.
  // Of a source that is only watched each row that is mapped anew is seen anyway.
  const fingerprintOf = ({ mapping }: CapturedSource): string =>
    quality.roleOf(mapping.source) === "watches"
      ? quality.fingerprint
      : [mapping.fingerprint, quality.fingerprint, ...(mapping.lacks ?? [])].join(" ");
  const isGathered = (source: CapturedSource): boolean =>
    store.sources.get(source.mapping.source).facts === fingerprintOf(source);
  const today = dayIn(timezone);
  const protecting = sources.filter(({ mapping }) => quality.roleOf(mapping.source) === "protects");
  const ofPeriods = sources.filter(({ mapping }) => quality.hasSpans(mapping.source));
  return {
    fingerprintOf,
    isGathered,
    now: (): Pick<FactLook, "addressesKnown" | "spansKnown" | "today"> => ({
      addressesKnown: protecting.every(isGathered),
      spansKnown: ofPeriods.every(isGathered),
      today: today(clock.now()),
    }),
  };
}

/** The local day of a moment: asked for at each commit and waking, and the same for a while. */
function dayIn(timezone: string): (now: number) => number {
  let known = { quarter: Number.NaN, day: 0 };
  return (now) => {
    const quarter = Math.floor(now / quarterMs);
    if (quarter !== known.quarter) known = { quarter, day: localDay(now, timezone) };
    return known.day;
  };
}

/** Days since 1970-01-01 of the local date. */
function localDay(now: number, timezone: string): number {
  const { year, month, day } = Temporal.Instant.fromEpochMilliseconds(now).toZonedDateTimeISO(timezone);
  return Date.UTC(year, month - 1, day) / dayMs;
}
